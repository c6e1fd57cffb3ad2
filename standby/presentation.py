"""The pair in people's words: labels, tones and icons of every state, in one place.

Pages render them on the server; ``labels()`` hands the same words to the script that keeps an
open page current, so that both always say the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from django.utils.functional import Promise
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from standby.document import Document, lag

Text = str | Promise


class Tone(StrEnum):
    """How a state feels; each has a colour in the style sheet."""

    OK = "ok"
    INFO = "info"
    WARN = "warn"
    ERROR = "error"
    IDLE = "idle"


@dataclass(frozen=True, slots=True)
class Label:
    """A state as people see it: never by colour alone, always with a word and an icon."""

    text: Text
    tone: Tone
    icon: str


@dataclass(frozen=True, slots=True)
class WarningText:
    """A warning's title and what to do about it."""

    title: Text
    advice: Text
    path: Text = ""
    """Where to do it; empty for no single page."""


NEWEST_SPLIT = "/splits/?newest"

ROLES = {
    "active": Label(_("Active"), Tone.OK, "ok"),
    "standby": Label(_("Standby"), Tone.INFO, "standby"),
    "starting": Label(_("Starting"), Tone.IDLE, "wait"),
    "failed": Label(_("Failed"), Tone.ERROR, "error"),
}
PEER_STATES = {
    **ROLES,
    "no_contact": Label(_("No contact"), Tone.ERROR, "error"),
    "none": Label(_("Not configured"), Tone.IDLE, "idle"),
}
PAIR_STATES = {
    "synchronised": Label(_("Synchronised"), Tone.OK, "ok"),
    "not_synchronised": Label(_("Not synchronised"), Tone.WARN, "warn"),
    "no_standby": Label(_("No Standby"), Tone.ERROR, "error"),
    "no_active": Label(_("No active OMM"), Tone.ERROR, "error"),
    "single": Label(_("Single OMM"), Tone.IDLE, "idle"),
}
SIP_STATES = {
    "reachable": Label(_("Reachable"), Tone.OK, "ok"),
    "unreachable": Label(_("Not reachable"), Tone.ERROR, "error"),
    "unknown": Label(_("Being checked"), Tone.IDLE, "wait"),
    "none": Label(_("Not configured"), Tone.IDLE, "idle"),
}
PATH_STATES = {
    "true": Label(_("Heard"), Tone.OK, "ok"),
    "false": Label(_("Silent"), Tone.ERROR, "error"),
}
"""Of a heartbeat path; the keys are JSON's words, as the page's script sees them."""
CONTACTS = {
    "true": Label(_("In contact"), Tone.OK, "ok"),
    "false": Label(_("No contact"), Tone.ERROR, "error"),
}
"""Of the link to the other OMM; JSON's words again."""
SEVERITIES = {
    "info": Label(_("Information"), Tone.INFO, "info"),
    "warning": Label(_("Warning"), Tone.WARN, "warn"),
    "error": Label(_("Error"), Tone.ERROR, "error"),
}
SET_ASIDE_STATES = {
    "merged": Label(_("Merged"), Tone.OK, "ok"),
    "open": Label(_("Open"), Tone.WARN, "warn"),
    "kept": Label(_("Kept"), Tone.IDLE, "ok"),
    "replaced": Label(_("Replaced"), Tone.INFO, "ok"),
}
WARNINGS = {
    "no_standby": WarningText(
        _("No Standby"),
        _(
            "Start the other OMM or repair the network between the two. Until then changes are "
            "kept on this OMM only."
        ),
    ),
    "not_synchronised": WarningText(
        _("Not synchronised"),
        _("Wait for the transfer to finish. If it does not, look at the events of both OMMs."),
    ),
    "sip_unreachable": WarningText(
        _("SIP proxy not reachable"),
        _(
            "Check the SIP settings and the network to the proxy. Without its answer no OMM "
            "takes over."
        ),
    ),
    "split_resolved": WarningText(
        _("Split resolved"), _("Review the changes that were set aside."), NEWEST_SPLIT
    ),
    "wrong_peer": WarningText(
        _("Wrong peer"),
        _("Check the peer address and the pair secret of both OMMs; they must belong together."),
    ),
    "version_mismatch": WarningText(
        _("Versions differ"), _("Bring both OMMs to the same version.")
    ),
    "settings_differ": WarningText(
        _("Settings of the OMMs differ"), _("Give both OMMs the same values.")
    ),
    "clock_skew": WarningText(
        _("Clocks differ"), _("Set both hosts' clocks, best with the same NTP servers.")
    ),
    "omm_error": WarningText(
        _("OMM error"), _("Look at the events and the disk of the OMM that reports it.")
    ),
    "frozen": WarningText(
        _("OMM stood still"),
        _("The host paused this OMM. Check its load and, if virtual, its snapshots."),
    ),
    "flapping": WarningText(
        _("Changing roles too often"), _("Find the error that repeats in the events.")
    ),
    "path_down": WarningText(
        _("Heartbeat path down"), _("Check the network of the path that is named.")
    ),
    "witness_unreachable": WarningText(
        _("Witness does not answer"),
        _("Start the witness, and check its address, its pair secret and the network to it."),
    ),
    "maintenance": WarningText(
        _("Maintenance"), _("No automatic takeover happens until the maintenance ends.")
    ),
    "rfp_standby_mismatch": WarningText(
        _("Base stations without standby"),
        _("Tell these base stations both OMM addresses, by DHCP or locally."),
    ),
    "pair_secret": WarningText(
        _("Pair secret"), _("Finish the change of the pair secret, step by step.")
    ),
    "disk_low": WarningText(_("Disk nearly full"), _("Free space on the host's disk.")),
    "backup_failed": WarningText(_("Backup failed"), _("Check the backup's target and try again.")),
}
RULE_TITLES: dict[str, Text] = {
    "contact": _("Loss of contact"),
    "paths": _("Heartbeat paths"),
    "witness": _("Witness"),
    "maintenance": _("Maintenance"),
    "error_budget": _("Hand-overs for errors"),
    "sip": _("SIP proxy"),
    "split": _("Both active"),
}
NO_WARNING_TEXT = WarningText("", "")

BADGES = {
    "live": Label(_("Live"), Tone.OK, "live"),
    "polling": Label(_("Polling"), Tone.OK, "wait"),
    "stale": Label(_("Stale since"), Tone.WARN, "warn"),
    "moving": Label(_("Moving to the other OMM"), Tone.WARN, "pair"),
}


def peer_state(document: Document) -> str:
    """A key of PEER_STATES."""
    peer = document.get("peer")
    if not peer:
        return "none"
    return str(peer.get("role") or "no_contact") if peer.get("in_contact") else "no_contact"


def pair_state(document: Document) -> str:
    """A key of PAIR_STATES: the pair's condition in one word."""
    codes = {warning.get("code") for warning in document.get("warnings", ())}
    node = document.get("node", {})
    if node.get("role") != "active" and peer_state(document) != "active":
        return "no_active"
    if not document.get("peer"):
        return "single"
    if "no_standby" in codes or peer_state(document) == "no_contact":
        return "no_standby"
    return "synchronised" if node.get("synchronised") else "not_synchronised"


def sip_state(document: Document) -> str:
    """A key of SIP_STATES."""
    sip = document.get("sip") or {}
    if not sip.get("configured"):
        return "none"
    if sip.get("reachable") is None:
        return "unknown"
    return "reachable" if sip["reachable"] else "unreachable"


def derived(document: Document) -> Document:
    """``document`` with the states that pages show beside its own fields."""
    return {
        **document,
        "pair_state": pair_state(document),
        "peer_state": peer_state(document),
        "sip_state": sip_state(document),
        "lag": lag(document),
    }


def warning_rows(document: Document) -> list[Document]:
    """The document's warnings with title, tone, icon and advice, the gravest first."""
    order = {"error": 0, "warning": 1, "info": 2}
    found = sorted(
        document.get("warnings", ()), key=lambda row: order.get(row.get("severity", ""), 3)
    )
    return [_warning_row(row) for row in found]


def _warning_row(row: Document) -> Document:
    text = WARNINGS.get(row.get("code", ""), NO_WARNING_TEXT)
    label = SEVERITIES.get(row.get("severity", ""), SEVERITIES["warning"])
    message = str(row.get("message", ""))
    title = str(text.title) or message
    return {
        **row,
        "title": title,
        "message": _without_title(message, title),
        "advice": str(row.get("advice") or text.advice),
        "path": str(text.path),
        "label": label,
    }


def rule_rows(document: Document) -> list[tuple[int, Text]]:
    """The rules in force: the place of each in the document, and its title."""
    return [
        (number, RULE_TITLES.get(row.get("code", ""), ""))
        for number, row in enumerate(document.get("rules") or ())
    ]


def event_rows(events: Iterable[Document]) -> list[Document]:
    """Events with the label of their severity."""
    return [
        {**event, "label": SEVERITIES.get(event["severity"], SEVERITIES["info"])}
        for event in events
    ]


def _without_title(message: str, title: str) -> str:
    """The rest of a message that begins with its own title."""
    rest = message.removeprefix(title).lstrip(": ")
    return rest[:1].upper() + rest[1:]


KINDS: dict[str, Mapping[str, Label]] = {
    "role": ROLES,
    "peer": PEER_STATES,
    "pair": PAIR_STATES,
    "sip": SIP_STATES,
    "path": PATH_STATES,
    "contact": CONTACTS,
    "severity": SEVERITIES,
    "badge": BADGES,
    "set_aside": SET_ASIDE_STATES,
}


def add_kind(kind: str, known: Mapping[str, Label]) -> None:
    """States of another app, for ``pill`` and ``live``."""
    KINDS[kind] = known


def labels() -> Document:
    """Every word that the page's script needs, as plain JSON values."""
    return _labels(get_language() or "")


@lru_cache(maxsize=16)
def _labels(_language: str) -> Document:
    """The words in the language of this request, put together once; not to be altered."""
    kinds = {
        kind: {
            code: {"text": str(label.text), "tone": label.tone.value, "icon": label.icon}
            for code, label in known.items()
        }
        for kind, known in KINDS.items()
    }
    warnings = {
        code: {"title": str(text.title), "advice": str(text.advice), "path": str(text.path)}
        for code, text in WARNINGS.items()
    }
    return {
        "kinds": kinds,
        "warnings": warnings,
        "texts": {
            "since": str(_("since")),
            "to_do": str(_("What to do:")),
            "now_safe": str(_("Saved. The change is now safe on both OMMs.")),
            "moved": str(
                _(
                    "The OMM %(omm)s is active now, but your unsaved text cannot be taken along. "
                    "Copy what you need, then go on there."
                )
            ),
            "waiting": str(
                _(
                    "This OMM does not answer at the moment. Your text is kept: it is saved as "
                    "soon as this OMM answers, or goes along to the other one."
                )
            ),
            "signed_out": str(
                _(
                    "You are signed out of this OMM. What you typed is not saved: copy what you "
                    "need, then load this page again to sign in."
                )
            ),
            "go": str(_("Go to the active OMM")),
            "seconds_left": str(_("%(seconds)s s left")),
            "over": str(_("The time is over; the addresses are being reverted.")),
            "chart": str(
                _("%(name)s, last %(hours)s h: %(now)s now, between %(least)s and %(most)s")
            ),
            "chart_range": str(_("%(least)s to %(most)s")),
            "chart_steady": str(_("unchanged")),
            "who_was_active": str(_("Who was active: %(list)s.")),
            "without_active": str(_("Without an active OMM: %(seconds)s s.")),
        },
    }
