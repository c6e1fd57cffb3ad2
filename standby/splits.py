"""Reports of splits: when, why, how long, and what became of every change of the loser."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from standby.accounting import accounts, full_account
from standby.domain.accounting import Account, Tally
from standby.domain.merge import KEPT, MERGED, OPEN, REPLACED
from standby.domain.sentence import unpack
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
    copy: str
    """The file with the loser's database as it was; empty for none."""
    problems: list[str]
    """What must never be, in people's words."""

    @property
    def is_accounted(self) -> bool:
        """True when every change of the loser is in exactly one class."""
        return not self.problems and not self.classes[MISSING]

    @property
    def key(self) -> str:
        """The id as text."""
        return str(self.id)

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
    found = accounts(rows)
    return [_row(split, found[split.pk]) for split in rows]


def split_report(split: Split) -> SplitRow:
    """The report of one split; the changes' identities are compared too."""
    return _row(split, full_account(split))


def _row(split: Split, account: Account) -> SplitRow:
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
        classes=classes_of(account),
        copy=split.copy,
        problems=[local(text) for text in account.problems()],
    )


def classes_of(account: Account) -> dict[str, int]:
    """How many changes of the loser are in which class; the sum is all of them."""
    tallies = account.tallies
    counts = {state: tallies.get(state, Tally()).all for state in (MERGED, OPEN, KEPT, REPLACED)}
    counts[OPEN] -= account.waiting
    return {**counts, WAITING: account.waiting, MISSING: account.missing}
