"""The line between the two nodes: each direction is cut, lossy, slow or fine on its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from tests.simulation.loop import Loop

SLOW = 0.02
"""Seconds; a line with more delay than this does not count as good."""
BRISK = 0.2


@dataclass(slots=True)
class Lane:
    """One direction. Probabilities and seconds; good_since is None while anything is wrong."""

    up: bool = True
    loss: float = 0.0
    copies: float = 0.0
    delay: float = 0.0005
    jitter: float = 0.0005
    late: float = 0.0
    """More delay, for datagrams alone."""
    stream_at: float = 0.0
    epoch: int = 0

    @property
    def good(self) -> bool:
        return self.up and self.loss == 0.0 and self.delay + self.jitter + self.late <= SLOW


class Network:
    """Datagrams get lost, doubled and reordered; messages of the channel only fail when cut."""

    def __init__(self, loop: Loop, random: Random, nodes: tuple[str, str]) -> None:
        self._loop = loop
        self._random = random
        first, second = nodes
        self.lanes = {(first, second): Lane(), (second, first): Lane()}
        self.good_since: float | None = 0.0

    def changed(self) -> None:
        """Call after altering a lane."""
        good = all(lane.good for lane in self.lanes.values())
        if not good:
            self.good_since = None
        elif self.good_since is None:
            self.good_since = self._loop.now

    def good_for(self) -> float:
        """Seconds for which both directions have been faultless."""
        return 0.0 if self.good_since is None else self._loop.now - self.good_since

    def brisk(self) -> bool:
        """A question and its answer take far less than the contact timeout."""
        return all(lane.delay + lane.jitter + lane.late < BRISK for lane in self.lanes.values())

    @property
    def epoch(self) -> int:
        """Grows whenever a direction is cut: connections break then."""
        return sum(lane.epoch for lane in self.lanes.values())

    def cut(self, lane: tuple[str, str], *, up: bool) -> None:
        self.lanes[lane].up = up
        if not up:
            self.lanes[lane].epoch += 1
        self.changed()

    def datagram(self, lane: tuple[str, str], deliver: Callable[[], None]) -> None:
        line = self.lanes[lane]
        if not line.up or self._random.random() < line.loss:
            return
        for _ in range(2 if self._random.random() < line.copies else 1):
            self._loop.after(line.late + self._delay(line), deliver)

    def message(self, lane: tuple[str, str], deliver: Callable[[], None]) -> None:
        """In order; lost when the line is cut before it arrives (the connection breaks)."""
        line = self.lanes[lane]
        if not line.up:
            return
        epoch = line.epoch
        line.stream_at = max(line.stream_at, self._loop.now + self._delay(line))

        def arrive() -> None:
            if line.up and line.epoch == epoch:
                deliver()

        self._loop.at(line.stream_at, arrive)

    def _delay(self, line: Lane) -> float:
        return line.delay + self._random.random() * line.jitter
