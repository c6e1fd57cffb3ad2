"""One OMM of the pair as a machine without I/O: statements and ticks in, effects out.

The runtime (and the simulation) own the clock, the sockets and the disk. They call ``hear`` for
every authenticated statement, ``step`` at every beat, and carry out the returned effects in
order, reporting back with ``term_written``, ``fence_closed`` and ``fence_opened``.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum

from standby.domain.contact import PROBE_TIME, Contact, Evidence, Hearing, Timing
from standby.domain.election import Action, Decision, Sip, View, decide_role, successor_refusal
from standby.domain.facts import Claim, Head, Heartbeat, Offer, Role, SplitPolicy
from standby.domain.reconcile import Relation, Standing

CLAIM_PATIENCE = 0.3
"""Share of the contact timeout that a claim waits for the comparison of the journals."""
ERROR_REST = 30.0
"""Seconds after a hand-over for an error that nobody confirmed before the next is tried."""
CANCELLED_TERMS = 2
"""A cancelled hand-over continues above the term that it had offered."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What the runtime knows of its own node at this moment."""

    head: Head = Head()
    acked_seq: int = 0
    relation: Relation = Relation()
    healthy: bool = True
    health_text: str = ""
    sip: Sip = Sip()
    rfps: int = 0
    maintenance: bool = False
    ever_synchronised: bool = False
    wrong_secret: bool = False
    wall: float = 0.0
    error_budget: bool = True


@dataclass(frozen=True, slots=True)
class WriteTerm:
    """Write and sync the term; report with term_written before anything else is done."""

    term: int


@dataclass(frozen=True, slots=True)
class CloseFence:
    """Close the fence row in a transaction of its own; report with fence_closed."""


@dataclass(frozen=True, slots=True)
class OpenFence:
    """Open the fence row for this term; report with fence_opened."""

    term: int


@dataclass(frozen=True, slots=True)
class Beat:
    """Send a heartbeat at once on every path (``probe`` asks for an immediate answer)."""

    probe: bool = False


@dataclass(frozen=True, slots=True)
class Drain:
    """Throw away what waits in the sockets."""


@dataclass(frozen=True, slots=True)
class RoleChanged:
    """The role changed; everything about why."""

    old: Role
    new: Role
    term: int
    reason: str


@dataclass(frozen=True, slots=True)
class HandoverEnded:
    """A hand-over ended: done, or given up with the reason."""

    kind: Handover
    done: bool
    reason: str


@dataclass(frozen=True, slots=True)
class SplitSettled:
    """A split was decided here; ``won`` tells for which side."""

    won: bool
    reason: str


Effect = (
    WriteTerm | CloseFence | OpenFence | Beat | Drain | RoleChanged | HandoverEnded | SplitSettled
)


class Handover(StrEnum):
    """Why an active OMM gives its role away."""

    SWITCHOVER = "switchover"
    ERROR = "error"
    REBOOT = "reboot"
    SHUTDOWN = "shutdown"

    @property
    def leaves(self) -> bool:
        """The OMM stops afterwards, confirmed or not."""
        return self in (Handover.REBOOT, Handover.SHUTDOWN)


@dataclass(slots=True)
class _Giving:
    kind: Handover
    reason: str
    started: float
    head: Head | None = None
    offer: Offer | None = None


@dataclass(slots=True)
class _Promotion:
    term: int
    reason: str
    forced: bool
    opening: bool = False


@dataclass(slots=True)
class Member:
    """The state of one OMM; see the module's text for how it is driven."""

    node: str
    address: str
    peer_address: str
    boot: str
    timing: Timing
    policy: SplitPolicy
    term: int
    now: float
    version: str = ""
    role: Role = Role.STARTING
    reason: str = "Starting."
    gate_open: bool = False
    peer: Heartbeat | None = None
    forced: bool = False
    noticed: bool = False
    barred: bool = False
    yields: bool = False
    claim: Claim | None = None
    settled: bool = False
    stalled: bool = False
    rfp_open: bool = False
    contact: Contact = field(init=False)
    role_since: float = field(init=False)
    wait_until: float = field(init=False)
    counter: int = 0
    _settled_against: Claim | None = None
    _both_active_since: float | None = None
    _peer_restarted: bool = False
    _thawing: bool = False
    _promotion: _Promotion | None = None
    _giving: _Giving | None = None
    _sent: dict[int, float] = field(default_factory=dict)
    _last_step: float = field(init=False)
    _force: bool = False
    _fence_wanted: int | None = None
    _error_rest_until: float = 0.0
    leaving: bool = False

    def __post_init__(self) -> None:
        self.contact = Contact(self.timing)
        self.role_since = self.now
        self.wait_until = self.now + self.timing.startup_wait
        self._last_step = self.now

    # --- what it sees ---------------------------------------------------------------------------

    @property
    def peer_configured(self) -> bool:
        """A standby OMM is configured."""
        return bool(self.peer_address)

    @property
    def in_contact(self) -> bool:
        """Each OMM hears the other."""
        heard = self.contact.state in (Hearing.HEARD, Hearing.SUSPECT)
        return heard and self.peer is not None and self.peer.hears

    @property
    def handing_over(self) -> bool:
        """A hand-over is under way."""
        return self._giving is not None

    @property
    def promoting(self) -> bool:
        """The role is being taken at this moment."""
        return self._promotion is not None

    @property
    def fence_wanted(self) -> int | None:
        """The term for which changes should pass; None when they should not."""
        return self._fence_wanted if self._giving is None else None

    def view(self, facts: Facts, now: float) -> View:
        """One consistent picture for the rules."""
        return View(
            now=now,
            timing=self.timing,
            node=self.node,
            address=self.address,
            peer_configured=self.peer_configured,
            role=self.role,
            role_since=self.role_since,
            term=self.term,
            head=facts.head,
            acked_seq=facts.acked_seq,
            relation=facts.relation,
            healthy=facts.healthy,
            health_text=facts.health_text,
            unhealthy_since=None,
            sip=facts.sip,
            hearing=self.contact.state,
            evidence=self.contact.evidence,
            heard_at=self.contact.heard_at,
            lost_at=self.contact.lost_at,
            peer=self.peer,
            noticed=self.noticed,
            forced=self.forced,
            barred=self.barred,
            claim=self.claim,
            settled=self.settled,
            peer_restarted=self._peer_restarted,
            both_active_since=self._both_active_since,
            wait_until=self.wait_until,
            thawing=self._thawing,
            ever_synchronised=facts.ever_synchronised,
            wrong_secret=facts.wrong_secret,
            maintenance=facts.maintenance,
            policy=self.policy,
            error_budget=facts.error_budget and now >= self._error_rest_until,
        )

    # --- statements -----------------------------------------------------------------------------

    def state(self, facts: Facts, now: float, *, probe: bool = False) -> Heartbeat:
        """The next statement of this OMM about itself; each call counts as one sent."""
        self.counter += 1
        self._sent[self.counter] = now
        for old in [c for c, at in self._sent.items() if now - at > self.timing.contact_timeout]:
            del self._sent[old]
        return Heartbeat(
            node=self.node,
            address=self.address,
            peer_address=self.peer_address,
            boot=self.boot,
            counter=self.counter,
            echo_boot=self.peer.boot if self.peer else "",
            echo_counter=self.peer.counter if self.peer else 0,
            hears=self.contact.state in (Hearing.HEARD, Hearing.SUSPECT),
            role=self.role,
            gate_open=self.gate_open,
            term=self.term,
            head=facts.head,
            acked_seq=facts.acked_seq,
            healthy=facts.healthy,
            sip_ok=facts.sip.ok,
            yields=self.yields,
            barred=self.barred,
            rfps=facts.rfps,
            claim=self.claim,
            offer=self._giving.offer if self._giving else None,
            probe=probe,
            contact_timeout=self.timing.contact_timeout,
            wall=facts.wall,
            version=self.version,
        )

    def hear(self, statement: Heartbeat, now: float) -> bool:
        """Take in one authenticated statement; True when it wants an immediate answer.

        Only a statement that echoes a recent counter of this boot counts as heard (a recording
        proves nothing); of several paths the first copy counts.
        """
        known = self.peer
        same_boot = known is not None and known.boot == statement.boot
        if same_boot and known is not None and statement.counter <= known.counter:
            return False
        fresh = statement.echo_boot == self.boot and statement.echo_counter in self._sent
        sent_at = self._sent.get(statement.echo_counter, 0.0)
        if not fresh or now - sent_at > self.timing.contact_timeout:
            return self._hear_stranger(statement, same_boot)
        if known is not None and not same_boot:
            self._peer_restarted = known.role is Role.ACTIVE and self.role is Role.STANDBY
        self.peer = statement
        self.contact.heard(now)
        self._learn_term(statement.term)
        return statement.probe or not statement.hears

    def _hear_stranger(self, statement: Heartbeat, same_boot: bool) -> bool:
        """Not proved fresh: remember the counter so that the next one can be proved."""
        if self.contact.state in (Hearing.NEVER, Hearing.LOST):
            if self.peer is None or not same_boot:
                self.peer = replace(statement, hears=False)
            else:
                self.peer = replace(
                    self.peer, counter=max(self.peer.counter, statement.counter), hears=False
                )
            return True
        if self.peer is not None and same_boot:
            self.peer = replace(self.peer, counter=statement.counter)
        elif self.peer is not None:
            restarted = self.peer.role is Role.ACTIVE and self.role in (Role.STANDBY, Role.FAILED)
            self._peer_restarted = self._peer_restarted or restarted
            self.contact.lose(Evidence.RESTART, self._last_step)
            self.peer = replace(statement, hears=False)
            return True
        return statement.probe

    def _learn_term(self, term: int) -> None:
        if self.role is not Role.ACTIVE and self._promotion is None and term > self.term:
            self.term = term

    def refused(self, now: float) -> None:
        """Every path refuses connections: the peer's process is dead on a live host."""
        self.contact.lose(Evidence.REFUSED, now)

    def overslept(self, now: float) -> bool:
        """The own loop was late: decide about that before anything that waits is heard."""
        return now - self._last_step > self.timing.contact_timeout

    # --- wishes of people -----------------------------------------------------------------------

    def force(self) -> None:
        """An administrator wants this OMM to take over although the rules say no (rule 2)."""
        self._force = True

    def hand_over(self, kind: Handover, reason: str, facts: Facts, now: float) -> list[Effect]:
        """Begin to give the role away (rule 8); ends with HandoverEnded."""
        self.leaving = self.leaving or kind.leaves
        if self.role is not Role.ACTIVE:
            self._promotion = None
            return [HandoverEnded(kind, kind.leaves, "this OMM is not active")]
        if self._giving is not None:
            return [HandoverEnded(kind, False, "a hand-over is under way")]
        refusal = successor_refusal(self.view(facts, now))
        if refusal and not kind.leaves:
            return [HandoverEnded(kind, False, refusal)]
        self._giving = _Giving(kind, reason, now)
        self.gate_open = False
        if refusal:
            return [CloseFence(), *self._resign(refusal, now)]
        return [CloseFence(), Beat()]

    # --- reports of the runtime -----------------------------------------------------------------

    def term_written(self, term: int, now: float) -> list[Effect]:
        """The term is on disk: only now may the role be shown."""
        self.term = max(self.term, term)
        promotion = self._promotion
        if promotion is None or promotion.term != term:
            return []
        self._promotion = None
        self._fence_wanted = term
        changed = self._change_role(Role.ACTIVE, promotion.reason, now)
        self.forced = promotion.forced
        self._thawing = False
        self.barred = False
        self.yields = False
        self.rfp_open = True
        self.noticed = not self.in_contact and self.peer_configured
        return [*changed, OpenFence(term), Beat()]

    def term_failed(self) -> None:
        """The term could not be kept: no role is taken on it."""
        self._promotion = None

    def fence_opened(self, term: int) -> list[Effect]:
        """Changes may pass, unless the role was lost meanwhile."""
        if self.role is not Role.ACTIVE or self._fence_wanted != term or self._giving is not None:
            return [CloseFence()]
        if self.claim is not None and not self.settled:
            return [CloseFence()]
        self.gate_open = True
        return [Beat()]

    def fence_closed(self, head: Head) -> list[Effect]:
        """No transaction is running any more; ``head`` is the end of the own journal."""
        if self._giving is not None and self._giving.head is None:
            self._giving.head = head
            return [Beat()]
        return []

    # --- the beat -------------------------------------------------------------------------------

    def step(self, facts: Facts, now: float) -> list[Effect]:
        """Advance to ``now`` and decide; call at every beat and after every statement."""
        effects = self._notice_stall(now)
        self._follow_contact(now)
        self._tidy_claim()
        if facts.sip.ok:
            self.forced = False
        if self._promotion is not None:
            return effects
        if self.leaving and self.role is not Role.ACTIVE:
            self.yields = self.in_contact
            return effects
        if self._giving is not None and self.role is Role.ACTIVE:
            return [*effects, *self._step_handover(facts, now)]
        if self._force and self.role is not Role.ACTIVE:
            return [*effects, *self._forced(now)]
        self._force = False
        self._mark_both_active(now)
        view = self.view(facts, now)
        decision = decide_role(view)
        self.yields = decision.yields
        return [*effects, *self._carry_out(decision, facts, now)]

    def _notice_stall(self, now: float) -> list[Effect]:
        late = now - self._last_step
        self._last_step = now
        self.stalled = False
        if late > self.timing.contact_timeout:
            self.stalled = True
            return self._thaw(now, late)
        if late > self.contact.timeout(now) / 2:
            self.contact.forgive(now)
        return []

    def _thaw(self, now: float, late: float) -> list[Effect]:
        """Rule 7: this OMM stood still longer than the peer would wait for it."""
        if not self.peer_configured:
            return []
        self.contact.forget()
        if self.peer is not None:
            self.peer = replace(self.peer, hears=False)
        self._promotion = self._giving = self.claim = None
        self._thawing = True
        self.gate_open = False
        self.noticed = False
        self.wait_until = now + self.timing.contact_timeout
        effects: list[Effect] = [Drain(), CloseFence()]
        changed = self._change_role(Role.STARTING, f"This OMM stood still for {late:.1f} s.", now)
        return [*effects, *changed, Beat(probe=True)]

    def _follow_contact(self, now: float) -> None:
        if self.contact.tick(now) is Hearing.LOST:
            if self.peer is not None and self.peer.hears:
                self.peer = replace(self.peer, hears=False)
            self.barred = False
            self.yields = False
            if self.role is Role.ACTIVE:
                self.noticed = True
        elif self.in_contact and self.role is Role.ACTIVE and self.noticed:
            if self.peer is not None and self.peer.role is not Role.ACTIVE and self.claim is None:
                self.noticed = False
        if self.in_contact and self.peer is not None and self.peer.role is Role.ACTIVE:
            self.barred = False
            self._peer_restarted = False

    def _tidy_claim(self) -> None:
        """A settled claim is repeated until the loser has stepped down."""
        if self.claim is None or not self.settled:
            return
        peer_claims = self.peer.claim if self.peer is not None else None
        again = peer_claims is not None and peer_claims != self._settled_against
        peer_active = self.in_contact and self.peer is not None and self.peer.role is Role.ACTIVE
        if not peer_active or again:
            self.claim = None
            self.settled = False

    def _mark_both_active(self, now: float) -> None:
        both = (
            self.role is Role.ACTIVE
            and self.in_contact
            and self.peer is not None
            and self.peer.role is Role.ACTIVE
        )
        if not both:
            self._both_active_since = None
        elif self._both_active_since is None:
            self._both_active_since = now

    def wants_probe(self, now: float) -> bool:
        """Silence is suspicious: send probes on every path."""
        return self.contact.state is Hearing.SUSPECT or self.contact.missed_beats(now) > 3

    def wants_sip_probe(self, now: float) -> bool:
        """Rule 2: probing of the SIP proxy starts at the second missed beat."""
        if self.role is Role.ACTIVE:
            return False
        return self.contact.state is not Hearing.HEARD or self.contact.missed_beats(now) >= 2

    # --- acting on decisions --------------------------------------------------------------------

    def _carry_out(self, decision: Decision, facts: Facts, now: float) -> list[Effect]:
        action = decision.action
        if action is Action.HOLD:
            if decision.reason:
                self.reason = decision.reason
            return []
        if action is Action.BECOME_ACTIVE:
            return self._promote(decision.reason, now, least=decision.term)
        if action is Action.BECOME_STANDBY:
            return self._leave(Role.STANDBY, decision.reason, now)
        if action is Action.BECOME_FAILED:
            return self._leave(Role.FAILED, decision.reason, now)
        if action is Action.START_OVER:
            self.wait_until = now + self.timing.startup_wait
            return self._leave(Role.STARTING, decision.reason, now)
        if action is Action.CLAIM:
            return self._put_claim(facts, now)
        if action is Action.HAND_OVER:
            return self.hand_over(Handover.ERROR, decision.reason, facts, now)
        return self._win(decision.reason)

    def _promote(
        self, reason: str, now: float, *, least: int = 0, forced: bool = False
    ) -> list[Effect]:
        highest = max(self.term, self.peer.term if self.peer else 0)
        term = max(highest + 1, least)
        self._promotion = _Promotion(term, reason, forced)
        self.yields = False
        return [WriteTerm(term)]

    def _forced(self, now: float) -> list[Effect]:
        self._force = False
        return self._promote("An administrator forced the takeover.", now, forced=True)

    def _leave(self, role: Role, reason: str, now: float) -> list[Effect]:
        """Become anything but active."""
        was_active = self.role is Role.ACTIVE
        lost_split = was_active and self.claim is not None
        self.gate_open = False
        self.claim = None
        self.settled = False
        self.noticed = False
        self.forced = False
        self._thawing = False
        self._fence_wanted = None
        self.rfp_open = False
        if self.peer is not None:
            self.term = max(self.term, self.peer.term)
        effects: list[Effect] = [CloseFence()] if was_active else []
        effects += self._change_role(role, reason, now)
        if lost_split:
            effects.append(SplitSettled(False, reason))
        return [*effects, Beat()]

    def _put_claim(self, facts: Facts, now: float) -> list[Effect]:
        """Close the gate now; freeze the claim as soon as the journals are compared."""
        closing: list[Effect] = [CloseFence()] if self.gate_open else []
        self.gate_open = False
        self.reason = "Both OMMs are active: settling which one goes on."
        peer = self.peer
        if peer is None or self._both_active_since is None:
            return closing
        known = facts.relation.speaks_of(facts.head, peer.head)
        patience = CLAIM_PATIENCE * self.timing.contact_timeout
        if not known and now - self._both_active_since < patience:
            return closing
        diverged = known and facts.relation.standing is Standing.DIVERGED
        self.claim = Claim(
            term=self.term,
            active_for=round(now - self.role_since, 3),
            rfps=facts.rfps,
            policy=self.policy,
            acked_suffix=diverged and facts.acked_seq > facts.relation.common,
        )
        return [*closing, Beat()]

    def _win(self, reason: str) -> list[Effect]:
        """Go on above every term seen; the gate opens again when the fence has."""
        peer_term = self.peer.term if self.peer else 0
        term = max(self.term, peer_term) + 1
        had_claim = self.claim is not None
        self._settled_against = self.peer.claim if self.peer else None
        self.settled = had_claim and self.in_contact
        if not self.in_contact:
            self.claim = None
            self.noticed = True
        else:
            self.noticed = False
        self.term = term
        self._fence_wanted = term
        self.reason = reason
        settled: list[Effect] = [SplitSettled(True, reason)] if self.settled else []
        return [WriteTerm(term), OpenFence(term), *settled, Beat()]

    def _change_role(self, role: Role, reason: str, now: float) -> list[Effect]:
        old, self.role = self.role, role
        self.reason = reason
        if old is role:
            return []
        self.role_since = now
        return [RoleChanged(old, role, self.term, reason)]

    # --- giving the role away -------------------------------------------------------------------

    def _step_handover(self, facts: Facts, now: float) -> list[Effect]:
        giving = self._giving
        if giving is None:
            return []
        peer = self.peer
        if (
            peer is not None
            and self.in_contact
            and peer.role is Role.ACTIVE
            and peer.term > self.term
        ):
            return self._handed_over(peer.term, facts, now)
        if not self.in_contact:
            return self._not_handed_over("contact with the other OMM was lost", now)
        if now - giving.started > self.timing.handover_wait:
            return self._not_handed_over("the other OMM did not confirm in time", now)
        if giving.offer is None and giving.head is not None and peer is not None:
            if (peer.head.seq, peer.head.hash) == (giving.head.seq, giving.head.hash):
                giving.offer = Offer(peer.node, self.term + 1)
                return [Beat()]
        return []

    def _handed_over(self, term: int, facts: Facts, now: float) -> list[Effect]:
        giving, self._giving = self._giving, None
        if giving is None:
            return []
        self.term = max(self.term, term)
        role = Role.STANDBY if facts.healthy else Role.FAILED
        left = self._leave(role, f"{giving.reason} The other OMM took over.", now)
        return [*left, HandoverEnded(giving.kind, True, "the other OMM is active")]

    def _not_handed_over(self, why: str, now: float) -> list[Effect]:
        giving = self._giving
        if giving is None:
            return []
        if giving.kind.leaves:
            return self._resign(why, now)
        self._giving = None
        if giving.kind is Handover.ERROR:
            self._error_rest_until = now + ERROR_REST
        self.term += CANCELLED_TERMS
        self._fence_wanted = self.term
        self.reason = f"The hand-over was cancelled: {why}."
        ended = HandoverEnded(giving.kind, False, why)
        return [WriteTerm(self.term), OpenFence(self.term), ended, Beat()]

    def _resign(self, why: str, now: float) -> list[Effect]:
        """Leave without a confirmed successor."""
        giving, self._giving = self._giving, None
        if giving is None:
            return []
        self.barred = True
        left = [e for e in self._leave(Role.STANDBY, giving.reason, now) if e != CloseFence()]
        self.barred = True
        return [*left, HandoverEnded(giving.kind, False, why)]


__all__ = ["PROBE_TIME", "Facts", "Handover", "Member"]
