"""The pair's rules as the world sees them: checked against what is true, not what an OMM believes.

The invariants say what must never come of it; these say that the way there is the agreed one. Each
sample is taken when an OMM speaks, at every beat.
"""

from __future__ import annotations

import ipaddress
from collections import defaultdict
from typing import TYPE_CHECKING, NoReturn

from standby.domain.contact import Evidence, Hearing
from standby.domain.facts import Role
from standby.domain.member import RoleChanged
from tests.simulation.journal import Entry
from tests.simulation.merged import check_merges

if TYPE_CHECKING:
    from tests.simulation.host import Host
    from tests.simulation.world import World

CALM = 2.0
"""Seconds of a faultless line and an undisturbed peer after which nothing excuses a takeover."""
DECIDED = 0.6
"""Seconds for which a decision may wait for its term to be kept."""
ERROR_PATIENCE = 2.5
"""Seconds after which an active OMM with an error has handed over to a peer that can take it."""
HEARING_AGAIN = 0.3
"""Seconds for which an OMM that stood still may take the old state for the present."""
SETTLED = 2.0
"""Seconds within which two OMMs that give way speak of the same split."""


class Watched:
    """What is true of one OMM; moments are those since when it holds without a break."""

    def __init__(self) -> None:
        self.active_at = 0.0
        self.since: dict[str, float] = {}
        self.met = False
        self.died_active_at: float | None = None
        self.gave_way_at = -1e9

    def sample(self, now: float, **facts: bool) -> None:
        for name, holds in facts.items():
            if not holds:
                self.since.pop(name, None)
            else:
                self.since.setdefault(name, now)

    def lasts(self, name: str, now: float) -> float:
        """Seconds for which it has held; negative when it does not hold."""
        return now - self.since[name] if name in self.since else -1.0


class Rules:
    """Watches both OMMs; ``fail`` gets the rule's name and what happened."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._watched: dict[str, Watched] = defaultdict(Watched)
        self._forced_at = -1e9

    def _fail(self, rule: str, text: str) -> NoReturn:
        self._world.checker.fail(rule, text)
        raise AssertionError(text)

    # --- reports --------------------------------------------------------------------------------

    def started(self, host: Host) -> None:
        self._watched[host.name].met = False

    def stopped(self, host: Host) -> None:
        watched = self._watched[host.name]
        watched.since.clear()
        was_active = host.member.role is Role.ACTIVE and not host.member.leaving
        watched.died_active_at = self._world.loop.now if was_active else None

    def forced(self) -> None:
        self._forced_at = self._world.loop.now

    def said(self, host: Host) -> None:
        now, peer = self._world.loop.now, host.peer
        watched = self._watched[host.name]
        watched.met = watched.met or host.member.in_contact
        heard = host.member.contact
        watched.sample(
            now,
            able=self._able(host),
            contact=host.member.in_contact,
            maintenance=host.maintenance,
            spent=not host.error_budget,
            error=self._should_hand_over(host),
        )
        if heard.state is not Hearing.HEARD:
            self._watched[peer.name].died_active_at = None
        if heard.state is Hearing.LOST and heard.evidence is Evidence.SILENCE:
            self._check_accusation(host)
        if watched.lasts("error", now) > ERROR_PATIENCE:
            self._fail("rule4", f"{host.name} keeps the role in spite of its error")

    def _calm(self, host: Host) -> bool:
        """Nothing has kept what the peer of ``host`` says from arriving for a while."""
        world, peer = self._world, host.peer
        now = world.loop.now
        began = world.checker.begun(peer)
        undisturbed = now - peer.life.resumed_at > CALM and now - began > CALM
        return peer.awake and undisturbed and world.network.good_for() > CALM

    def _check_accusation(self, host: Host) -> None:
        """Suspect yourself first: nobody is silent on a faultless line.

        What an OMM decided before it stood still, or what its clocks hid from it, is not meant.
        """
        lost_at, awake_for = host.member.contact.lost_at, host.life.awake_for()
        anew = lost_at is not None and host.now - lost_at < awake_for
        unseen = host.life.hidden and awake_for < CALM
        if anew and not unseen and self._calm(host):
            self._fail("contact", f"{host.name} calls {host.peer.name} silent, which it is not")

    def _should_hand_over(self, host: Host) -> bool:
        peer = host.peer
        able = (
            self._calm(host)
            and peer.member.role is Role.STANDBY
            and peer.healthy
            and peer.term_works
            and not self._world.are_strangers()
            and not peer.member.leaving
            and (not self._world.sip or peer.proxy.fit)
        )
        willing = host.error_budget and not host.maintenance
        quick = host.database.slowness == peer.database.slowness == 1.0
        return host.active and not host.healthy and able and willing and quick and not _rests(host)

    # --- a role changes -------------------------------------------------------------------------

    def role_changed(self, host: Host, change: RoleChanged) -> None:
        if change.new is Role.ACTIVE:
            self._check_begins(host, change)
            self._watched[host.name].died_active_at = None
            self._watched[host.name].active_at = self._world.loop.now
            for watched in self._watched.values():
                watched.gave_way_at = -1e9
        elif change.old is Role.ACTIVE:
            self._check_ends(host, change.reason)

    def _check_begins(self, host: Host, change: RoleChanged) -> None:
        reason = change.reason
        if "lower IP address" in reason:
            self._check_first(host)
        if "handed its role over" in reason:
            self._check_whole_journal(host)
        if "fell silent" in reason:
            self._check_own_cable(host)
        if change.old is Role.STANDBY and ("fell silent" in reason or "is gone" in reason):
            self._check_maintenance(host)
        if "No OMM was active" in reason:
            self._check_fast_restart(host)

    def _check_first(self, host: Host) -> None:
        """Rule 1: the numerically lower address, unless the other journal continues this one."""
        mine, theirs = (int(ipaddress.ip_address(one.address)) for one in (host, host.peer))
        if mine > theirs:
            self._fail("rule1", f"{host.address} counts as lower than {host.peer.address}")
        own, other = host.disk, host.peer.disk
        if other.head.seq > own.head.seq and other.hash_at(own.head.seq) == own.head.hash:
            self._fail("rule1", f"{host.name} starts as active without the rest of the journal")

    def _check_whole_journal(self, host: Host) -> None:
        """Rule 8: the successor has everything."""
        head = host.peer.disk.head
        if host.disk.hash_at(head.seq) != head.hash:
            self._fail("rule8", f"{host.name} took the role without the whole journal")

    def _check_own_cable(self, host: Host) -> None:
        """Rule 2: the SIP proxy has answered a probe sent after the last heartbeat heard."""
        heard_at, probed_at = host.member.contact.heard_at, host.sip.facts.answered_probe_at
        still = host.member.contact.state is Hearing.LOST and heard_at is not None
        if self._world.sip and still and (probed_at is None or probed_at <= (heard_at or 0.0)):
            self._fail("rule2", f"{host.name} took over cut off from the SIP proxy itself")

    def _check_maintenance(self, host: Host) -> None:
        watched = self._watched[host.name]
        if (
            host.maintenance
            and watched.met
            and watched.lasts("maintenance", self._world.loop.now) > DECIDED
        ):
            self._fail("rule10", f"{host.name} took over during maintenance")

    def _check_fast_restart(self, host: Host) -> None:
        """Rule 9: the other one was there all the time and could take the role."""
        watched, peer = self._watched[host.name], host.peer
        able = self._watched[peer.name].lasts("able", self._world.loop.now) > CALM
        waits = peer.member.role is Role.STANDBY and self._calm_line(peer)
        if watched.died_active_at is not None and able and waits:
            self._fail("rule9", f"{host.name} restarted and kept the role beside {peer.name}")

    def _able(self, host: Host) -> bool:
        """It could take the role."""
        free = not host.maintenance and not host.member.leaving
        sip = not self._world.sip or host.proxy.fit
        return host.healthy and host.term_works and free and sip

    def _calm_line(self, peer: Host) -> bool:
        now = self._world.loop.now
        return (
            peer.awake
            and now - peer.life.resumed_at > CALM
            and now - self._world.checker.begun(peer) > CALM
            and self._world.network.good_for() > CALM
        )

    def _check_ends(self, host: Host, reason: str) -> None:
        now = self._world.loop.now
        watched = self._watched[host.name]
        if reason.startswith("OMM error") and watched.lasts("spent", now) > ERROR_PATIENCE:
            self._fail("rule11", f"{host.name} handed over for an error beyond the budget")
        if reason.startswith("After the split"):
            self._check_gave_way(host, watched.active_at)
            self._check_claims(host)
            watched.gave_way_at = now
            if now - self._watched[host.peer.name].gave_way_at < SETTLED:
                self._fail("rule6", "both gave way in one split")

    def _check_gave_way(self, host: Host, active_at: float) -> None:
        """I6: one that became active while the other stood still goes on.

        Not meant is an OMM that had just lost contact for another reason.
        """
        now, life = self._world.loop.now, host.peer.life
        contact_since = self._watched[host.peer.name].since.get("contact", now)
        stood_still = (
            contact_since + HEARING_AGAIN < life.paused_at < active_at <= life.resumed_at
            and host.life.resumed_at < active_at
        )
        undivided = self._world.network.good_for() > now - life.paused_at + CALM
        if stood_still and undivided and now - self._forced_at > CALM:
            self._fail("I6", f"{host.name} gave way to {host.peer.name}, which had stood still")

    def _check_claims(self, host: Host) -> None:
        """Rule 6: the side that alone holds acknowledged changes wins before all else."""
        mine, theirs = host.member.claim, host.member.peer and host.member.peer.claim
        if mine and theirs and mine.acked_suffix and not theirs.acked_suffix:
            self._fail("rule6", f"{host.name} gave way with changes that its peer had confirmed")

    # --- changes --------------------------------------------------------------------------------

    def accepted(self, host: Host, made: list[Entry]) -> None:
        """I1, for two processes that could speak with each other if one did not stand still."""
        check_merges(self._world, host.disk, made)
        peer, world = host.peer, self._world
        both = peer.active and peer.member.gate_open and peer.disk.fence_open
        lives = (host.life, peer.life)
        unseen = any(life.awake_for() < HEARING_AGAIN for life in lives)
        if both and not unseen and world.network.good_for() > CALM:
            self._fail("I1", f"{host.name} accepts a change beside {peer.name} on a good line")


def _rests(host: Host) -> bool:
    """A hand-over for an error that nobody confirmed is not tried again for a while."""
    return host.now < host.member._error_rest_until or host.member.handing_over
