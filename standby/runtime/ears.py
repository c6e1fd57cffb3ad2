"""What arrives from the other OMM: its statements, and signs that it is not the right one."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from standby.domain.facts import Heartbeat, Role
from standby.runtime.beats import Path

if TYPE_CHECKING:
    from standby.runtime.core import PairRuntime

REPLY_PAUSE = 0.004
"""Seconds between immediate answers to the peer, so that two nodes cannot excite each other."""
NEVER = -1e9


class Ears:
    """Takes heartbeats in; the ``*_at`` are moments of the boot-time clock.

    ``count`` grows with every statement that was heard; ``clock_apart`` is by how many seconds
    the peer's wall clock is ahead.
    """

    def __init__(self, runtime: PairRuntime) -> None:
        self.wrong_secret_at = NEVER
        self.same_node_at = NEVER
        self.same_address_at = NEVER
        self.clock_apart: float | None = None
        self.count = 0
        self._runtime = runtime
        self._replied_at = 0.0

    def heard(self, statement: Heartbeat, path: Path) -> None:
        """An authenticated statement came over ``path``."""
        runtime, member = self._runtime, self._runtime.member
        now = runtime.clock()
        if member.overslept(now):
            runtime.step()
            return
        if member.ear.proves(statement, now):
            runtime.beats.ears.heard(path.ear, statement.boot, statement.counter, now)
        if statement.address == runtime.config.address:
            self.same_address_at = now
            return
        self.wrong_secret_at = NEVER  # the peer proved that it knows ours
        self.clock_apart = statement.wall - time.time()
        began = not member.in_contact
        runtime.sampler.listen(now)
        wants_answer = member.hear(statement, now)
        self.count += 1
        if wants_answer and now - self._replied_at >= REPLY_PAUSE:
            self._replied_at = now
            runtime.speak()
        runtime.step()
        if began and member.in_contact:
            runtime.speak()
        if statement.head.seq < runtime.head.seq and member.role is Role.ACTIVE:
            runtime.shipper.wake.set()

    def bad(self, kind: str, sender: str) -> None:
        """Something that is not the peer's statement came from ``sender``."""
        if sender not in (pair[1] for pair in self._runtime.config.paths):
            return
        if kind == "auth":
            self.wrong_secret_at = self._runtime.clock()
        if kind == "own":
            self.same_node_at = self._runtime.clock()

    def auth_error(self) -> None:
        """The peer's channel failed authentication."""
        self.wrong_secret_at = self._runtime.clock()
