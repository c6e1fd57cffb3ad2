"""Keeps asking the SIP proxy or registrar, because its answer decides takeovers (manual 7.15.2)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace

from standby.domain.election import Sip
from standby.link.sip import SipTarget, probe

log = logging.getLogger(__name__)

CALM_PERIOD = 3.0
"""Seconds between probes while all is well."""
URGENT_PERIOD = 0.15
PROBE_TIMEOUT = 1.0
LOST_AFTER = 3


class SipWatch:
    """Probes all configured targets; ``view`` is what the domain is told."""

    def __init__(self, source: str, clock: Callable[[], float], urgent: Callable[[], bool]) -> None:
        self.view = Sip(configured=False)
        self.answer_ms: float | None = None
        """How long the last probe waited for its first answer; None when none came."""
        self.changed: Callable[[], None] = lambda: None
        self._source = source
        self._clock = clock
        self._urgent = urgent
        self._targets: tuple[SipTarget, ...] = ()
        self._failures = 0
        self._running: set[asyncio.Task[None]] = set()
        self._poke = asyncio.Event()

    def configure(self, targets: tuple[SipTarget, ...]) -> None:
        """Use these targets from now on; a change forgets the old answers."""
        if targets == self._targets:
            return
        self._targets = targets
        self._failures = 0
        self.answer_ms = None
        self.view = Sip(configured=bool(targets), known=not targets)
        self._poke.set()
        self.changed()

    def poke(self) -> None:
        """Something became urgent: do not wait for the calm period."""
        self._poke.set()

    async def run(self) -> None:
        """Probe for ever; probes overlap when it is urgent."""
        while True:
            if self._targets:
                task = asyncio.create_task(self._probe_once())
                self._running.add(task)
                task.add_done_callback(self._running.discard)
            period = URGENT_PERIOD if self._urgent() else self._calm()
            try:
                async with asyncio.timeout(period):
                    await self._poke.wait()
            except TimeoutError:
                pass
            self._poke.clear()

    def _calm(self) -> float:
        settled = self.view.known and not self._failures
        return CALM_PERIOD if settled else PROBE_TIMEOUT / 2

    async def _probe_once(self) -> None:
        targets, sent = self._targets, self._clock()
        answers = await asyncio.gather(*map(self._time_of, targets), return_exceptions=True)
        if targets != self._targets:
            return
        times = [answer for answer in answers if isinstance(answer, float)]
        self.answer_ms = round(min(times) * 1000, 1) if times else None
        if times:
            self._answered(sent)
        else:
            self._silent(sent)

    async def _time_of(self, target: SipTarget) -> float | None:
        """Seconds until the target answered; None when it did not."""
        began = self._clock()
        answered = await probe(target, self._source, PROBE_TIMEOUT)
        return self._clock() - began if answered else None

    def _answered(self, sent: float) -> None:
        before = self.view
        latest = max(sent, before.answered_probe_at or 0.0)
        self._failures = 0
        self.view = replace(
            before, answered_at=self._clock(), answered_probe_at=latest, lost=False, known=True
        )
        if not before.ok or self._urgent():
            self.changed()

    def _silent(self, sent: float) -> None:
        if self.view.answered_probe_at is not None and sent < self.view.answered_probe_at:
            return
        self._failures += 1
        if self._failures >= LOST_AFTER and not self.view.lost:
            self.view = replace(self.view, lost=True, known=True)
            self.changed()
