"""Reports of splits: when, why, how long, and what became of every change of the loser."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from standby.domain.merge import KEPT, MERGED, OPEN, REPLACED
from standby.domain.sentence import unpack
from standby.merging import split_counts
from standby.models import Split
from standby.texts import local

WAITING = "waiting"
"""Not looked at by the merge yet."""
MISSING = "missing"
"""The loser told of it, but it has not arrived."""


@dataclass(frozen=True, slots=True)
class SplitRow:
    """One split in people's words."""

    id: UUID
    began_at: datetime | None
    ended_at: datetime
    lasted: timedelta | None
    winner: str
    loser: str
    reason: str
    term: int
    winner_changes: int | None
    loser_changes: int
    classes: dict[str, int]

    @property
    def is_accounted(self) -> bool:
        """True when every change of the loser is in exactly one class."""
        return sum(self.classes.values()) == self.loser_changes and not self.classes[MISSING]

    @property
    def key(self) -> str:
        """The id as text."""
        return str(self.id)

    @property
    def seconds(self) -> int | None:
        """How long it lasted."""
        return round(self.lasted.total_seconds()) if self.lasted is not None else None

    @property
    def listed(self) -> list[tuple[str, int]]:
        """The classes of the set-aside list with their counts."""
        return [(state, self.classes[state]) for state in (MERGED, OPEN, KEPT, REPLACED)]

    @property
    def open(self) -> int:
        """How many changes wait for somebody."""
        return self.classes[OPEN]


def split_rows(splits: Iterable[Split]) -> list[SplitRow]:
    """Reports, with one query for all counts."""
    rows = list(splits)
    classes = split_classes(rows)
    return [_row(split, classes[split.pk]) for split in rows]


def _row(split: Split, classes: dict[str, int]) -> SplitRow:
    began = split.began_at
    return SplitRow(
        id=split.pk,
        began_at=began,
        ended_at=split.ended_at,
        lasted=split.ended_at - began if began and began <= split.ended_at else None,
        winner=split.winner,
        loser=split.loser,
        reason=local(unpack(split.reason or {}).get("text", "")),
        term=split.term,
        winner_changes=split.winner_changes,
        loser_changes=split.loser_changes,
        classes=classes,
    )


def split_classes(splits: Sequence[Split]) -> dict[Any, dict[str, int]]:
    """For each split how many changes of the loser are in which class; the sum is all of them."""
    counts = split_counts(splits)
    found: dict[Any, dict[str, int]] = {}
    for split in splits:
        here = {state: counts[split.pk][state] for state in (MERGED, OPEN, KEPT, REPLACED, WAITING)}
        found[split.pk] = {**here, MISSING: max(0, split.loser_changes - sum(here.values()))}
    return found
