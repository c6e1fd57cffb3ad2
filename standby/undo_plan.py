"""What an undo does, object by object, with all that speaks against it, and the mark of that."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from standby.domain.aside import BEGINNINGS
from standby.domain.merge import VERSION
from standby.domain.sentence import say
from standby.domain.undo import WHOLE, Kind, Objection
from standby.journal import registry
from standby.journal.entries import LINEAGE
from standby.journal.rows import Fields
from standby.models import JournalEntry

MOST = 500
"""Changes that can be named at once."""
MOST_TOGETHER = 5000
"""Changes of one undo, with all that was saved together with those that were named."""
LOOKED_AT = 200
"""Later changes of one object that are looked through for whoever changed a field again."""
BEGUN = say("What a pair begins with stays.")

Key = tuple[str, str]
"""Model and id of an object."""
Choices = Mapping[int, frozenset[str]]
"""The fields that are meant all the same, by change."""


@dataclass(frozen=True, slots=True)
class Obstacle:
    """What speaks against taking back one field of a change, or all of it (``field`` empty)."""

    seq: int
    key: Key
    objection: Objection
    ours: Any = None
    former: Any = None
    later: JournalEntry | None = None
    """The last change of that field."""

    @property
    def id(self) -> str:
        """Names it when somebody overrules it."""
        field = self.objection.field
        return f"{self.seq}:{field}" if field else str(self.seq)


@dataclass(frozen=True, slots=True)
class Outcome:
    """An object before and after the undo; None where it is not there."""

    key: Key
    now: Fields | None
    then: Fields | None

    @property
    def differs(self) -> bool:
        """True when something becomes of it."""
        return _without_version(self.now) != _without_version(self.then)


@dataclass(frozen=True, slots=True)
class Undo:
    """What an undo does; ``seen`` is the mark of all of it."""

    entries: Sequence[JournalEntry]
    outcomes: Sequence[Outcome]
    obstacles: Sequence[Obstacle]
    seen: str

    def is_as(self, seen: str) -> bool:
        """True when this is what a preview with that mark showed."""
        return seen.partition("-")[2] == self.seen.partition("-")[2]

    @property
    def is_empty(self) -> bool:
        """True when nothing would be different afterwards."""
        return not any(outcome.differs for outcome in self.outcomes)

    @property
    def skipped(self) -> list[Obstacle]:
        """What stays as it is."""
        return [each for each in self.obstacles if not each.objection.overruled]


def why_it_stays(model: str, operation: str, source: str) -> str:
    """Why such a change is never taken back; empty when it may be."""
    if source == BEGINNINGS or operation == LINEAGE:
        return BEGUN
    found = registry.find(model)
    return found.rules.stays if found else ""


def picked(seqs: Collection[int], *, together: bool = True) -> list[JournalEntry]:
    """The changes with these numbers, newest first; ``together``: whole transactions.

    Raises ValidationError (``changes``) for none, too many, and unknown numbers.
    """
    if not seqs:
        raise _bad(_("Name the changes that are to be undone."))
    if len(seqs) > MOST:
        raise _bad(_("At most %(most)s changes can be undone at once.") % {"most": MOST})
    found = JournalEntry.objects.filter(seq__in=set(seqs))
    missing = set(seqs) - set(found.values_list("seq", flat=True))
    if missing:
        raise _bad(_("There is no change %(seq)s.") % {"seq": min(missing)})
    if together:
        transactions = found.order_by().values("transaction")
        found = JournalEntry.objects.filter(transaction__in=transactions)
    return _all_of(found)


def _all_of(found: QuerySet[JournalEntry]) -> list[JournalEntry]:
    entries = list(found.order_by("-seq")[: MOST_TOGETHER + 1])
    if len(entries) > MOST_TOGETHER:
        raise _bad(_("At most %(most)s changes can be undone at once.") % {"most": MOST_TOGETHER})
    return entries


def _bad(text: str) -> ValidationError:
    return ValidationError({"changes": [text]})


def with_later(obstacles: Iterable[Obstacle], entries: Sequence[JournalEntry]) -> list[Obstacle]:
    """Those that stand against a later change name it."""
    ours = {entry.seq for entry in entries}
    cache: dict[str, list[tuple[JournalEntry, frozenset[str]]]] = {}
    return [_named(each, ours, cache) for each in obstacles]


def _named(
    obstacle: Obstacle,
    undone: Collection[int],
    cache: dict[str, list[tuple[JournalEntry, frozenset[str]]]],
) -> Obstacle:
    if obstacle.objection.kind not in (Kind.CHANGED, Kind.GONE):
        return obstacle
    pk, field = obstacle.key[1], obstacle.objection.field
    if pk not in cache:
        cache[pk] = [(entry, _touched(entry)) for entry in _later(pk, min(undone))]
    later = next(
        (
            entry
            for entry, touched in cache[pk]
            if entry.seq > obstacle.seq
            and entry.seq not in undone
            and (field == WHOLE or field in touched)
        ),
        None,
    )
    return replace(obstacle, later=later)


def _later(pk: str, seq: int) -> list[JournalEntry]:
    found = JournalEntry.objects.filter(object=pk, seq__gt=seq).order_by("-seq")
    return list(found[:LOOKED_AT])


def _touched(entry: JournalEntry) -> frozenset[str]:
    body = json.loads(entry.body)
    return frozenset({**(body["before"] or {}), **(body["after"] or {})})


def mark_of(
    entries: Iterable[JournalEntry],
    choices: Choices,
    outcomes: Iterable[Outcome],
    obstacles: Iterable[Obstacle],
) -> str:
    """A mark of all that a preview shows; without what every run makes anew."""
    shown = [
        [entry.hash for entry in entries],
        sorted((seq, sorted(fields)) for seq, fields in choices.items()),
        [[each.key, each.now, _steady(each)] for each in outcomes],
        [[each.id, each.objection.kind, each.objection.reason] for each in obstacles],
    ]
    return hashlib.sha256(json.dumps(shown, sort_keys=True).encode()).hexdigest()[:32]


def _steady(outcome: Outcome) -> Fields | None:
    found = registry.find(outcome.key[0])
    if found is None or outcome.then is None:
        return None
    left = found.secret | found.rules.aside
    return {name: value for name, value in outcome.then.items() if name not in left}


def changed_since(plan: Undo, seen: str) -> list[JournalEntry]:
    """Changes of the same objects after the preview with this mark, newest first."""
    head, _, _rest = seen.partition("-")
    if not (head.isascii() and head.isdecimal() and len(head) < 19):
        return []
    objects = {each.key[1] for each in plan.outcomes}
    found = JournalEntry.objects.filter(object__in=objects, seq__gt=int(head))
    return list(found.order_by("-seq")[:LOOKED_AT])


def _without_version(fields: Fields | None) -> Fields | None:
    if fields is None:
        return None
    return {name: value for name, value in fields.items() if name != VERSION}
