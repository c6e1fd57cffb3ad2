"""One simulated OMM: drives a real Member the way the runtime does."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from random import Random
from typing import TYPE_CHECKING

from standby.domain.aside import BEGINNINGS
from standby.domain.facts import Head, Heartbeat, Role
from standby.domain.member import (
    Beat,
    CloseFence,
    Drain,
    Effect,
    Facts,
    Handover,
    HandoverEnded,
    Member,
    OpenFence,
    RoleChanged,
    SplitSettled,
    WriteTerm,
)
from tests.simulation.following import Follower
from tests.simulation.health import Health
from tests.simulation.journal import Change, Entry, Refused
from tests.simulation.machine import Machine
from tests.simulation.people import begin
from tests.simulation.process import Scope
from tests.simulation.replication import Replication
from tests.simulation.sip import SipWatch

if TYPE_CHECKING:
    from tests.simulation.world import World

REPLY_PAUSE = 0.004
WEB = "web"


class Host(Machine):
    """A machine and its OMM; ``start`` makes a new process with a new Member."""

    member: Member
    sip: SipWatch
    replication: Replication
    follower: Follower
    health: Health
    head: Head
    """As far as this process knows it: requests of others move the disk's."""
    acked: tuple[int, str]
    ever_synchronised: bool
    peer: Host

    def __init__(self, world: World, name: str, address: str, random: Random) -> None:
        super().__init__(world, name, address, random, self._cut_off)
        self.asked_at = -1e9
        self._leased_at = -1e9
        self._replied_at = -1e9
        self._wake_planned: float | None = None

    # --- life -----------------------------------------------------------------------------------

    @property
    def starting(self) -> bool:
        return not self.life.running or self.member.role is Role.STARTING or self.member.leaving

    @property
    def active(self) -> bool:
        return self.awake and self.member.role is Role.ACTIVE

    def _cut_off(self) -> None:
        self.crash(host_up=self._random.random() < 0.7)
        self.world.loop.after(self._random.choice((0.2, 1.5, 3.0)), self.start)

    def start(self) -> None:
        if self.life.running:
            return
        self.life.begin()
        self.database.reset()
        self.sip = SipWatch(
            self.proxy, self._random, self.clock.read, self.life.later, configured=self.world.sip
        )
        self.replication = Replication(self)
        self.follower = Follower(self)
        self.head, self.acked = self.disk.head, self.disk.acked
        self.ever_synchronised = self.acked[0] > 0
        self.member = Member(
            node=self.name,
            address=self.address,
            peer_address=self.peer.address,
            boot=f"{self.name}{self.life.epoch}",
            timing=self.world.timing,
            policy=self.world.policy,
            term=max(self.disk.term, self.disk.head.term),
            now=self.now,
            version="1",
            witnesses=self.world.witness_names,
            armed=self.disk.armed,
        )
        self._leased_at = self._replied_at = -1e9
        self._wake_planned = None
        self.health = Health(self)
        self._known: tuple[object, ...] = ()
        self.world.note(self, "started")
        self.world.checker.started(self)
        self.database.submit(self._commit_close)
        self.life.later(self._random.uniform(0, 0.01), self._tick)

    def crash(self, *, host_up: bool) -> None:
        """Every process is gone; with the host up its kernel refuses connections."""
        if not self.life.running:
            return
        self.world.note(self, f"crashed, host up: {host_up}")
        self.life.end()
        self.life.host_up = host_up
        self.database.reset()
        self.world.checker.stopped(self)
        if host_up:
            self.world.loop.after(self._random.uniform(0.006, 0.02), self._refuse)

    def _refuse(self) -> None:
        """Connections of the peer are refused while nothing listens."""
        lanes = self.world.network.lanes
        peer = self.peer
        if self.life.running or not self.life.host_up or not all(lane.up for lane in lanes):
            return
        if peer.awake:
            self.world.note(peer, "connection refused")
            peer.member.refused(peer.now)
            peer.step()

    # --- the loop -------------------------------------------------------------------------------

    def _tick(self) -> None:
        interval = self.world.timing.interval
        self.life.later(interval * self._random.uniform(0.98, 1.05), self._tick)
        self.step()
        if not self.life.running:
            return
        self.send(probe=self.member.wants_probe(self.now))
        self._leased_at = self.now
        self.world.ask_witnesses(self)
        self.sip.look(urgent=self.member.wants_sip_probe(self.now))
        self.replication.ship()
        self.follower.tick()

    def facts(self) -> Facts:
        """What this process knows of its node; the same object while nothing of it changes."""
        healthy = self.healthy and not self.health.error
        known = (
            self.head,
            self.acked[0],
            self.replication.compare(),
            healthy,
            "" if healthy else "The disk is full.",
            self.sip.facts,
            self.rfps,
            self.maintenance,
            self.ever_synchronised,
            False,
            self.wall_offset,
            self.error_budget,
        )
        if known != self._known:
            self._known, self._facts = known, Facts(*known)
        return self._facts

    def step(self) -> None:
        if self.awake:
            wanted = self.member.witnessing.wants_since
            self.carry_out(self.member.step(self.facts(), self.now))
            if wanted is None and self.member.witnessing.wants_since is not None:
                self.world.ask_witnesses(self)
            self._plan_wake()

    def _plan_wake(self) -> None:
        """Look again exactly when a silence becomes a verdict."""
        due = self.member.next_look()
        if due is None or (self._wake_planned is not None and due >= self._wake_planned > self.now):
            return
        self._wake_planned = due
        self.life.later(max(0.0, due - self.now) + 1e-6, self.step)

    def send(self, *, probe: bool = False) -> None:
        statement = self.member.state(self.facts(), self.now, probe=probe)
        self.world.checker.said(self, statement)
        way = (self.name, self.peer.name)
        self.world.network.datagram(way, partial(self.peer.arrives, statement))

    def arrives(self, statement: Heartbeat) -> None:
        self.life.packet(partial(self._hear, statement))

    def _hear(self, statement: Heartbeat) -> None:
        began = not self.member.in_contact
        wants_answer = self.member.hear(statement, self.now)
        if (
            not wants_answer
            and self.member.peer is not statement
            and not self.member.overslept(self.now)
        ):
            return  # a copy
        if wants_answer and self.now - self._replied_at >= REPLY_PAUSE:
            self._replied_at = self.now
            self.send()
        self.step()
        if began and self.member.in_contact:
            self.send()

    def tell(self, deliver: Callable[[], None]) -> None:
        """A message over the channel."""
        self.life.boundary()
        way = (self.name, self.peer.name)
        epoch, peer_epoch = self.life.epoch, self.peer.life.epoch

        def arrive() -> None:
            same = self.life.epoch == epoch and self.peer.life.epoch == peer_epoch
            if same:
                self.peer.life.packet(deliver, stream=True)

        self.world.network.message(way, arrive)

    # --- effects --------------------------------------------------------------------------------

    def carry_out(self, effects: list[Effect]) -> None:
        for effect in effects:
            self.life.boundary()
            self._execute(effect)
            self.life.boundary()

    def _execute(self, effect: Effect) -> None:
        match effect:
            case WriteTerm(term):
                self._write_term(term)
            case CloseFence():
                self.database.submit(self._commit_close)
            case OpenFence(term):
                self.database.submit(partial(self.commit_open, term))
            case Beat(probe):
                self.send(probe=probe)
            case Drain():
                self.life.drain()
            case RoleChanged():
                self.world.note(
                    self, f"{effect.old} -> {effect.new} {effect.term}: {effect.reason}"
                )
                self.world.checker.role_changed(self, effect)
            case HandoverEnded():
                self._handover_ended(effect)
            case SplitSettled():
                self.world.note(self, f"split settled, won: {effect.won}: {effect.reason}")

    def _write_term(self, term: int) -> None:
        if self.sync_term:
            self._term_synced(term)
            return
        slow = self._random.random() < 0.05
        self.life.later(
            self._random.uniform(0, 0.4 if slow else 0.01), lambda: self._term_synced(term)
        )

    def _term_synced(self, term: int) -> None:
        if not self.term_works:
            self.health.term_error = True
            self.member.term_failed()
            return
        self.life.boundary()
        self.disk.term = max(self.disk.term, term)
        self.world.note(self, f"term {term} is on disk")
        self.carry_out(self.member.term_written(term, self.now))

    def _commit_close(self) -> None:
        if not self.health.writable():  # the lease has closed the gate already
            self.report(partial(self._closed, self.head))
            return
        self.disk.fence_open = False
        head = self.disk.head
        self.report(partial(self._closed, head))

    def _closed(self, head: Head) -> None:
        self.head = head
        self.carry_out(self.member.fence_closed(head))

    def commit_open(self, term: int) -> None:
        disk = self.disk
        if not self.health.writable():
            return
        if term < max(disk.head.term, disk.fence_term):
            self.world.checker.fail("I7", f"{self.name} opens its fence for the past term {term}")
        disk.fence_open, disk.fence_term, disk.tail = True, term, []
        if not disk.entries:
            change = Change(disk.tables, self.name, BEGINNINGS, self.wall)
            begin(change)
            self.world.checker.data.committed(self, disk.commit(change, term))
        self.report(partial(self._opened, term, disk.head, disk.acked))

    def _opened(self, term: int, head: Head, acked: tuple[int, str]) -> None:
        self._leased_at = self.now
        self.head, self.acked = head, acked
        self.carry_out(self.member.fence_opened(term))
        self.follower.opened()

    def report(self, event: Callable[[], None]) -> None:
        """The database's thread tells the loop."""
        self.life.later(0.0, event)

    def _handover_ended(self, ended: HandoverEnded) -> None:
        self.world.note(self, f"hand-over {ended.kind} done: {ended.done}: {ended.reason}")
        if ended.kind.leaves:
            back = self._random.uniform(0.3, 1.5 if ended.kind is Handover.REBOOT else 3.0)
            self.life.later(self._random.uniform(0.001, 0.2), lambda: self._exit(back))

    def _exit(self, back: float) -> None:
        self.crash(host_up=True)
        self.world.loop.after(back, self.start)

    # --- what people and programs do ------------------------------------------------------------

    def hand_over(self, kind: Handover) -> None:
        if self.awake:
            self.asked_at = self.world.loop.now
            self.world.note(self, f"asked for {kind}")
            reason = f"Asked for {kind}."
            self.carry_out(self.member.hand_over(kind, reason, self.facts(), self.now))

    def force(self) -> None:
        """The page of this OMM: forced takeover, or switch-over when the peer is active."""
        if not self.awake:
            return
        self.world.note(self, "force")
        peer = self.member.peer
        if self.member.in_contact and peer is not None and peer.role is Role.ACTIVE:
            self.peer.hand_over(Handover.SWITCHOVER)
            return
        self.world.checker.forced(self)
        self.member.force()
        self.step()

    def lease_open(self) -> bool:
        """What a request finds in the lease file."""
        if not self.life.running or not self.member.gate_open:
            return False
        return self.now - self._leased_at < 3 * self.world.timing.interval

    def write(self, work: Callable[[Change], None]) -> None:
        """A request changes the configuration: lease, transaction with fence, lease, commit."""
        if not self.life.running or self.life.paused is Scope.HOST or not self.lease_open():
            return
        seconds = self._random.expovariate(1 / 0.004)
        commit = partial(self.commit_change, work, WEB)
        self.database.submit(commit, seconds=min(seconds, 0.3))

    def commit_change(self, work: Callable[[Change], None], source: str) -> bool:
        """Whole or not at all; False when this OMM accepts no change or the rules refuse it."""
        disk = self.disk
        if not self.lease_open() or not disk.fence_open or not self.health.writable():
            return False
        change = Change(disk.tables, self.name, source, self.wall)
        try:
            work(change)
        except Refused:
            change.take_back()
            return False
        made = disk.commit(change, disk.fence_term)
        if made:
            self.world.checker.accepted(self, made)
            self.report(self._ring)
        return True

    def _ring(self) -> None:
        self.head = self.disk.head
        self.replication.ring()

    def commit_applied(self, whole: list[Entry], tail: list[Entry]) -> None:
        """Within a transaction that follows the peer's journal."""
        disk = self.disk
        if whole:
            disk.apply(whole)
            disk.acked = (disk.head.seq, disk.head.hash)
            self.world.checker.data.applied(self, [], whole)
        disk.tail = tail

    def took(self, head: Head) -> None:
        """The journal of the peer was followed up to here."""
        self.head, self.acked = head, (head.seq, head.hash)
        self.ever_synchronised = True
        self.step()

    @property
    def generation(self) -> tuple[int, int]:
        """Names the channel to the peer: another one after every restart or cut."""
        return self.life.epoch + self.peer.life.epoch, self.world.network.epoch
