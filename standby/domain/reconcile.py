"""How two journals stand to each other, and what follows from it. Pure values only."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from standby.domain.facts import Head


class Standing(StrEnum):
    """The own journal compared with the peer's."""

    UNKNOWN = "unknown"
    EQUAL = "equal"
    AHEAD = "ahead"
    """Ours continues the peer's."""
    BEHIND = "behind"
    """The peer's continues ours."""
    DIVERGED = "diverged"
    """A common beginning, then each its own entries."""
    SELF_EMPTY = "self_empty"
    """Ours holds nothing that counts; the peer's does."""
    PEER_EMPTY = "peer_empty"
    BOTH_EMPTY = "both_empty"
    """Two different journals of nothing but beginnings: the active's stands."""
    FOREIGN = "foreign"
    """Two real journals of different pairs; never overwritten."""


MIRROR = {
    Standing.UNKNOWN: Standing.UNKNOWN,
    Standing.EQUAL: Standing.EQUAL,
    Standing.AHEAD: Standing.BEHIND,
    Standing.BEHIND: Standing.AHEAD,
    Standing.DIVERGED: Standing.DIVERGED,
    Standing.SELF_EMPTY: Standing.PEER_EMPTY,
    Standing.PEER_EMPTY: Standing.SELF_EMPTY,
    Standing.BOTH_EMPTY: Standing.BOTH_EMPTY,
    Standing.FOREIGN: Standing.FOREIGN,
}


@dataclass(frozen=True, slots=True)
class Relation:
    """A standing and the facts behind it; ``common`` is the last common sequence number.

    ``mine`` and ``theirs`` are the hashes of the two heads compared: a relation speaks only of
    them.
    """

    standing: Standing = Standing.UNKNOWN
    common: int = 0
    mine: str = ""
    theirs: str = ""

    def speaks_of(self, mine: Head, theirs: Head) -> bool:
        """True when this relation was made for these two heads."""
        return self.mine == mine.hash and self.theirs == theirs.hash


def quick_standing(mine: Head, theirs: Head) -> Standing:
    """What the two heads alone tell; UNKNOWN when hashes must be compared."""
    if mine.seq == theirs.seq and mine.hash == theirs.hash:
        return Standing.EQUAL
    if mine.lineage != theirs.lineage or mine.seq == 0 or theirs.seq == 0:
        return _strangers(mine, theirs)
    return Standing.UNKNOWN


def _strangers(mine: Head, theirs: Head) -> Standing:
    if mine.seq == 0 or theirs.seq == 0:
        return Standing.SELF_EMPTY if mine.seq == 0 else Standing.PEER_EMPTY
    if mine.real and theirs.real:
        return Standing.FOREIGN
    if not mine.real and not theirs.real:
        return Standing.BOTH_EMPTY
    return Standing.PEER_EMPTY if mine.real else Standing.SELF_EMPTY


def standing_by_common(mine: Head, theirs: Head, common: int) -> Standing:
    """The standing of two journals of one lineage that agree up to ``common``."""
    if common == mine.seq == theirs.seq:
        return Standing.EQUAL
    if common == mine.seq:
        return Standing.BEHIND
    if common == theirs.seq:
        return Standing.AHEAD
    return Standing.DIVERGED


def probe_points(low: int, high: int, most: int = 16) -> list[int]:
    """Sequence numbers to compare next, between a known common one and a known different one."""
    width = high - low
    if width <= 1:
        return []
    step = max(1, width // (most + 1))
    return list(range(low + step, high, step))[:most] or [low + 1]
