"""Carrying an undo out: each change a step, steps that are alike together.

First everything is taken back at once; only when an object's rules refuse that, change by change,
to find what they refuse and to do the rest.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from standby import journal
from standby.domain.merge import Act
from standby.domain.sentence import say
from standby.domain.undo import WHOLE, Kind, Objection, TakenBack, take_back
from standby.journal import Change, registry
from standby.journal.rows import Fields
from standby.merging import (
    REFUSALS,
    Target,
    built,
    carry_out,
    fields_of,
    refusal,
    target_of,
    unknown,
)
from standby.models import JournalEntry
from standby.undo_plan import Choices, Key, Obstacle, why_it_stays

FORMER_SECRET = say("A former secret comes back only if somebody means it.")
Doubts = Mapping[Key, Mapping[str, str]]
"""What must be confirmed of each object, by field, with the reason."""


@dataclass(frozen=True, slots=True)
class Step:
    """One change that is taken back, and the object as it is then."""

    entry: JournalEntry
    taken: TakenBack
    target: Target | None = None
    ours: Fields | None = None
    former: Fields | None = None

    @property
    def key(self) -> Key:
        """Model and id of the object."""
        return self.entry.model, str(self.entry.object)

    @property
    def obstacles(self) -> list[Obstacle]:
        """What speaks against a part of it."""
        ours, former = self.ours or {}, self.former or {}
        return [
            Obstacle(self.entry.seq, self.key, each, ours.get(each.field), former.get(each.field))
            for each in self.taken.objections
        ]

    def goes_with(self, other: Step) -> bool:
        """True when one statement can write both."""
        removes = (self.taken.act is Act.DELETE, other.taken.act is Act.DELETE)
        return self.entry.model == other.entry.model and removes[0] == removes[1]


def at_once(
    change: Change, entries: Sequence[JournalEntry], choices: Choices, doubts: Doubts
) -> list[Obstacle] | None:
    """Take back ``entries``, newest first; None, with nothing done, when some rule refuses it.

    Rows that can be checked together are checked at the end. What they were in between is not: a
    change of many rows may have given some a value for a moment that nobody could save.
    """
    obstacles: list[Obstacle] = []
    written: dict[str, dict[str, Target]] = {}
    try:
        with change.attempt():
            for run in _runs(change, entries, choices, doubts, obstacles):
                _write(change, run)
                for step in run:
                    if step.target is not None:
                        written.setdefault(step.entry.model, {})[step.key[1]] = step.target
            for targets in written.values():
                _check(change, list(targets.values()))
    except journal.Busy:
        raise
    except REFUSALS:
        return None
    finally:
        change.undoes = {}
    return obstacles


def _runs(
    change: Change,
    entries: Sequence[JournalEntry],
    choices: Choices,
    doubts: Doubts,
    obstacles: list[Obstacle],
) -> Iterator[list[Step]]:
    """Steps that are alike, of different objects; each run is written before the next is made."""
    run: dict[Key, Step] = {}
    for entry in entries:
        if (entry.model, str(entry.object)) in run:
            yield list(run.values())
            run = {}
        step = _step(change, entry, choices.get(entry.seq, frozenset()), doubts)
        obstacles += step.obstacles
        if not step.taken.does_something:
            continue
        if run and not step.goes_with(next(iter(run.values()))):
            yield list(run.values())
            run = {}
        run[step.key] = step
    if run:
        yield list(run.values())


def _write(change: Change, run: Sequence[Step]) -> None:
    change.undoes = {step.key[1]: step.entry.seq for step in run}
    rows = []
    for step in run:
        target, taken = step.target, step.taken
        if target is None:
            continue
        if target.rules.check_many is None:
            carry_out(change, target, taken.act, dict(taken.values), target.rules.revived)
        elif taken.act is Act.DELETE:
            rows.append(built(target, step.ours, {}))
            target.rules.check_removal(rows[-1])
        else:
            rows.append(built(target, step.ours, dict(taken.values), target.rules.revived))
    if run[0].taken.act is Act.DELETE:
        change.delete_all(rows)
    else:
        change.save_all(rows)


def _check(change: Change, targets: Sequence[Target]) -> None:
    """Check all rows of one model that are there now."""
    check_many = targets[0].rules.check_many
    if check_many is None:
        return
    held = ((target, change.fields_of(target.one, target.key)) for target in targets)
    check_many([built(target, ours, {}) for target, ours in held if ours is not None])


def one_by_one(
    change: Change, entries: Sequence[JournalEntry], choices: Choices, doubts: Doubts
) -> list[Obstacle]:
    """Take back ``entries``, newest first; what the objects' rules refuse stays."""
    obstacles: list[Obstacle] = []
    for entry in entries:
        step = _step(change, entry, choices.get(entry.seq, frozenset()), doubts)
        change.undoes = {step.key[1]: entry.seq}
        obstacles += _written(change, step).obstacles
    change.undoes = {}
    return obstacles


def _written(change: Change, step: Step) -> Step:
    """Do it; what is refused is left as it is."""
    target, taken = step.target, step.taken
    if target is None or not taken.does_something:
        return step
    try:
        with change.attempt():
            carry_out(change, target, taken.act, dict(taken.values), target.rules.revived)
    except journal.Busy:
        raise
    except REFUSALS as error:
        wrong = fields_of(error) & taken.values.keys()
        some = wrong and wrong != taken.values.keys()
        reasons = dict.fromkeys(wrong if some else [WHOLE], refusal(error))
        return _written(change, replace(step, taken=taken.against(reasons, Kind.REFUSED)))
    return step


def _step(change: Change, entry: JournalEntry, chosen: frozenset[str], doubts: Doubts) -> Step:
    """What is to be done to the object as it is now."""
    stays = why_it_stays(entry.model, entry.operation, entry.source)
    if stays:
        return Step(entry, TakenBack(objections=(Objection(WHOLE, Kind.NEVER, stays),)))
    body: dict[str, Any] = json.loads(entry.body)
    target = target_of(body)
    if target is None:
        against = Objection(WHOLE, Kind.REFUSED, unknown(body))
        return Step(entry, TakenBack(objections=(against,)))
    rules, ours = target.rules, change.fields_of(target.one, target.key)
    taken = take_back(
        entry.operation, body["before"], body["after"], ours, aside=rules.aside, chosen=chosen
    )
    taken = taken.against(rules.never(ours, taken.values), Kind.NEVER)
    taken = taken.against(rules.waits(ours, taken.values), Kind.CONFIRM)
    taken = taken.against(_former_secrets(entry.model, taken), Kind.CONFIRM)
    key = (entry.model, str(entry.object))
    taken = taken.against(doubts.get(key, {}), Kind.CONFIRM)
    return Step(entry, taken, target, ours, body["before"])


def _former_secrets(label: str, taken: TakenBack) -> dict[str, str]:
    """Fields that would hold a secret again that somebody had exchanged."""
    if taken.act is not Act.UPDATE:
        return {}
    found = (name for name in registry.secret_fields(label) if taken.values.get(name))
    return dict.fromkeys(found, FORMER_SECRET)
