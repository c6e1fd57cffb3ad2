"""All that one OMM remembers of the pair, what it shows of it and what it tells its peer."""

from __future__ import annotations

from dataclasses import dataclass, field

from standby.domain.contact import Contact, Hearing, Timing
from standby.domain.effects import Facts
from standby.domain.facts import Claim, Heartbeat, Role, SplitPolicy
from standby.domain.gate import Gate
from standby.domain.handover import Giving
from standby.domain.hearing import Ear
from standby.domain.sentence import say
from standby.domain.view import Decision, View, address_order
from standby.domain.witness import Ask
from standby.domain.witnessing import Witnessing

NEVER = float("-inf")


@dataclass(slots=True)
class Promotion:
    """A term on its way to the disk; ``renews``: the role is held already."""

    term: int
    reason: str
    renews: bool = False
    forced: bool = False
    offered: bool = False
    split_won: bool = False


@dataclass(slots=True)
class MemberState:
    """The state of one OMM; Member acts on it."""

    node: str
    address: str
    peer_address: str
    boot: str
    timing: Timing
    policy: SplitPolicy
    term: int
    now: float
    version: str = ""
    witnesses: tuple[str, ...] = ()
    armed: bool = False
    """The policy ``witness`` was in force when this OMM ended."""
    secret: str = ""
    role: Role = Role.STARTING
    reason: str = say("Starting.")
    forced: bool = False
    noticed: bool = False
    barred: bool = False
    yields: bool = False
    claim: Claim | None = None
    stalled: bool = False
    rfp_open: bool = False
    leaving: bool = False
    ear: Ear = field(init=False)
    witnessing: Witnessing = field(init=False)
    gate: Gate = field(init=False)
    role_since: float = field(init=False)
    wait_until: float = field(init=False)
    _looking_since: float = field(init=False)
    _last_step: float = field(init=False)
    _met: bool = False
    _thawing: bool = False
    _restart_heard_at: float = NEVER
    _alone_counter: int = 0
    _both_active_since: float | None = None
    _unled_since: float | None = None
    _promotion: Promotion | None = None
    _giving: Giving | None = None
    _force: bool = False
    _seen_term: int = 0
    _keeping_term: int = 0
    _term_rest_until: float = NEVER
    _error_rest_until: float = NEVER

    def __post_init__(self) -> None:
        self.ear = Ear(self.boot, self.timing)
        self.gate = Gate()
        self.role_since = self._looking_since = self._last_step = self.now
        self.wait_until = self.now + self.timing.startup_wait
        self._seen_term = self.term
        names = self.witnesses if self.peer_configured else ()
        lower = bool(names) and address_order(self.address) < address_order(self.peer_address)
        self.witnessing = Witnessing(names, self.boot, lower, self.armed and bool(names))

    # --- what it sees ---------------------------------------------------------------------------

    @property
    def peer_configured(self) -> bool:
        """A standby OMM is configured."""
        return bool(self.peer_address)

    @property
    def peer(self) -> Heartbeat | None:
        """The last statement of the other OMM that was proved fresh."""
        return self.ear.peer

    @property
    def contact(self) -> Contact:
        """How the other OMM is heard."""
        return self.ear.contact

    @property
    def in_contact(self) -> bool:
        """Each OMM hears the other."""
        return self.ear.in_contact

    @property
    def gate_open(self) -> bool:
        """Changes may pass."""
        return self.gate.open

    @property
    def handing_over(self) -> bool:
        """A hand-over is under way."""
        return self._giving is not None

    @property
    def promoting(self) -> bool:
        """The role is being taken at this moment."""
        return self._promotion is not None and not self._promotion.renews

    @property
    def fence_wanted(self) -> int | None:
        """The term for which changes should pass; None when they should not."""
        return self.gate.term if self._wants_gate() else None

    @property
    def _peer_active(self) -> bool:
        return self.in_contact and self.peer is not None and self.peer.role is Role.ACTIVE

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
            peer_restarted=now - self._restart_heard_at < self.timing.contact_timeout,
            both_active_since=self._both_active_since,
            unled_since=self._unled_since,
            looking_since=self._looking_since,
            met=self._met,
            wait_until=self.wait_until,
            thawing=self._thawing,
            ever_synchronised=facts.ever_synchronised,
            wrong_secret=facts.wrong_secret,
            maintenance=facts.maintenance,
            policy=self.policy,
            error_budget=facts.error_budget,
            error_rests=now < self._error_rest_until,
            witness=self.witnessing.view(now, self.timing, self.ear.proved_at, self.ear.echoed_at),
        )

    # --- statements -----------------------------------------------------------------------------

    def state(self, facts: Facts, now: float, *, probe: bool = False) -> Heartbeat:
        """The next statement of this OMM about itself; each call counts as one sent."""
        counter = self.ear.next_counter(now)
        echo_boot, echo_counter = self.ear.take_echo()
        return Heartbeat(
            node=self.node,
            address=self.address,
            peer_address=self.peer_address,
            boot=self.boot,
            counter=counter,
            echo_boot=echo_boot,
            echo_counter=echo_counter,
            hears=self.contact.hears,
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
            policy=self.policy,
            witness=self.witnessing.answers(now, self.timing) if self.witnesses else None,
            secret=self.secret,
        )

    def ask(self, number: int, now: float) -> Ask:
        """The next question to one of the witnesses, which is sent now."""
        active = self.role is Role.ACTIVE or self.promoting
        return self.witnessing.ask(number, self.node, self.address, self.timing, now, active=active)

    def hear(self, statement: Heartbeat, now: float) -> bool:
        """Take in one authenticated statement; True when it wants an immediate answer.

        After a freeze nothing that waited in the sockets is heard before ``step`` noticed it.
        """
        if self.overslept(now):
            return False
        answer = self.ear.hear(statement, now)
        self.timing = self.ear.timing
        self._seen_term = max(self._seen_term, statement.term)
        before, self.ear.successor_of = self.ear.successor_of, None
        if before is not None and before.role is Role.ACTIVE and self.role is not Role.ACTIVE:
            self._restart_heard_at = now
        return answer

    def refused(self, now: float) -> None:
        """Every path refuses connections: the peer's process is dead on a live host."""
        self.ear.refused(now)
        dead_for = min(2 * self.timing.contact_timeout, self.timing.startup_wait)
        self.witnessing.peer_dead_until = now + dead_for

    # --- what it asks for -----------------------------------------------------------------------

    def overslept(self, now: float) -> bool:
        """The own loop was late: decide about that before anything that waits is heard."""
        return self.peer_configured and now - self._last_step > self.timing.contact_timeout

    def next_look(self) -> float | None:
        """When ``step`` should be called at the latest so that no verdict comes late."""
        return self.contact.next_look()

    def wants_probe(self, now: float) -> bool:
        """Silence is suspicious: send probes on every path."""
        return self.contact.state is Hearing.SUSPECT or self.contact.missed_beats(now) > 3

    def wants_sip_probe(self, now: float) -> bool:
        """Rule 2: probing of the SIP proxy starts at the second missed beat."""
        if self.role is Role.ACTIVE:
            return False
        return self.contact.state is not Hearing.HEARD or self.contact.missed_beats(now) >= 2

    def _heed(self, decision: Decision, now: float) -> None:
        """What a decision says beside its action."""
        self.yields = decision.yields
        self.witnessing.wish(now, wants=decision.wants)

    def _follow_witnesses(self, now: float) -> None:
        peer = self.peer.witness if self.in_contact and self.peer is not None else None
        active = self.role is Role.ACTIVE
        self.witnessing.follow(
            now, self.timing, peer=peer, in_contact=self.in_contact, active=active
        )

    @property
    def _unwitnessed(self) -> bool:
        """Policy ``witness``: nothing proves that the other OMM has not taken over."""
        return self._last_step >= self.witnessing.lease_until(self.ear.proved_at, self.timing)

    def _wants_gate(self) -> bool:
        """Changes should pass: active, and sure that the other OMM lets none pass."""
        if self.role is not Role.ACTIVE or self._giving is not None or self.claim is not None:
            return False
        if self._unwitnessed:
            return False
        peer = self.peer
        if not self.in_contact or peer is None:
            return True
        return peer.role is not Role.ACTIVE and self.gate.answered(peer.echo_counter)

    def _look_anew(self, now: float, wait: float) -> None:
        """Look for the peer as at the start; who served before may serve again."""
        self._looking_since = now
        self.wait_until = now + wait
        self._met = self._met and self.role is not Role.ACTIVE

    def _next_term(self, least: int = 0) -> int:
        """A term above every one that was seen."""
        peer_term = self.peer.term if self.peer else 0
        return max(self.term + 1, self._seen_term + 1, peer_term + 1, least)


def since(before: float | None, now: float, *, holds: bool) -> float | None:
    """Since when something holds; None while it does not."""
    if not holds:
        return None
    return now if before is None else before
