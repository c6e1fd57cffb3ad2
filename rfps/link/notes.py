"""What happens on the link as events of this OMM: one line each, or one for many at once."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass

from django.conf import settings
from django.core.cache import cache
from django.db import DatabaseError

from standby.domain.sentence import TEXTS, Sentence, pack, say
from standby.models import Event, Severity

CONNECTED = "rfp_connected"
LOST = "rfp_lost"
REFUSED = "rfp_refused"
SINGLY = 5
"""More than so many of a kind at once are one event."""
NAMED = 50
"""Base stations that such an event names in its details."""
QUIET = 60
"""Seconds in which the same reason is told once for the same base station or address."""
UNREMARKABLE = frozenset({"closed", "role_lost", "not_now", "not_safe_yet"})
"""Reasons that pass by themselves and are no refusal."""

REASONS = {
    "closed": say("it closed the connection"),
    "silent": say("no heartbeat for three intervals"),
    "replaced": say("it connected a second time"),
    "role_lost": say("this OMM is no longer active"),
    "does_not_read": say("it takes no data"),
    "unknown": say("it is not configured"),
    "too_old": say("its software is too old"),
    "no_proof": say("it does not hold its key; re-enrol it"),
    "too_slow": say("it did not finish the handshake in time"),
    "our_fault": say("this OMM made a mistake; its log says which"),
    "half_open": say("too many unfinished connections from its address"),
}

log = logging.getLogger("rfps.link")


@dataclass(frozen=True, slots=True)
class Note:
    """One thing that happened to one base station."""

    code: str
    name: str
    mac: str
    address: str
    reason: str = ""

    @property
    def why(self) -> Sentence:
        """The reason as a sentence."""
        return REASONS.get(self.reason) or say("what it sent is not understood")


def keep(told: Iterable[Note]) -> None:
    """Write events; never fails its caller."""
    groups: dict[tuple[str, str], list[Note]] = {}
    for note in told:
        if note.code == REFUSED and not _is_news(note):
            continue
        groups.setdefault((note.code, note.reason.partition(":")[0]), []).append(note)
    events: list[Event] = []
    for group in groups.values():
        events += [_many(group)] if len(group) > SINGLY else map(_one, group)
    try:
        Event.objects.bulk_create(events)
    except DatabaseError:
        log.warning("%d events of base stations could not be kept", len(events), exc_info=True)


def _is_news(note: Note) -> bool:
    reason = note.reason.partition(":")[0]
    key = f"rfp-refused:{note.mac or note.address}:{reason}".replace(" ", "")
    return bool(cache.add(key, 1, QUIET))


def _one(note: Note) -> Event:
    who = note.name or note.mac or say("a device at %(address)s", address=note.address)
    values = {"who": who, "address": note.address, "why": note.why}
    if note.code == CONNECTED:
        text = say("Base station %(who)s is connected (%(address)s).", **values)
    elif note.code == LOST:
        text = say("Base station %(who)s is not connected any more: %(why)s.", **values)
    else:
        text = say("Base station %(who)s was refused: %(why)s.", **values)
    details: dict[str, object] = {"mac": note.mac, "address": note.address}
    if note.reason:
        details["reason"] = note.reason
    return _event(note.code, text, details)


def _many(group: list[Note]) -> Event:
    first, count = group[0], len(group)
    if first.code == CONNECTED:
        text = say("%(count)s base stations are connected.", count=count)
    elif first.code == LOST:
        text = say(
            "%(count)s base stations are not connected any more: %(why)s.",
            count=count,
            why=first.why,
        )
    else:
        text = say("%(count)s base stations were refused: %(why)s.", count=count, why=first.why)
    names = sorted(note.name or note.mac or note.address for note in group)
    return _event(first.code, text, {"count": count, "first": names[:NAMED]})


def _event(code: str, text: Sentence, details: dict[str, object]) -> Event:
    return Event(
        node=settings.OMM.address,
        code=code,
        severity=Severity.INFO if code == CONNECTED else Severity.WARNING,
        message=text,
        details=details,
        texts=pack({"message": text}).get(TEXTS, {}),
    )
