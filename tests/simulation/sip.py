"""The SIP proxy as one node reaches it, and the watch that keeps asking it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random

from standby.domain.election import Sip

CALM = 1.5
"""Seconds between probes while nothing is urgent."""
URGENT = 0.1
PATIENCE = 0.3
"""Seconds after which a probe counts as unanswered."""
FAST = 0.1
FAILURES = 3


@dataclass(slots=True)
class Proxy:
    """The truth about a node's way to the proxy; ``latency`` in seconds."""

    up: bool = True
    latency: float = 0.002

    @property
    def fit(self) -> bool:
        """It answers fast enough for every promise."""
        return self.up and self.latency <= FAST


class SipWatch:
    """Sends probes and keeps the Sip facts of one process."""

    def __init__(
        self,
        proxy: Proxy,
        random: Random,
        clock: Callable[[], float],
        later: Callable[[float, Callable[[], None]], None],
        *,
        configured: bool,
    ) -> None:
        self.facts = Sip(configured=configured, known=not configured)
        self._proxy = proxy
        self._random = random
        self._clock = clock
        self._later = later
        self._failures = 0
        self._asked_at = -1e9

    def look(self, *, urgent: bool) -> None:
        """Send a probe if one is due."""
        now = self._clock()
        period = URGENT if urgent or not self.facts.known or self._failures else CALM
        if not self.facts.configured or now - self._asked_at < period:
            return
        self._asked_at = now
        latency = self._proxy.latency * (0.5 + self._random.random())
        if self._proxy.up and latency < PATIENCE:
            self._later(latency, lambda: self._answered(now))
        else:
            self._later(PATIENCE, lambda: self._missed(now))

    def _answered(self, sent: float) -> None:
        latest = max(sent, self.facts.answered_probe_at or sent)
        self._failures = 0
        self.facts = replace(
            self.facts,
            answered_at=self._clock(),
            answered_probe_at=latest,
            lost=False,
            known=True,
        )

    def _missed(self, sent: float) -> None:
        answered = self.facts.answered_probe_at
        if answered is not None and sent < answered:
            return
        self._failures += 1
        if self._failures >= FAILURES:
            self.facts = replace(self.facts, lost=True, known=True)
