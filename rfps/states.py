"""What the list of base stations says about each: colours, words and the order of states."""

from __future__ import annotations

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

from rfps.models import RfpLive
from standby.presentation import Label, Tone


class RfpState(TextChoices):
    """How a base station stands with this OMM."""

    CONNECTED = "connected", _("Connected")
    NOT_CONNECTED = "not_connected", _("Not connected")
    NEVER_SEEN = "never_seen", _("Never seen")


class RfpCondition(TextChoices):
    """What base stations are looked for by; one may fit several."""

    CONNECTED = "connected", _("Connected")
    NOT_CONNECTED = "not_connected", _("Not connected")
    NEVER_SEEN = "never_seen", _("Never seen")
    DECT_OFF = "dect_off", _("DECT off")
    NO_STANDBY = "no_standby", _("Without a second OMM")
    OTHER_OMM = "other_omm", _("With other OMM addresses")


LABELS = {
    RfpState.CONNECTED.value: Label(RfpState.CONNECTED.label, Tone.OK, "ok"),
    RfpState.NOT_CONNECTED.value: Label(RfpState.NOT_CONNECTED.label, Tone.WARN, "warn"),
    RfpState.NEVER_SEEN.value: Label(RfpState.NEVER_SEEN.label, Tone.IDLE, "idle"),
}
RANKS = {state: rank for rank, state in enumerate(RfpState)}


def rfp_state(live: RfpLive | None) -> RfpState:
    """The state of a base station from what it last reported; None when it never did."""
    return state_of(None if live is None else live.connected)


def state_of(connected: bool | None) -> RfpState:  # noqa: FBT001 - it is the one thing told
    """The state by whether it is connected; None for one that never was."""
    return _STATES[connected]


_STATES = {
    True: RfpState.CONNECTED,
    False: RfpState.NOT_CONNECTED,
    None: RfpState.NEVER_SEEN,
}
