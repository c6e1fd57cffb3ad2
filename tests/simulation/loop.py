"""The virtual world's time: a heap of events, run one after the other."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count

Event = Callable[[], None]


class PowerCut(Exception):
    """The process in whose event this is raised ends in the middle of it."""

    def __init__(self, happen: Event) -> None:
        super().__init__()
        self.happen = happen


class Loop:
    """True time in seconds; events at the same moment run in the order they were planned.

    ``digest`` stands for the moments of all events so far, whatever PYTHONHASHSEED is.
    """

    def __init__(self) -> None:
        self.now = 0.0
        self.events = 0
        self.digest = 0
        self._heap: list[tuple[float, int, Event]] = []
        self._order = count()

    def at(self, when: float, event: Event) -> None:
        heapq.heappush(self._heap, (max(when, self.now), next(self._order), event))

    def after(self, delay: float, event: Event) -> None:
        self.at(self.now + delay, event)

    def run(self, until: float, after_each: Event) -> None:
        """Run every event up to ``until``; ``after_each`` looks at the world after each."""
        while self._heap and self._heap[0][0] <= until:
            try:
                self._run(until, after_each)
            except PowerCut as cut:
                cut.happen()
                after_each()
        self.now = until

    def _run(self, until: float, after_each: Event) -> None:
        heap = self._heap
        while heap and heap[0][0] <= until:
            self.now, _, event = heapq.heappop(heap)
            self.events += 1
            self.digest = hash((self.digest, self.now))
            event()
            after_each()


class Clock:
    """A node's boot clock: it drifts, and a pause of the machine may be hidden from it."""

    def __init__(self, loop: Loop, rate: float, base: float) -> None:
        self._loop = loop
        self._rate = rate
        self._base = base

    def read(self) -> float:
        return self._base + self._rate * self._loop.now

    def hide(self, seconds: float) -> None:
        """A pause of this length never happened for this clock."""
        self._base -= self._rate * seconds
