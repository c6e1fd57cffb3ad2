"""Two hosts, a line, people who write, and faults; one seed is one history."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

from standby.domain.facts import SplitPolicy
from standby.domain.reconcile import Standing
from tests.simulation.checker import Checker, Violation
from tests.simulation.faults import Faults
from tests.simulation.host import Host, make_timing
from tests.simulation.loop import Loop
from tests.simulation.network import Network

TROUBLE = 15.0
"""Seconds of faults in a run."""
SETTLE = 5.0
"""I4: seconds after which the pair must be whole again."""
STAY = 1.5
"""Seconds for which it must then stay as it is: longer than any verdict takes."""


@dataclass(slots=True)
class Outcome:
    """What one seed gave; ``violation`` is empty when every invariant held."""

    seed: int
    violation: str = ""
    seconds: float = 0.0
    events: int = 0
    reigns: int = 0
    accepted: int = 0
    trace: list[str] = field(default_factory=list)


class World:
    """Everything of one run."""

    def __init__(self, seed: int, *, keep_trace: bool = False) -> None:
        self.random = Random(seed)
        self.loop = Loop()
        self.timing = make_timing()
        self.policy = self.random.choice(list(SplitPolicy))
        self.sip = self.random.random() < 0.8
        self.checker = Checker(self)
        self.network = Network(self.loop, self.random, ("a", "b"))
        self.trace: list[str] = []
        self._keep_trace = keep_trace
        self.hosts = self._make_hosts()
        self.faults = Faults(self, self.random)
        self._written = 0

    def _make_hosts(self) -> tuple[Host, Host]:
        first = Host(self, "a", "10.0.0.9", self.random)
        second = Host(self, "b", "10.0.0.10", self.random)
        first.peer, second.peer = second, first
        return first, second

    def note(self, host: Host | None, text: str) -> None:
        if self._keep_trace:
            name = host.name if host else "-"
            self.trace.append(f"{self.loop.now:9.4f} {name} {text}")

    def run(self) -> None:
        """Start, trouble, peace; raises Violation."""
        for host in self.hosts:
            self.loop.after(self.random.random() * 0.5, host.start)
            self._write_for_ever(host)
        self._advance(self.random.choice((0.0, 1.0, self.timing.startup_wait + 1.5)))
        self.faults.begin(TROUBLE)
        self._advance(TROUBLE)
        self.faults.heal()
        self._expect_peace()

    def _advance(self, seconds: float) -> None:
        self.loop.run(self.loop.now + seconds, self.checker.look)

    def _write_for_ever(self, host: Host) -> None:
        def write() -> None:
            self._written += 1
            host.rfps = self.random.randrange(20)
            host.write(f"w{self._written}")
            self.loop.after(self.random.expovariate(3.0), write)

        self.loop.after(self.random.random(), write)

    def _expect_peace(self) -> None:
        """I4: whole within the time, and then for good."""
        limit = self.loop.now + self.timing.startup_wait + SETTLE
        while (why := self.checker.settled()) and not self._foreign():
            if self.loop.now >= limit:
                self.checker.fail("I4", why)
            self._advance(0.05)
        self._advance(STAY)
        if self._foreign():
            return
        self._expect_settled()
        self.checker.nothing_lost()

    def _expect_settled(self) -> None:
        """Entries written at this very moment may still be on their way."""
        for _ in range(20):
            why = self.checker.settled()
            if not why:
                return
            self._advance(0.02)
        self.checker.fail("I4", why)

    def _foreign(self) -> bool:
        """Two real lineages (both began alone): neither is ever overwritten."""
        first, second = (host.disk.head for host in self.hosts)
        return first.real and second.real and first.lineage != second.lineage


def run_seed(seed: int, *, keep_trace: bool = False) -> Outcome:
    """Run one history to its end or its first violation."""
    world = World(seed, keep_trace=keep_trace)
    outcome = Outcome(seed, trace=world.trace)
    try:
        world.run()
    except Violation as violation:
        outcome.violation = f"{world.loop.now:.4f} {violation}"
    outcome.seconds = world.loop.now
    outcome.events = world.loop.events
    outcome.reigns = world.checker.reigns
    outcome.accepted = len(world.checker.accepted_by)
    return outcome


__all__ = ["Outcome", "Standing", "World", "run_seed"]
