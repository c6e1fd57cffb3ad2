"""Changes that lost a split: what their loser keeps, and how they are judged and decided on.

Pure values only. The journal and the services do the reading and writing; what is decided here
holds for them and for the simulation of the pair alike.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby
from typing import Any, Final, TypeVar

from standby.domain.merge import (
    KEPT,
    MERGED,
    OPEN,
    REPLACED,
    VERSION,
    Act,
    Fields,
    Verdict,
    judge,
    state_of,
)

SET_ASIDE: Final = "standby.setaside"
SPLIT: Final = "standby.split"
BEGINNINGS: Final = "beginnings"
MERGE: Final = "merge"
KEEP: Final = "keep"
REPLACE: Final = "replace"
CHOICES: Final = {KEEP: KEPT, REPLACE: REPLACED}
"""What can be chosen for something open, and the class that follows."""

Row = TypeVar("Row")
Waits = Callable[[Fields | None, Fields], Mapping[str, str]]
ORIGIN: Final = ("actor", "source", "at", "node", "term", "seq")


class Lost(StrEnum):
    """What an own entry is that a split takes back."""

    NOTHING = "nothing"
    """Nobody's change: beginnings, and what a merge made (the winner judges those anew)."""
    CHANGE = "change"
    """A change of a person or a program, to be set aside."""
    HEARD = "heard"
    """A set-aside change that this OMM had heard of itself: it is kept as what it is."""
    SPLIT = "split"
    """A split that this OMM had heard of itself."""


def lost_as(model: str, operation: str, source: str) -> Lost:
    """What becomes of an own entry that is rolled back."""
    if operation == "create" and model in (SPLIT, SET_ASIDE):
        return Lost.SPLIT if model == SPLIT else Lost.HEARD
    return Lost.NOTHING if source in (BEGINNINGS, MERGE) else Lost.CHANGE


def whole_transactions(
    rows: Iterable[Row],
    transaction_of: Callable[[Row], object],
    whole: Callable[[list[Row]], list[Row] | None],
) -> Iterator[list[Row]]:
    """The waiting changes by transactions; ``rows`` are in order.

    Of the last one the rest may still be on its way: ``whole`` gives all of it, None if it must
    wait.
    """
    groups = [list(found) for _, found in groupby(rows, key=transaction_of)]
    if not groups:
        return
    last = groups.pop()
    yield from groups
    complete = whole(last)
    if complete is not None:
        yield complete


def original_of(body: Mapping[str, Any]) -> dict[str, Any]:
    """Who made the change, when and where; of one that had been merged, who made it first."""
    former: dict[str, Any] | None = body.get("original")
    return former or {name: body[name] for name in ORIGIN}


def held_fields(earlier: Iterable[Mapping[str, str] | None]) -> frozenset[str]:
    """The open fields of an object, given the classes of its earlier open changes' fields."""
    return frozenset(name for each in earlier for name, was in (each or {}).items() if was == OPEN)


@dataclass(frozen=True, slots=True)
class Refusal:
    """What the object's own rules say against a change; ``fields`` are the ones at fault."""

    why: str
    fields: frozenset[str] = frozenset()


Attempt = Callable[[Act, dict[str, Any]], Refusal | None]
"""Does what a verdict says, whole or not at all; gives back what speaks against it."""


def settle(
    body: Mapping[str, Any],
    ours: Fields | None,
    *,
    held: frozenset[str],
    aside: frozenset[str],
    waits: Waits,
    attempt: Attempt,
    present: bool = False,
) -> Verdict:
    """Judge one change and carry it out; what ``waits`` or the object's rules refuse is open.

    ``present``: the change itself is in this journal, where an older disk put back has brought it.
    Whatever came after it there knew of it, so it is not done again.
    """
    if present:
        return Verdict(MERGED)
    verdict = judge(body["operation"], body["before"], ours, body["after"], held=held, aside=aside)
    if verdict.act in (Act.CREATE, Act.UPDATE):
        later = waits(ours, verdict.write)
        if later:
            verdict = verdict.without(later, next(iter(later.values())))
    return _carried_out(verdict, attempt)


def _carried_out(verdict: Verdict, attempt: Attempt) -> Verdict:
    if verdict.act is Act.NOTHING:
        return verdict
    refusal = attempt(verdict.act, verdict.write)
    if refusal is None:
        return verdict
    wrong = refusal.fields & verdict.write.keys()
    if verdict.act is Act.UPDATE and wrong and wrong != verdict.write.keys():
        return _carried_out(verdict.without(wrong, refusal.why), attempt)
    return verdict.without(verdict.write, refusal.why)


# --- what a person decides ----------------------------------------------------------------------


def open_fields(fields: Mapping[str, str] | None) -> set[str]:
    """The fields of a change that can still be decided; none where only the whole can be."""
    return {name for name, state in (fields or {}).items() if state == OPEN}


def decided(
    fields: Mapping[str, str] | None, chosen: Iterable[str], choice: str
) -> tuple[dict[str, str] | None, str]:
    """The classes of the fields and of the whole after a choice for some of them."""
    classes = {**(fields or {}), **dict.fromkeys(chosen, CHOICES[choice])}
    return classes or None, state_of(classes) if classes else CHOICES[choice]


def consistent(state: str, fields: Mapping[str, str] | None) -> bool:
    """True when the class of a change says the same as those of its fields.

    Two decisions on one change, made on either side of a split, must not be mixed field by field.
    """
    return not fields or state_of(fields) == state


def replacing(
    body: Mapping[str, Any],
    ours: Fields | None,
    chosen: Collection[str],
    aside: frozenset[str],
    as_removed: Callable[[], Fields],
) -> tuple[Act, dict[str, Any]]:
    """What puts a set-aside change in force; ``as_removed`` is what a removed object held."""
    after = {name: value for name, value in (body["after"] or {}).items() if name != VERSION}
    if body["operation"] == "delete":
        return Act.DELETE, {}
    if ours is not None:
        names = (set(chosen) or after.keys()) - aside
        return Act.UPDATE, {name: after[name] for name in names}
    former = {} if body["operation"] == "create" else as_removed()
    return Act.CREATE, {**former, **after}
