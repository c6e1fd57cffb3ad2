"""Two hosts, a line, people who write, and faults; one seed is one history."""

from __future__ import annotations

import gc
from dataclasses import dataclass, field
from functools import partial
from random import Random

from standby.domain.contact import Timing
from standby.domain.facts import SplitPolicy
from standby.domain.reconcile import Standing
from tests.simulation.checker import Checker
from tests.simulation.faults import Faults
from tests.simulation.host import Host
from tests.simulation.loop import Loop
from tests.simulation.network import Network
from tests.simulation.people import somebody
from tests.simulation.plan import WRITE, Plan, Step, make_plan
from tests.simulation.violation import Violation

SETTLE = 5.0
"""I4: seconds after which the pair must be whole again."""
STAY = 1.5
"""Seconds for which it must then stay as it is: longer than any verdict takes."""


def make_timing() -> Timing:
    """The defaults, with a shorter patience for SIP so that runs meet rule 3."""
    return Timing(sip_lost_wait=6.0)


@dataclass(slots=True)
class Outcome:
    """What one seed gave; ``violation`` is empty when every invariant held.

    ``digest`` stands for the moments of all events: equal ones mean equal histories; ``told`` says
    for each step of the plan what it was.
    """

    seed: int
    violation: str = ""
    invariant: str = ""
    seconds: float = 0.0
    events: int = 0
    digest: int = 0
    reigns: int = 0
    accepted: int = 0
    trace: list[str] = field(default_factory=list)
    told: dict[int, str] = field(default_factory=dict)


class World:
    """Everything of one run; its parts may be others (the policy ``witness``)."""

    checker_kind = Checker
    faults_kind = Faults
    witness_names: tuple[str, ...] = ()

    def __init__(self, plan: Plan, *, keep_trace: bool = False) -> None:
        self.plan = plan
        setting = Random(f"{plan.seed}/setting")
        self.loop = Loop()
        self.timing = make_timing()
        self.policy = setting.choice(list(SplitPolicy))
        self.sip = setting.random() < 0.8
        self.batch = setting.choice((2, 7, 1000))
        """Entries in one message of the channel."""
        self.checker = self.checker_kind(self)
        self.network = Network(
            self.loop, plan.source("network"), ("a", "b"), paths=setting.choice((1, 2))
        )
        self.trace: list[str] = []
        self._keep_trace = keep_trace
        self.hosts = self._make_hosts()
        self.faults = self.faults_kind(self, plan)

    def _make_hosts(self) -> tuple[Host, Host]:
        first = Host(self, "a", "10.0.0.9", self.plan.source("a"))
        second = Host(self, "b", "10.0.0.10", self.plan.source("b"))
        first.peer, second.peer = second, first
        return first, second

    def note(self, host: Host | None, text: str) -> None:
        if self._keep_trace:
            name = host.name if host else "-"
            self.trace.append(f"{self.loop.now:9.4f} {name} {text}")

    def ask_witnesses(self, host: Host) -> None:
        """A beat of ``host``: what it asks beside its peer."""

    def run(self) -> None:
        """Start, trouble, peace; raises Violation."""
        starts = self.plan.source("starts")
        for host in self.hosts:
            self.loop.after(starts.random() * 0.5, host.start)
        for step in self.plan.steps:
            if step.kind == WRITE:
                self.loop.at(step.at, partial(self._write, step))
        self.faults.begin()
        self._advance(self.plan.ends)
        self.faults.heal()
        self._expect_peace()

    def _advance(self, seconds: float) -> None:
        self.loop.run(self.loop.now + seconds, self.checker.look)

    def _write(self, step: Step) -> None:
        """Somebody changes the configuration, on whichever OMM lets him."""
        details = self.plan.details(step)
        host = details.choice(self.hosts)
        host.rfps = details.randrange(20)
        host.write(somebody(host, details, step.number))
        self.faults.told[step.number] = f"write on {host.name}"

    def _expect_peace(self) -> None:
        """I4: whole within the time, and then for good."""
        starting = any(host.starting for host in self.hosts)
        limit = self.loop.now + SETTLE + (self.timing.startup_wait if starting else 0.0)
        while (why := self.checker.settled()) and not self.are_strangers():
            if self.loop.now >= limit:
                self.checker.fail("I4", why)
            self._advance(0.05)
        self._advance(STAY)
        if self.are_strangers():
            return
        self._expect_settled()
        self.checker.data.settle(self.hosts[0])

    def _expect_settled(self) -> None:
        """Entries written at this very moment may still be on their way."""
        for _ in range(20):
            why = self.checker.settled()
            if not why:
                return
            self._advance(0.02)
        self.checker.fail("I4", why)

    def are_strangers(self) -> bool:
        """Two real lineages (both began alone): neither is ever overwritten."""
        first, second = (host.disk.head for host in self.hosts)
        return first.real and second.real and first.lineage != second.lineage


def run_seed(seed: int, *, keep_trace: bool = False) -> Outcome:
    """Run one history to its end or its first violation."""
    return run_plan(make_plan(seed), keep_trace=keep_trace)


def run_plan(plan: Plan, *, keep_trace: bool = False) -> Outcome:
    """Like run_seed(), with a plan that may be shortened."""
    return run_world(World(plan, keep_trace=keep_trace))


def run_world(world: World) -> Outcome:
    """The history of a world that has just been made."""
    gc.disable()  # a history makes little garbage in circles: it is swept up at its end
    try:
        return _run(world)
    finally:
        gc.enable()


def _run(world: World) -> Outcome:
    plan = world.plan
    outcome = Outcome(plan.seed, trace=world.trace, told=world.faults.told)
    try:
        world.run()
    except Violation as violation:
        outcome.violation = f"{world.loop.now:.4f} {violation}"
        outcome.invariant = violation.invariant
    outcome.seconds = world.loop.now
    outcome.events = world.loop.events
    outcome.digest = world.loop.digest
    outcome.reigns = world.checker.reigns
    outcome.accepted = len(world.checker.data.accepted)
    return outcome


__all__ = ["Outcome", "Standing", "World", "run_plan", "run_seed"]
