"""Taking changes of the change log back: what would happen, and doing just that.

A preview is the undo itself in a transaction that is rolled back, so it meets the same rules in
the same order. It carries a mark; what is done later must have the same one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db import connection
from django.utils.translation import gettext as _

from standby import journal
from standby.domain.sentence import say
from standby.journal import Change, registry
from standby.journal.rows import Fields, table
from standby.models import JournalEntry
from standby.undo_plan import (
    Choices,
    Key,
    Outcome,
    Undo,
    changed_since,
    mark_of,
    with_later,
)
from standby.undo_steps import Doubts, at_once, one_by_one
from standby.written import Conflict, Written

SOURCE = "undo"


class UndoStale(Exception):
    """Something is not any more as the preview showed it; ``undo`` is what would happen now.

    ``since`` are the changes of the same objects that were made after that preview.
    """

    def __init__(self, undo: Undo, since: Sequence[JournalEntry]) -> None:
        super().__init__("Something was changed after the preview.")
        self.undo = undo
        self.since = since


class UndoBlocked(Exception):
    """Something speaks against a part of it that whoever asks has not seen."""

    def __init__(self, undo: Undo) -> None:
        super().__init__("Something speaks against taking back a part of it.")
        self.undo = undo


class _Rehearsed(Exception):
    """Ends a rehearsal, so that nothing of it is kept."""

    def __init__(self, undo: Undo) -> None:
        super().__init__()
        self.undo = undo


def undo_preview(
    entries: Sequence[JournalEntry], *, overrule: Collection[str] = (), actor: str
) -> Undo:
    """What undoing ``entries`` (newest first) would do; nothing is changed.

    ``overrule`` names obstacles, by their ids, that a person wants to disregard. Raises what
    journal.change() raises; a SIP server may be asked, which takes up to 2.1 s.
    """
    plan, _doubts = _prepared(entries, _choices(overrule), actor)
    return plan


def undo_changes(
    entries: Sequence[JournalEntry],
    *,
    overrule: Collection[str] = (),
    seen: str | None = None,
    actor: str,
) -> Written[Undo]:
    """Undo ``entries`` (newest first) as one transaction of the journal.

    ``seen`` is the mark of the preview that was shown. Raises UndoStale when that is not what
    would happen any more, UndoBlocked when without a preview something speaks against a part,
    Conflict (``nothing-to-undo``) when nothing would be different, and what the journal raises.
    """
    choices = _choices(overrule)
    doubts: Doubts = {}
    if any(_may_be_doubtful(entry) for entry in entries):
        _plan, doubts = _prepared(entries, choices, actor)

    def accept(plan: Undo) -> None:
        if seen is not None and not plan.is_as(seen):
            raise UndoStale(plan, changed_since(plan, seen))
        if seen is None and plan.skipped:
            raise UndoBlocked(plan)
        if plan.is_empty:
            raise Conflict("nothing-to-undo", say("Nothing would be different afterwards."))

    return _run(entries, choices, doubts, actor, accept)


def _prepared(entries: Sequence[JournalEntry], choices: Choices, actor: str) -> tuple[Undo, Doubts]:
    """The plan, rehearsed, and what is doubtful about it; nothing is locked while that is asked."""
    plan = _rehearsed(entries, choices, {}, actor)
    doubts = {each.key: found for each in plan.outcomes if (found := _doubts_of(each))}
    return (_rehearsed(entries, choices, doubts, actor) if doubts else plan), doubts


def _rehearsed(
    entries: Sequence[JournalEntry], choices: Choices, doubts: Doubts, actor: str
) -> Undo:
    try:
        return _run(entries, choices, doubts, actor, _take_back).value
    except _Rehearsed as end:
        return end.undo


def _take_back(plan: Undo) -> None:
    raise _Rehearsed(plan)


def _run(
    entries: Sequence[JournalEntry],
    choices: Choices,
    doubts: Doubts,
    actor: str,
    accept: Callable[[Undo], None],
) -> Written[Undo]:
    """Undo in one transaction, of which nothing is kept when ``accept`` raises."""
    with journal.change(actor=actor, source=SOURCE) as change:
        plan = _carried_out(change, entries, choices, doubts)
        accept(plan)
    return Written(plan, change.receipt)


def _choices(overrule: Collection[str]) -> dict[int, frozenset[str]]:
    """The fields that are meant all the same, by change; raises ValidationError for nonsense."""
    found: dict[int, frozenset[str]] = {}
    for each in overrule:
        seq, _colon, field = each.partition(":")
        if not (seq.isascii() and seq.isdecimal() and len(seq) < 19):
            text = _("%(id)s names nothing that could be overruled.") % {"id": each[:100]}
            raise ValidationError({"overrule": [text]})
        found[int(seq)] = found.get(int(seq), frozenset()) | {field}
    return found


def _may_be_doubtful(entry: JournalEntry) -> bool:
    found = registry.find(entry.model)
    return found is not None and found.rules.doubts is not registry.Rules().doubts


def _doubts_of(outcome: Outcome) -> Mapping[str, str]:
    rules, then = _rules(outcome.key), _row(outcome.key, outcome.then)
    if rules is None or then is None or not outcome.differs:
        return {}
    return rules.doubts(then, _row(outcome.key, outcome.now))


def _rules(key: Key) -> registry.Rules | None:
    found = registry.find(key[0])
    return found.rules if found else None


def _row(key: Key, fields: Fields | None) -> Any:
    """The object that holds these values."""
    return None if fields is None else table(key[0], connection).instance(key[1], fields)


def _carried_out(
    change: Change,
    entries: Sequence[JournalEntry],
    choices: Choices,
    doubts: Doubts,
) -> Undo:
    """Take the entries back, newest first, and tell what came of it."""
    keys = list(dict.fromkeys((entry.model, str(entry.object)) for entry in entries))
    head = journal.head().seq
    before = _present(change, keys)
    obstacles = at_once(change, entries, choices, doubts)
    if obstacles is None:
        obstacles = one_by_one(change, entries, choices, doubts)
    after = {key: _held(change, key) for key in keys}
    outcomes = [Outcome(key, before[key], after[key]) for key in keys]
    mark = mark_of(entries, choices, outcomes, obstacles)
    return Undo(entries, outcomes, with_later(obstacles, entries), f"{head}-{mark}")


def _present(change: Change, keys: Iterable[Key]) -> dict[Key, Fields | None]:
    """The rows as they are (None: not there); a query for each model."""
    by_model: dict[str, list[str]] = {}
    for label, pk in keys:
        if registry.find(label) is not None:
            by_model.setdefault(label, []).append(pk)
    for label, pks in by_model.items():
        change.look_ahead(table(label, connection), pks)
    return {key: _held(change, key) for key in keys}


def _held(change: Change, key: Key) -> Fields | None:
    if registry.find(key[0]) is None:
        return None
    return change.fields_of(table(key[0], connection), key[1])
