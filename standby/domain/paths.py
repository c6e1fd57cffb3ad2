"""Heartbeat paths: how each one is heard, and whether both OMMs know the same ones. Plain values.

A path is a pair of addresses, (own, peer). Every statement travels over every path and the first
copy counts (``hearing``); what the other copies tell is only how their paths are.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from standby.domain.sentence import join, say

SILENT_AFTER = 3.0
"""Seconds without a fresh statement after which a path counts as silent; it decides nothing."""
HALF_LIFE = 30.0
"""Seconds after which a remembered gap weighs half."""
COPIES_REMEMBERED = 32
BEHIND_SHARE = 0.125
"""Weight of the newest copy in the mean of how late a path's copies are."""

Pair = tuple[str, str]


@dataclass(slots=True)
class PathEar:
    """How one path is heard; times are seconds of the boot-time clock.

    ``behind`` is by how much its copies come later than the first ones, on average.
    """

    own: str
    peer: str
    heard_at: float | None = None
    behind: float = 0.0
    _gap: float = 0.0

    def heard(self, now: float, behind: float) -> None:
        """A fresh statement came over this path, ``behind`` seconds after its first copy."""
        if self.heard_at is not None:
            self._gap = max(now - self.heard_at, self.gap(now))
        self.heard_at = now
        self.behind += (behind - self.behind) * BEHIND_SHARE

    def gap(self, now: float) -> float:
        """The longest silence lately, slowly forgotten."""
        age = now - self.heard_at if self.heard_at is not None else 0.0
        return self._gap * math.exp2(-age / HALF_LIFE)

    def silent(self, now: float, since: float) -> bool:
        """Nothing for too long; ``since``: when there began to be something to hear."""
        latest = since if self.heard_at is None else max(since, self.heard_at)
        return now - latest >= SILENT_AFTER


@dataclass(slots=True)
class PathEars:
    """All paths of one OMM, the main one first."""

    ears: list[PathEar] = field(default_factory=list)
    _first: dict[tuple[str, int], float] = field(default_factory=dict)

    def heard(self, ear: PathEar, boot: str, counter: int, now: float) -> None:
        """The fresh statement ``counter`` of ``boot`` came over ``ear``, first or not."""
        first = self._first.setdefault((boot, counter), now)
        ear.heard(now, now - first)
        while len(self._first) > COPIES_REMEMBERED:
            del self._first[next(iter(self._first))]

    def best(self, now: float, patience: float) -> list[Pair]:
        """Every path: those heard within ``patience`` seconds first, else in their order."""

        def stale(ear: PathEar) -> bool:
            return ear.heard_at is None or now - ear.heard_at > patience

        return [(ear.own, ear.peer) for ear in sorted(self.ears, key=stale)]

    def lately(self, pair: Pair, now: float, patience: float) -> bool:
        """This path was heard within ``patience`` seconds."""
        return any(
            ear.heard_at is not None and now - ear.heard_at <= patience
            for ear in self.ears
            if (ear.own, ear.peer) == pair
        )


def paths_differ(mine: Sequence[Pair], theirs: Iterable[Pair]) -> str:
    """What one OMM knows and the other does not, as a text; empty when they agree."""
    mirrored = [(own, peer) for peer, own in theirs]
    parts = [
        say(
            "this OMM has the heartbeat path %(own)s to %(peer)s, the other one does not.",
            own=own,
            peer=peer,
        )
        for own, peer in mine
        if (own, peer) not in mirrored
    ]
    parts += [
        say(
            "the other OMM has the heartbeat path %(own)s to %(peer)s, this one does not.",
            own=peer,
            peer=own,
        )
        for own, peer in mirrored
        if (own, peer) not in mine
    ]
    return join(*parts) if parts else ""
