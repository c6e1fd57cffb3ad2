"""The lines between the two nodes: each direction is cut, lossy, slow or fine on its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from random import Random

from tests.simulation.loop import Loop

SLOW = 0.02
"""Seconds; a line with more delay than this does not count as good."""
BRISK = 0.2

Way = tuple[str, str]
"""From one node to the other."""


@dataclass(slots=True)
class Lane:
    """One direction of one path. Probabilities and seconds."""

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
    """Datagrams get lost, doubled and reordered; messages of the channel only fail when cut.

    Datagrams travel on every path. The channel uses the first path that is up both ways.
    """

    def __init__(self, loop: Loop, random: Random, nodes: Way, *, paths: int = 1) -> None:
        self._loop = loop
        self._random = random
        first, second = nodes
        self.paths = [{(first, second): Lane(), (second, first): Lane()} for _ in range(paths)]
        self._by_way = {way: [path[way] for path in self.paths] for way in self.paths[0]}
        self.good_since: float | None = 0.0
        self.epoch = 0
        """Grows whenever a connection breaks."""

    @property
    def ways(self) -> list[Way]:
        return list(self._by_way)

    @property
    def lanes(self) -> Iterable[Lane]:
        return (lane for path in self.paths for lane in path.values())

    def changed(self) -> None:
        """Call after altering a lane."""
        good = any(all(lane.good for lane in path.values()) for path in self.paths)
        if not good:
            self.good_since = None
        elif self.good_since is None:
            self.good_since = self._loop.now

    def good_for(self) -> float:
        """Seconds for which some path has been faultless in both directions."""
        return 0.0 if self.good_since is None else self._loop.now - self.good_since

    def brisk(self) -> bool:
        """A question and its answer take far less than the contact timeout."""
        return all(lane.delay + lane.jitter + lane.late < BRISK for lane in self.lanes)

    def cut(self, lanes: Iterable[Lane], *, up: bool) -> None:
        for lane in lanes:
            if not up and lane.up:
                lane.epoch += 1
                self.epoch += 1
            lane.up = up
        self.changed()

    def datagram(self, way: Way, deliver: Callable[[], None]) -> None:
        for line in self._by_way[way]:
            if not line.up or (line.loss and self._random.random() < line.loss):
                continue
            twice = line.copies and self._random.random() < line.copies
            for _ in range(2 if twice else 1):
                self._loop.after(line.late + self._delay(line), deliver)

    def message(self, way: Way, deliver: Callable[[], None]) -> None:
        """In order; lost when the line is cut before it arrives (the connection breaks)."""
        line = self._channel(way)
        if line is None:
            return
        epoch = line.epoch
        line.stream_at = max(line.stream_at, self._loop.now + self._delay(line))

        def arrive() -> None:
            if line.up and line.epoch == epoch:
                deliver()

        self._loop.at(line.stream_at, arrive)

    def _channel(self, way: Way) -> Lane | None:
        for path in self.paths:
            if all(lane.up for lane in path.values()):
                return path[way]
        line = self.paths[0][way]
        return line if line.up else None

    def _delay(self, line: Lane) -> float:
        return line.delay + self._random.random() * line.jitter
