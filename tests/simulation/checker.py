"""The invariants of the pair, looked at after every single event."""

from __future__ import annotations

from typing import TYPE_CHECKING

from standby.domain.facts import Heartbeat, Role
from standby.domain.member import RoleChanged
from tests.simulation.accounting import Accounting
from tests.simulation.journal import Entry
from tests.simulation.rules import Rules
from tests.simulation.violation import Violation

if TYPE_CHECKING:
    from tests.simulation.host import Host
    from tests.simulation.world import World

SLACK = 0.03
"""Seconds by which a virtual loop may look later than the moment that counts."""
CALM = 2.0
"""Seconds of a faultless line and an undisturbed peer after which nothing excuses a takeover."""
GATE_PATIENCE = 1.5
"""Seconds after which the only active OMM must accept changes, slow disks aside."""


class Checker:
    """Watches both nodes; raises Violation with the number of the invariant."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._reigns: set[tuple[int, str]] = set()
        self._terms: dict[str, int] = {}
        self._terms_at: dict[str, float] = {}
        self._begun: dict[str, float] = {}
        self._forced_at = -1e9
        self._active_since: dict[str, float] = {}
        self._fit_since: dict[str, float] = {}
        self._both_since: float | None = None
        self._none_since: float | None = 0.0
        self._closed_since: float | None = None
        self.data = Accounting(world)
        self.rules = Rules(world)
        self.reigns = 0
        self.longest_without = 0.0

    def fail(self, invariant: str, text: str) -> None:
        raise Violation(invariant, text)

    # --- reports --------------------------------------------------------------------------------

    def started(self, host: Host) -> None:
        self._begun[host.name] = self._world.loop.now
        self.rules.started(host)

    def begun(self, host: Host) -> float:
        """When the process of an OMM began, or began anew after a freeze."""
        return self._begun.get(host.name, -1e9)

    def stopped(self, host: Host) -> None:
        self.rules.stopped(host)
        self._active_since.pop(host.name, None)

    def put_back(self, host: Host) -> None:
        """The data directory is older than it was: its term may be lower, changes may be gone."""
        self.data.disk_replaced(host)
        self._terms.pop(host.name, None)
        self._reigns = {(term, node) for term, node in self._reigns if node != host.name}

    def forced(self, _host: Host) -> None:
        self._forced_at = self._world.loop.now
        self.rules.forced()

    def said(self, host: Host, statement: Heartbeat) -> None:
        before = self._terms.get(host.name, 0)
        if statement.term < before:
            self.fail("I7", f"{host.name} showed term {before} and now {statement.term}")
        if statement.term > before:
            self._terms[host.name], self._terms_at[host.name] = statement.term, self._world.loop.now
        self.rules.said(host)
        kept = max(host.disk.term, host.disk.head.term)
        if statement.term > kept:
            self.fail("I7", f"{host.name} shows {statement.term}, on disk is {kept}")

    def role_changed(self, host: Host, change: RoleChanged) -> None:
        self.rules.role_changed(host, change)
        if change.new is Role.STARTING:
            self._begun[host.name] = self._world.loop.now
        if change.new is not Role.ACTIVE:
            since = self._active_since.pop(host.name, None)
            self._check_gave_way(host, change)
            if since is not None:
                self._check_stays(host, change, self._world.loop.now - since)
            return
        self._check_learned(host, change)
        reign = (change.term, host.name)
        if reign in self._reigns:
            self.fail("I7", f"the reign {reign} began twice")
        self._reigns.add(reign)
        self.reigns += 1
        self._active_since[host.name] = self._world.loop.now
        self._check_excuse(host, change)

    def _check_learned(self, host: Host, change: RoleChanged) -> None:
        """I7: nobody reigns in contact with a peer that has long shown as late a term."""
        peer, now = host.peer, self._world.loop.now
        mutual = peer.awake and host.member.in_contact and peer.member.in_contact
        shown_for = now - self._terms_at.get(peer.name, now)
        if (
            mutual
            and shown_for > self._world.timing.contact_timeout
            and change.term <= self._terms.get(peer.name, 0)
        ):
            self.fail("I7", f"{host.name} reigns in {change.term}, {peer.name} has seen more")

    def _check_stays(self, host: Host, change: RoleChanged, held: float) -> None:
        """I6: a healthy active that nothing befell keeps its role."""
        now, peer = self._world.loop.now, host.peer
        asked = max(host.asked_at, peer.asked_at, self._forced_at)
        befell = max(
            asked + self._world.timing.handover_wait, host.life.resumed_at, peer.life.resumed_at
        )
        calm = held > CALM and self._world.network.good_for() > CALM and now - befell > CALM
        given = "holds data" in change.reason or change.reason.startswith("OMM error")
        if calm and self._fit(host) and not given:
            self.fail("I6", f"{host.name} stepped down: {change.reason}")

    def _check_gave_way(self, host: Host, change: RoleChanged) -> None:
        """I6: an OMM that stood still never wins a split that only the other one noticed."""
        excused = self._world.loop.now - self._forced_at < CALM or "confirmed" in change.reason
        if change.reason.startswith("After the split") and not excused:
            peer = host.peer
            claim = host.member.claim
            if peer.active and claim and claim.noticed and not peer.member.noticed:
                self.fail("I6", f"{host.name} gave way to {peer.name}, which noticed no split")

    def _check_excuse(self, host: Host, change: RoleChanged) -> None:
        """I6: nobody takes the role from a healthy active OMM in contact."""
        world, peer = self._world, host.peer
        now = world.loop.now
        held = now - self._active_since.get(peer.name, now)
        calm = (
            peer.active
            and held > CALM
            and now - peer.life.resumed_at > CALM
            and world.network.good_for() > CALM
            and now - self._forced_at > CALM
        )
        if calm and "handed its role over" not in change.reason and now - host.asked_at > CALM:
            self.fail("I6", f"{host.name} became active beside {peer.name}: {change.reason}")

    def accepted(self, host: Host, made: list[Entry]) -> None:
        """A change of ``host`` committed."""
        peer = host.peer
        mutual = peer.awake and host.awake and host.member.in_contact and peer.member.in_contact
        if mutual and peer.member.gate_open and peer.disk.fence_open:
            self.fail("I1", "both accept changes while in contact")
        self.rules.accepted(host, made)
        self.data.committed(host, made)

    # --- after every event ----------------------------------------------------------------------

    def look(self) -> None:
        first, second = self._world.hosts
        one, two = first.active, second.active
        if one and two:
            self._look_at_both(first, second)
        else:
            self._both_since = None
        if one != two:
            self._look_at_gate(first if one else second)
        else:
            self._closed_since = None
        self._look_at_none(someone=one or two)

    def _look_at_both(self, first: Host, second: Host) -> None:
        now, world = self._world.loop.now, self._world
        mutual = first.member.in_contact and second.member.in_contact
        if mutual and first.member.gate_open and second.member.gate_open:
            self.fail("I1", "both gates are open while in contact")
        if (mutual and world.network.brisk()) or world.network.good_for() > CALM:
            since = self._both_since = self._both_since or now
            if now - since > world.timing.contact_timeout + SLACK:
                self.fail("I1", "both are active too long after contact is back")
        else:
            self._both_since = None

    def _look_at_gate(self, active: Host) -> None:
        """An active OMM with nobody beside it and a working disk accepts changes."""
        now = self._world.loop.now
        excused = (
            active.member.gate_open
            or active.member.handing_over
            or active.database.slowness > 1
            or active.disk_full
            or not active.term_works
        )
        if excused or self._closed_since is None:
            self._closed_since = now
        elif now - self._closed_since > GATE_PATIENCE:
            self.fail("gate", f"{active.name} is active and keeps its gate closed")

    def _look_at_none(self, *, someone: bool) -> None:
        if someone:
            self._none_since = None
            self._fit_since.clear()
            return
        now = self._world.loop.now
        if self._none_since is None:
            self._none_since = now
        for host in self._world.hosts:
            if self._fit(host):
                self._fit_since.setdefault(host.name, now)
                self._check_waiting(host, now)
            else:
                self._fit_since.pop(host.name, None)

    def _check_waiting(self, host: Host, now: float) -> None:
        fit = self._fit_since.get(host.name)
        if fit is None or self._none_since is None:
            return
        since = max(fit, self._none_since)
        self.longest_without = max(self.longest_without, now - since)
        if now - since > self._patience(host, since) + SLACK:
            self.fail("I5", f"nobody is active for {now - since:.2f} s although {host.name} could")

    def _patience(self, host: Host, since: float) -> float:
        timing = self._world.timing
        wait = timing.contact_timeout + 1.0
        if host.life.resumed_at > since - 2 * timing.contact_timeout:
            wait += timing.contact_timeout + timing.startup_wait
        elif self._begun.get(host.name, -1e9) > since - timing.startup_wait:
            wait += timing.startup_wait
        return wait

    def _fit(self, host: Host) -> bool:
        world = self._world
        sip = not world.sip or host.proxy.fit
        return (
            host.awake
            and now_healthy(host)
            and host.term_works
            and sip
            and not host.maintenance
            and not host.member.leaving
        )

    # --- at the end -----------------------------------------------------------------------------

    def settled(self) -> str:
        """Why the pair is not yet as it should be; empty when all is well (I4)."""
        first, second = self._world.hosts
        if not (first.life.running and second.life.running):
            return "one does not run"
        if first.member.leaving or second.member.leaving:
            return "one is about to stop"
        if first.active == second.active:
            return "not exactly one is active"
        return self._unequal(*((first, second) if first.active else (second, first)))

    def _unequal(self, active: Host, other: Host) -> str:
        gate_closed = not (active.member.gate_open and active.disk.fence_open)
        wrong = (
            (gate_closed, "the active accepts no changes"),
            (other.member.role is not Role.STANDBY, f"the other is {other.member.role}"),
            (other.member.gate_open, "the standby accepts changes"),
            (active.disk.head.hash != other.disk.head.hash, "the journals differ"),
            (bool(other.disk.pending or other.disk.pending_splits), "changes wait to be listed"),
        )
        why = next((text for is_so, text in wrong if is_so), "")
        return why or self.data.unsettled(active.disk)


def now_healthy(host: Host) -> bool:
    """Nothing is wrong with it, and it has noticed that."""
    return host.healthy and not host.disk_full and not host.health.error
