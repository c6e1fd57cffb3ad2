"""The loop of one node: hear, decide, act, report.

Everything here runs in one thread with one asyncio loop, in a process that does little else.
Databases are reached through threads of their own; the loop never waits for them before it beats.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from typing import Any

from standby import journal
from standby.domain.contact import Hearing
from standby.domain.facts import Head, Role
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
from standby.domain.reconcile import Relation
from standby.lease import boot_time
from standby.link.channel import ChannelServer
from standby.link.control import ControlServer
from standby.link.datagram import DatagramCodec
from standby.link.keys import secret_name
from standby.link.tls import client_context, server_context
from standby.runtime.accounts import AccountWatch
from standby.runtime.beats import Beats
from standby.runtime.budget import ErrorBudget
from standby.runtime.commands import Commands
from standby.runtime.comparing import Comparer
from standby.runtime.config import VERSION, RuntimeConfig
from standby.runtime.document import DocumentMaker
from standby.runtime.ears import Ears
from standby.runtime.events import EventLog
from standby.runtime.fencing import FenceKeeper
from standby.runtime.following import Follower
from standby.runtime.handing import Handing
from standby.runtime.health import Health
from standby.runtime.host import LoopHost
from standby.runtime.leasing import LeaseKeeper
from standby.runtime.maintenance import MaintenanceWatch
from standby.runtime.merger import Merger, SplitWatch
from standby.runtime.peerlink import PeerLink
from standby.runtime.proof import TableProof
from standby.runtime.sampling import Sampler
from standby.runtime.shipping import Shipper
from standby.runtime.sipwatch import SipWatch
from standby.runtime.threads import DatabaseThread
from standby.runtime.ways import Ways
from standby.runtime.witnesses import WitnessLink
from standby.runtime.words import Words
from standby.termfile import TermFile

log = logging.getLogger(__name__)

PROBE_PAUSE = 0.01
"""Seconds between the probes of a suspicious silence: so many that a line which loses half of what
it carries brings one of them there and back."""


class PairRuntime(LoopHost):
    """One node's part of the pair; ``start`` and ``stop`` it, ``call`` it from other threads."""

    def __init__(self, config: RuntimeConfig) -> None:
        super().__init__("omm-runtime")
        self.config = config
        self.lease: LeaseKeeper
        self.clock: Callable[[], float] = boot_time
        self.started_at = time.time()
        self.head = Head()
        self.acked: tuple[int, str] = (0, "0" * 64)
        self.relation = Relation()
        self.ever_synchronised = False
        self.frozen_at: float | None = None
        self.frozen_for = 0.0
        self.active_since_wall: float | None = None
        self.writer = DatabaseThread("omm-db-write")
        self.reader = DatabaseThread("omm-db-read")
        self.bulk = DatabaseThread("omm-db-bulk")
        self._probing = False
        self._stepped_at = self.clock()
        self._in_contact = False

    # --- life -----------------------------------------------------------------------------------

    def resign_soon(self, reason: str) -> None:
        """Begin to hand over; from any thread, returns at once."""
        self.soon(lambda: self.in_loop(self._resign(reason)))

    async def _resign(self, reason: str) -> None:
        if not self.member.leaving:
            await self.handing.give(Handover.SHUTDOWN, reason)

    def wake(self) -> None:
        """There may be something to ship; from any thread, returns at once."""
        self.soon(self.shipper.wake.set)

    def _workers(self) -> list[Coroutine[Any, Any, None]]:
        work = [self._beat_for_ever(), self.sip.run(), self.health.run(), self.documents.run()]
        work += [self.shipper.run(), self.sampler.run(), self.merger.run()]
        if self.config.peer_address:
            work += [
                self.link.run(),
                self.follower.run(),
                self.comparer.run(),
                self.proof.run(),
                self.ways.run(),
                self.events.share_for_ever(),
            ]
        return work

    def _ended(self) -> None:
        if hasattr(self, "lease"):
            self.lease.close()

    async def _open(self) -> None:
        config = self.config
        self.lease = LeaseKeeper(self)
        self.fence = FenceKeeper(self)
        self.handing = Handing(self)
        self.ears = Ears(self)
        self.words = Words(self)
        self.ways = Ways(self)
        self.witnesses = WitnessLink(self)
        self._terms = TermFile(config.term_path)
        left_open = await self.fence.close_at_start()
        self.head = await self.reader.run(journal.head)
        self.acked = await self.reader.run(journal.acked)
        self.ever_synchronised = self.acked[0] > 0
        self.member = Member(
            node=config.node,
            address=config.address,
            peer_address=config.peer_address,
            boot=config.boot,
            timing=config.timing,
            policy=config.policy,
            term=max(self._terms.read(), self.head.term),
            now=self.clock(),
            version=VERSION,
            witnesses=config.witness_names,
            armed=self.witnesses.armed_before,
            secret=secret_name(config.secrets[0]),
        )
        self.sip = SipWatch(config.address, self.clock, self._sip_urgent)
        self.health = Health(self)
        self.maintenance = MaintenanceWatch(self)
        if left_open:
            self.health.database_failed(left_open)
        self.sampler = Sampler(self)
        self.documents = DocumentMaker(self)
        self.budget = ErrorBudget(self)
        self.events = EventLog(self)
        self.shipper = Shipper(self)
        self.follower = Follower(self)
        self.merger = Merger(self)
        self.splits = SplitWatch(self)
        self.accounts = AccountWatch(self)
        self.comparer = Comparer(self)
        self.proof = TableProof(self)
        self.commands = Commands(self)
        await self.maintenance.first_look()
        await self.budget.remember()
        await self.health.first_look()
        await self._open_link()
        self.sip.changed = self.step
        self.control = ControlServer(config.control_socket, self.commands.handle)
        await self.control.start()

    async def _open_link(self) -> None:
        config = self.config
        codec = DatagramCodec(config.secrets[0], config.node, *config.secrets[1:])
        self.beats = Beats(
            codec, config.paths, config.link_port, self.ears.heard, self.ears.bad, self.clock
        )
        clients, servers = (
            {each: make(each, config.node, trusted=config.secrets) for each in config.secrets}
            for make in (client_context, server_context)
        )
        self.link = PeerLink(config.paths, config.link_port, lambda: clients[codec.secret])
        self.link.routes = self.ways.best
        self.link.on_refused = self._on_refused
        self.link.on_auth_error = self.ears.auth_error
        self.link.on_up = self.shipper.wake.set
        self.link.heard_mark = lambda: self.ears.count
        self.link.heard_since = lambda mark: self.ears.count > mark + 1
        self.server = ChannelServer()
        if not config.peer_address:
            return
        self.beats.open()
        await self.server.start(
            [own for own, _ in config.paths],
            config.link_port,
            lambda: servers[codec.secret],
            self.follower.answer,
            lambda kind: self.ears.bad(kind, config.peer_address),
        )

    async def _close(self) -> None:
        self.beats.close()
        self.witnesses.close()
        await self.server.close()
        await self.control.close()
        self.lease.close()
        for thread in (
            self.writer,
            self.reader,
            self.bulk,
            self.events.thread,
            self.documents.thread,
            self.sampler.thread,
        ):
            thread.close()

    # --- the beat -------------------------------------------------------------------------------

    async def _beat_for_ever(self) -> None:
        interval = self.config.timing.interval
        due = self.clock()
        while True:
            self.beat()
            now = self.clock()
            due = max(due + interval, now)
            await asyncio.sleep(min(due - now, interval))

    def beat(self) -> None:
        """One heartbeat: decide, renew the lease, speak on every path."""
        self.step()
        if self.config.peer_address:
            now = self.clock()
            self.sampler.listen(now)
            self.ways.look()
            self.beats.send(
                self.member.state(self.facts(), now, probe=self.member.wants_probe(now))
            )
            self.witnesses.beat()
        self.renew_lease()
        self._look_in_time()
        if self.member.contact.missed_beats(self.clock()) >= 2:
            self.sip.poke()

    def _look_in_time(self) -> None:
        """A verdict that falls between two beats is not kept waiting for the second."""
        now = self.clock()
        due = self.member.next_look()
        if due is not None and now <= due < now + self.config.timing.interval:
            asyncio.get_running_loop().call_later(due - now, self.step)

    def facts(self) -> Facts:
        """What this node knows of itself now."""
        return Facts(
            head=self.head,
            acked_seq=self.acked[0],
            relation=self.relation,
            healthy=self.health.healthy,
            health_text=self.health.text,
            sip=self.sip.view,
            rfps=self.health.rfps_connected,
            maintenance=self.maintenance.current is not None,
            ever_synchronised=self.ever_synchronised,
            wrong_secret=self.clock() - self.ears.wrong_secret_at < 5.0,
            wall=time.time(),
            error_budget=self.budget.left,
        )

    def step(self) -> None:
        """Let the domain decide and carry out what it asks for."""
        now = self.clock()
        before = self.member.reason
        self.carry_out(self.member.step(self.facts(), now))
        self._note_contact()
        self.witnesses.poke()
        if self.member.stalled:
            self.frozen_at, self.frozen_for = now, now - self._stepped_at
        self._stepped_at = now
        if self.member.reason != before:
            self.renew_lease()
        if self.member.contact.state is Hearing.SUSPECT and not self._probing:
            self.in_loop(self._probe())

    async def _probe(self) -> None:
        """Ask on every path, densely, as long as the silence is only suspicious."""
        self._probing = True
        try:
            while self.member.contact.state is Hearing.SUSPECT:
                self.speak(probe=True)
                await asyncio.sleep(PROBE_PAUSE)
        finally:
            self._probing = False

    def _note_contact(self) -> None:
        now_in_contact = self.member.in_contact
        if now_in_contact == self._in_contact:
            return
        self._in_contact = now_in_contact
        self.events.contact(in_contact=now_in_contact)
        self.splits.contact(in_contact=now_in_contact)
        self.accounts.contact(in_contact=now_in_contact)
        if now_in_contact:
            self.link.drop()
            self.comparer.wake.set()
            self.in_loop(self.words.catch_up())
        self.renew_lease()

    def carry_out(self, effects: list[Effect]) -> None:
        """Execute effects in order; their own effects come before the next one."""
        for effect in effects:
            if isinstance(effect, WriteTerm):
                if not self._write_term(effect.term):
                    return
            else:
                self._execute(effect)

    def _execute(self, effect: Effect) -> None:
        match effect:
            case CloseFence():
                self.renew_lease()
                self.in_loop(self.fence.close())
            case OpenFence(term):
                self.renew_lease()
                self.in_loop(self.fence.open(term))
            case Beat(probe):
                self.speak(probe=probe)
            case Drain():
                self.beats.drain()
            case RoleChanged():
                self._role_changed(effect)
            case HandoverEnded():
                self.handing.ended(effect)
            case SplitSettled(won, reason):
                self.splits.settled(won=won, reason=reason)
                self.events.record(
                    "split_settled", "warning", reason, {"won": won, "term": self.member.term}
                )

    def _write_term(self, term: int) -> bool:
        """False when the term could not be kept: then nothing that rests on it is done."""
        try:
            self._terms.write(term)
        except (OSError, ValueError) as error:
            log.warning("the term %d cannot be kept: %s", term, error)
            self.health.term_failed(str(error))
            self.member.term_failed()
            return False
        self.carry_out(self.member.term_written(term, self.clock()))
        return True

    def speak(self, *, probe: bool = False) -> None:
        """Send a heartbeat now, on every path."""
        if self.config.peer_address:
            self.beats.send(self.member.state(self.facts(), self.clock(), probe=probe))

    def show_head(self) -> None:
        """Our journal has grown: readers see it after the answer to the peer has gone out, and an
        active OMM that closed its gate hears it at once, because it waits for that.
        """
        asyncio.get_running_loop().call_soon(self.renew_lease)
        peer = self.member.peer
        if peer is not None and peer.role is Role.ACTIVE and not peer.gate_open:
            self.speak()

    def _role_changed(self, change: RoleChanged) -> None:
        self.active_since_wall = time.time() if change.new is Role.ACTIVE else None
        self.renew_lease()
        self.events.role_changed(change)
        self.shipper.wake.set()
        self.comparer.wake.set()

    # --- what arrives ---------------------------------------------------------------------------

    def _on_refused(self) -> None:
        self.member.refused(self.clock())
        self.step()

    def _sip_urgent(self) -> bool:
        return self.member.wants_sip_probe(self.clock())

    # --- the lease ------------------------------------------------------------------------------

    def acknowledged(self, seq: int, digest: str) -> None:
        """The peer confirmed our journal up to ``seq``; waiting requests see it in the lease."""
        if (seq, digest) == self.acked:
            return
        self.acked = (seq, digest)
        self.ever_synchronised = self.ever_synchronised or seq > 0
        self.renew_lease()
        self.health.mark_later()

    def renew_lease(self) -> None:
        """Write the lease as things are now."""
        self.lease.renew()
