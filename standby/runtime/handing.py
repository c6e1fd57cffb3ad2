"""Giving the role away on somebody's behalf, and telling how it ended."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from standby.domain.effects import HANDOVER_WORDS
from standby.domain.member import Handover, HandoverEnded
from standby.domain.sentence import say
from standby.runtime.budget import HANDOVER

if TYPE_CHECKING:
    from standby.runtime.core import PairRuntime


class Handing:
    """At most one hand-over at a time; whoever asked waits for its end."""

    def __init__(self, runtime: PairRuntime) -> None:
        self._runtime = runtime
        self._running: asyncio.Future[HandoverEnded] | None = None

    async def give(self, kind: Handover, reason: str) -> HandoverEnded:
        """Give the role away and wait for the end of it; never raises."""
        if self._running is not None and not self._running.done():
            return await self._join(self._running, kind, reason)
        self._running = asyncio.get_running_loop().create_future()
        self._ask(kind, reason)
        self._runtime.renew_lease()
        return await self._running

    async def _join(
        self, running: asyncio.Future[HandoverEnded], kind: Handover, reason: str
    ) -> HandoverEnded:
        """A shutdown asked for during a hand-over makes that one final."""
        if not kind.leaves:
            return HandoverEnded(kind, False, say("a hand-over is under way"))
        self._ask(kind, reason)
        return await asyncio.shield(running)

    def _ask(self, kind: Handover, reason: str) -> None:
        runtime = self._runtime
        facts, now = runtime.facts(), runtime.clock()
        runtime.carry_out(runtime.member.hand_over(kind, reason, facts, now))

    def ended(self, ended: HandoverEnded) -> None:
        """A hand-over is over, whoever began it."""
        severity = "info" if ended.done else "warning"
        text = say(
            "Hand-over (%(kind)s): %(why)s.", kind=HANDOVER_WORDS[ended.kind], why=ended.reason
        )
        details = {"kind": ended.kind.value, "done": ended.done}
        self._runtime.events.record(HANDOVER, severity, text, details)
        if self._running is not None and not self._running.done():
            self._running.set_result(ended)
