"""Is every change of a split's loser here, once, and in exactly one class? Pure values only.

The loser says how many changes it set aside and names the whole set by a digest of their
identities; whoever has the list compares. What differs is told in sentences for people.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from standby.domain.merge import KEPT, MERGED, OPEN, REPLACED
from standby.domain.sentence import say, say_count

CLASSES = frozenset({MERGED, OPEN, KEPT, REPLACED})


def digest_of(ids: Iterable[str]) -> str:
    """Names a set of changes by their identities, whatever their order."""
    return hashlib.sha256("\n".join(sorted(ids)).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Tally:
    """Listed changes of one class: how many, how many were judged, how many a person decided."""

    all: int = 0
    judged: int = 0
    decided: int = 0


@dataclass(frozen=True, slots=True)
class Account:
    """What the loser of a split said it had, and what is listed.

    ``digests`` are that of the loser and that of the list; empty ones (an older version, a list
    that is not complete) are not compared.
    """

    expected: int
    tallies: Mapping[str, Tally] = field(default_factory=dict)
    digests: tuple[str, str] = ("", "")

    @property
    def here(self) -> int:
        """How many are listed."""
        return sum(tally.all for tally in self.tallies.values())

    @property
    def missing(self) -> int:
        """How many are on their way, or lost."""
        return max(0, self.expected - self.here)

    @property
    def waiting(self) -> int:
        """How many the merge has not looked at yet."""
        tally = self.tallies.get(OPEN, Tally())
        return tally.all - tally.judged

    def problems(self) -> Iterator[str]:
        """What must never be, as sentences; changes that are on their way are no problem."""
        surplus = self.here - self.expected
        if surplus > 0:
            yield say_count(
                "1 change more is listed than was set aside.",
                "%(count)s changes more are listed than were set aside.",
                surplus,
            )
        told, listed = self.digests
        if told and listed and told != listed:
            yield say("The changes that are listed are not those that were set aside.")
        wrong = sum(_contradictions(state, tally) for state, tally in self.tallies.items())
        if wrong:
            yield say_count(
                "1 change is in no class, or in one that it cannot be in.",
                "%(count)s changes are in no class, or in one that they cannot be in.",
                wrong,
            )


def _contradictions(state: str, tally: Tally) -> int:
    """How many of a class cannot be in it: only what was judged and decided is kept or replaced."""
    if state not in CLASSES:
        return tally.all
    if state == OPEN:
        return 0
    unjudged = tally.all - tally.judged
    if state == MERGED:
        return max(unjudged, tally.decided)
    return max(unjudged, tally.all - tally.decided)
