"""The policy ``witness``: third hosts with the real domain's desk, cut off in every way.

Invariant W: while the policy holds on both OMMs (it is armed, nobody forced a reign), never two
accept changes, in contact or not. And it is only given up when no witness answers.
"""

from __future__ import annotations

from functools import partial
from random import Random
from typing import TYPE_CHECKING

from standby.domain.member import RoleChanged
from standby.domain.witness import Answer, Ask, Desk
from standby.domain.witnessing import DISARM_TIMEOUTS
from tests.simulation.checker import SLACK, Checker
from tests.simulation.faults import Faults
from tests.simulation.loop import Clock
from tests.simulation.network import Network
from tests.simulation.plan import KINDS, Plan, make_plan
from tests.simulation.process import Life, Scope
from tests.simulation.world import Outcome, World, run_world

if TYPE_CHECKING:
    from tests.simulation.host import Host

WITNESS_KINDS = (
    "cut_witness",
    "cut_witness_one_way",
    "isolate",
    "lossy_witness",
    "slow_witness",
    "witness_crash",
    "witness_pause",
)
OTHER_KINDS = tuple(
    kind for kind in KINDS if kind not in ("hidden_pause", "new_disk", "older_disk")
)
"""A pause that no clock shows outlasts any lease, and a new disk does not know the policy."""


class SimWitness:
    """One witness with its lines to both hosts."""

    def __init__(self, world: WitnessedWorld, number: int, random: Random) -> None:
        self.world = world
        self.number = number
        self.name = f"w{number}"
        rate = 1 + random.uniform(-2e-4, 2e-4)
        self.clock = Clock(world.loop, rate, random.uniform(10, 1000))
        self.life = Life(world.loop, self.clock, random, lambda: None)
        self.lines = {name: Network(world.loop, random, (name, self.name)) for name in ("a", "b")}
        self.desk: Desk

    def start(self) -> None:
        if not self.life.running:
            self.life.begin()
            self.desk = Desk(f"{self.name}-{self.life.epoch}", self.clock.read())
            self.world.note(None, f"{self.name} started")

    def asked(self, host: Host, ask: Ask) -> None:
        lane = (host.name, self.name)
        deliver = partial(self.life.packet, partial(self._hear, host, ask))
        self.lines[host.name].datagram(lane, deliver)

    def _hear(self, host: Host, ask: Ask) -> None:
        holder = self.desk.holder
        answer = self.desk.hear(ask, self.clock.read())
        if self.desk.holder != holder:
            self.world.note(None, f"{self.name} lends the right to {self.desk.holder or 'nobody'}")
        if answer is not None:
            lane = (self.name, host.name)
            deliver = partial(host.life.packet, partial(self._answer, host, answer))
            self.lines[host.name].datagram(lane, deliver)

    def _answer(self, host: Host, answer: Answer) -> None:
        if host.member.overslept(host.now):
            host.step()
        if host.member.witnessing.witnesses[self.number].hear(answer):
            host.step()


class WitnessFaults(Faults):
    """Also what can happen to the witnesses and the lines to them."""

    _world: WitnessedWorld

    def _lines(self) -> list[Network]:
        """Lines of one OMM, of one witness, or all."""
        if self._random.random() < 0.3:
            return [line for each in self._world.witnesses for line in each.lines.values()]
        if self._random.random() < 0.5:
            return list(self._random.choice(self._world.witnesses).lines.values())
        name = self._victim().name
        return [each.lines[name] for each in self._world.witnesses]

    def cut_witness(self) -> None:
        self._note(None, "lines to witnesses cut")
        self._cut_lines(self._lines())

    def _cut_lines(self, lines: list[Network]) -> None:
        for line in lines:
            line.cut(line.lanes, up=False)
        self._later(0.05, 8.0, partial(self._restore_lines, lines))

    def cut_witness_one_way(self) -> None:
        lines = self._lines()
        for line in lines:
            line.cut([self._random.choice(list(line.lanes))], up=False)
        self._note(None, "lines to witnesses cut one way")
        self._later(0.05, 8.0, partial(self._restore_lines, lines))

    @staticmethod
    def _restore_lines(lines: list[Network]) -> None:
        for line in lines:
            line.cut(line.lanes, up=True)

    def isolate(self) -> None:
        """One OMM loses everything at once, or nearly."""
        host = self._victim()
        self._note(host, "cut off from everything")
        self.cut()
        lines = [each.lines[host.name] for each in self._world.witnesses]
        late = self._random.choice((0.0, 0.05, 0.5))
        self._world.loop.after(late, partial(self._cut_lines_unless_over, lines))
        self._later(0.05, 8.0, partial(self._restore_lines, lines))

    def _cut_lines_unless_over(self, lines: list[Network]) -> None:
        for line in () if self._over else lines:
            line.cut(line.lanes, up=False)

    def lossy_witness(self) -> None:
        lines, loss = self._lines(), self._random.choice((0.1, 0.5))
        self._note(None, f"loss {loss} to witnesses")
        for line in lines:
            for lane in line.lanes:
                lane.loss = loss
        self._later(0.5, 6.0, partial(self._clean_lines, lines))

    def slow_witness(self) -> None:
        lines, delay = self._lines(), self._random.choice((0.05, 0.2, 0.6))
        self._note(None, f"delay {delay} to witnesses")
        for line in lines:
            for lane in line.lanes:
                lane.delay, lane.jitter, lane.copies = delay / 2, delay, 0.2
        self._later(0.5, 6.0, partial(self._clean_lines, lines))

    @staticmethod
    def _clean_lines(lines: list[Network]) -> None:
        for line in lines:
            for lane in line.lanes:
                lane.loss = lane.copies = 0.0
                lane.delay = lane.jitter = 0.0005

    def witness_crash(self) -> None:
        witness = self._random.choice(self._world.witnesses)
        self._note(None, f"{witness.name} crashed")
        witness.life.end()
        self._later(0.05, 8.0, witness.start)

    def witness_pause(self) -> None:
        witness = self._random.choice(self._world.witnesses)
        if not witness.life.running or witness.life.paused is not None:
            return
        hidden = self._random.random() < 0.5
        self._note(None, f"{witness.name} paused, hidden: {hidden}")
        witness.life.pause(Scope.HOST, hidden=hidden, keep_packets=self._random.random() < 0.5)
        self._later(0.1, 4.0, witness.life.resume)

    def heal(self) -> None:
        super().heal()
        for witness in self._world.witnesses:
            witness.life.resume()
            witness.start()
            lines = list(witness.lines.values())
            self._restore_lines(lines)
            self._clean_lines(lines)


class WitnessChecker(Checker):
    """I5 does not hold under this policy: an OMM that is cut off waits. Instead W does."""

    _world: WitnessedWorld

    def look(self) -> None:
        super().look()
        now = self._world.loop.now
        for host in self._world.hosts:
            self._look_at_arms(host, now)
        if all(self._accepts(host) for host in self._world.hosts):
            if all(self._binds(host) for host in self._world.hosts):
                self.fail("W", "both accept changes although the policy holds on both")
            self._world.split_by_default = True

    @staticmethod
    def _accepts(host: Host) -> bool:
        """A request that comes now finds the lease and the fence open."""
        return host.life.running and host.lease_open() and host.disk.fence_open

    @staticmethod
    def _binds(host: Host) -> bool:
        witnessing = host.member.witnessing
        return witnessing.armed and not witnessing.waived

    def _look_at_arms(self, host: Host, now: float) -> None:
        """The policy is only given up after a time without any answer to this OMM."""
        world = self._world
        if not host.awake:
            return
        armed = host.member.witnessing.armed
        if host.member.witnessing.answers(host.now, world.timing):
            world.witnessed_at[host.name] = now
        elif world.was_armed.get(host.member.boot) and not armed:
            quiet = (DISARM_TIMEOUTS - 2) * world.timing.contact_timeout
            if now - world.witnessed_at.get(host.name, 0.0) < quiet - SLACK:
                self.fail("W", f"{host.name} gave the policy up although a witness answers")
        world.was_armed[host.member.boot] = armed

    def _check_waiting(self, host: Host, now: float) -> None:
        """See the class."""

    def _check_stays(self, host: Host, change: RoleChanged, held: float) -> None:
        """An active one that is alone without its witness steps down: that is the policy."""
        if "witness" not in change.reason:
            super()._check_stays(host, change, held)

    def _check_learned(self, host: Host, change: RoleChanged) -> None:
        """Two administrators who force both OMMs at the same moment are heard too late."""
        if not host.member.witnessing.waived:
            super()._check_learned(host, change)

    def _look_at_gate(self, active: Host) -> None:
        if self._binds(active):
            self._closed_since = None
        else:
            super()._look_at_gate(active)


class WitnessedWorld(World):
    """A pair with one witness, or three."""

    checker_kind = WitnessChecker
    faults_kind = WitnessFaults

    def __init__(self, plan: Plan, *, keep_trace: bool = False) -> None:
        setting = plan.source("witnesses")
        self.witness_names = ("10.0.1.1", "10.0.1.2", "10.0.1.3")[: setting.choice((1, 1, 3))]
        self.witnessed_at: dict[str, float] = {}
        self.was_armed: dict[str, bool] = {}
        self.split_by_default = False
        super().__init__(plan, keep_trace=keep_trace)
        self.witnesses = [
            SimWitness(self, number, plan.source(f"w{number}"))
            for number in range(len(self.witness_names))
        ]
        for witness in self.witnesses:
            witness.start()

    def ask_witnesses(self, host: Host) -> None:
        for witness in self.witnesses:
            witness.asked(host, host.member.ask(witness.number, host.now))
        armed = host.member.witnessing.armed
        if armed != host.disk.armed:
            host.life.later(0.005, partial(setattr, host.disk, "armed", armed))


def make_witnessed_plan(seed: int) -> Plan:
    """A history in which much happens to the witnesses."""
    random = Random(f"{seed}/witness kinds")
    kinds = random.sample(WITNESS_KINDS, random.randint(1, 4))
    kinds += random.sample(OTHER_KINDS, random.randint(0, 4))
    return make_plan(seed, tuple(kinds))


def run_witnessed(seed: int, *, keep_trace: bool = False) -> Outcome:
    """One history with witnesses."""
    return run_world(WitnessedWorld(make_witnessed_plan(seed), keep_trace=keep_trace))


__all__ = ["WitnessedWorld", "make_witnessed_plan", "run_witnessed"]
