"""A host's life: processes that start, crash, are suspended; clocks; the database's queue."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from enum import StrEnum
from functools import partial
from random import Random

from tests.simulation.loop import Clock, Event, Loop, PowerCut

MOST_BUFFERED = 200


class Scope(StrEnum):
    """What stands still in a pause."""

    HOST = "host"
    RUNTIME = "runtime"


class Life:
    """Runs a node's events only while the process that planned them lives and is not paused."""

    def __init__(self, loop: Loop, clock: Clock, random: Random, cut_off: Event) -> None:
        self.loop = loop
        self.clock = clock
        self.random = random
        self.crash_in: int | None = None
        self._cut_off = cut_off
        self.epoch = 0
        self.running = False
        self.host_up = True
        self.paused: Scope | None = None
        self.paused_at = 0.0
        self.resumed_at = -1e9
        self.hidden = False
        self._keep_packets = True
        self._timers: list[Event] = []
        self._inbox: deque[Event] = deque()
        self._streams: deque[Event] = deque()

    def begin(self) -> None:
        self.epoch += 1
        self.running = True
        self.host_up = True

    def end(self) -> None:
        self.epoch += 1
        self.running = False
        self.paused = None
        self._timers.clear()
        self._inbox.clear()
        self._streams.clear()

    def boundary(self) -> None:
        """Between two effects: here the process may end."""
        if self.crash_in is not None:
            self.crash_in -= 1
            if self.crash_in < 0:
                self.crash_in = None
                raise PowerCut(self._cut_off)

    def later(self, delay: float, event: Event, scope: Scope = Scope.RUNTIME) -> None:
        """Plan an event of this process; RUNTIME events wait for the end of any pause."""
        epoch = self.epoch

        def fire() -> None:
            if self.epoch != epoch:
                return
            if self._stands_still(scope):
                self._timers.append(fire)
            else:
                event()

        self.loop.after(delay, fire)

    def packet(self, event: Event, *, stream: bool = False) -> None:
        """Something arrived from the network; a stream keeps its order and loses nothing."""
        if not self.running:
            return
        if self.paused is None and not (stream and self._streams):
            event()
        elif stream:
            self._streams.append(event)
        elif self._keep_packets and len(self._inbox) < MOST_BUFFERED:
            self._inbox.append(event)

    def _stands_still(self, scope: Scope) -> bool:
        if self.paused is Scope.HOST:
            return True
        return self.paused is Scope.RUNTIME and scope is Scope.RUNTIME

    def pause(self, scope: Scope, *, hidden: bool, keep_packets: bool) -> None:
        self.paused = scope
        self.paused_at = self.loop.now
        self.hidden = hidden
        self._keep_packets = keep_packets

    def resume(self) -> None:
        """Go on: what arrived and what was due comes in either order."""
        if self.paused is None:
            return
        self.paused = None
        self.resumed_at = self.loop.now
        if self.hidden:
            self.clock.hide(self.loop.now - self.paused_at)
        timers, self._timers = self._timers, []
        due: list[Event] = [partial(self.loop.after, 0.0, event) for event in timers]
        reading: list[Event] = [lambda: self._read(self._inbox), lambda: self._read(self._streams)]
        for start in reading + due if self.random.random() < 0.5 else due + reading:
            start()

    def _read(self, waiting: deque[Event]) -> None:
        """One after the other, so that a drain finds what is still there."""

        def read_one() -> None:
            if waiting and self.paused is None:
                waiting.popleft()()
                self._read(waiting)

        if waiting:
            self.later(0.0, read_one)

    def awake_for(self) -> float:
        """Seconds since the last pause ended."""
        return self.loop.now - self.resumed_at

    def drain(self) -> None:
        """Throw away the datagrams that wait in the sockets."""
        self._inbox.clear()


Work = Callable[[], None]


class Database:
    """One writer at a time, in order; a crash loses whatever was not committed."""

    def __init__(self, life: Life, random: Random) -> None:
        self._life = life
        self._random = random
        self._queue: deque[tuple[Work, Work, float]] = deque()
        self._busy = False
        self.slowness = 1.0

    def reset(self) -> None:
        """The process that worked on it is gone."""
        self._queue.clear()
        self._busy = False

    def submit(self, commit: Work, begin: Work = lambda: None, seconds: float = 0.0) -> None:
        """Run ``begin`` when the lock is held and ``commit`` at the end of the transaction."""
        duration = seconds or self._random.uniform(0.0002, 0.003) * self.slowness
        self._queue.append((begin, commit, duration))
        self._next()

    def _next(self) -> None:
        if self._busy or not self._queue:
            return
        self._busy = True
        begin, commit, seconds = self._queue.popleft()
        begin()
        self._life.later(seconds, lambda: self._done(commit), Scope.HOST)

    def _done(self, commit: Work) -> None:
        self._busy = False
        self._life.boundary()
        commit()
        self._life.boundary()
        self._next()
