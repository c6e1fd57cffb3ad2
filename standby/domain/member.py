"""One OMM of the pair as a machine without I/O: statements and ticks in, effects out.

The runtime (and the simulation) own the clock, the sockets and the disk. They call ``hear`` for
every authenticated statement, ``step`` at every beat, and carry out the returned effects in
order, reporting back with ``term_written``, ``fence_closed`` and ``fence_opened``.
"""

from __future__ import annotations

from dataclasses import dataclass

from standby.domain.contact import MIN_BEATS, PROBE_TIME, Hearing
from standby.domain.effects import (
    Beat,
    CloseFence,
    Drain,
    Effect,
    Facts,
    Handover,
    HandoverEnded,
    OpenFence,
    RoleChanged,
    SplitSettled,
    WriteTerm,
)
from standby.domain.election import decide_role, successor_refusal
from standby.domain.facts import Claim, Head, Role
from standby.domain.handover import Giving, Progress
from standby.domain.reconcile import Standing
from standby.domain.sentence import join, say
from standby.domain.split import SETTLING
from standby.domain.state import NEVER, MemberState, Promotion, since
from standby.domain.view import Action, Decision

CLAIM_PATIENCE = 0.3
"""Share of the contact timeout that a claim waits for the comparison of the journals."""
ERROR_REST = 30.0
"""Seconds after a hand-over for an error that nobody confirmed before the next is tried."""
SHORTEST_STALL = MIN_BEATS / 2
"""Beats by which a loop that is no later cannot be late by half a timeout."""
TERM_RETRY = 1.0
"""Seconds after which a term that could not be kept is tried again."""
CANCELLED_TERMS = 2
"""A cancelled hand-over continues above the term that it had offered."""


@dataclass(slots=True)
class Member(MemberState):
    """One OMM; see the module's text for how it is driven."""

    # --- wishes of people -----------------------------------------------------------------------

    def force(self) -> bool:
        """An administrator wants this OMM to take over although the rules say no (rule 2).

        False when the other OMM is in contact and active: then a switch-over is the way.
        """
        self._force = not self._peer_active and self.role is not Role.ACTIVE
        return not self._peer_active

    def hand_over(self, kind: Handover, reason: str, facts: Facts, now: float) -> list[Effect]:
        """Begin to give the role away (rule 8); ends with HandoverEnded."""
        self.leaving = self.leaving or kind.leaves
        if self.role is not Role.ACTIVE:
            if self.leaving:
                self._promotion, self._force, self.barred = None, False, True
            return [HandoverEnded(kind, kind.leaves, say("this OMM is not active"))]
        if self._giving is not None:
            return self._join_handover(kind, reason)
        refusal = successor_refusal(self.view(facts, now))
        if refusal and not kind.leaves:
            return [HandoverEnded(kind, False, refusal)]
        self._giving = Giving(kind, reason, now)
        closing = self.gate.close()
        return [*closing, *self._resign(refusal, now)] if refusal else [*closing, Beat()]

    def _join_handover(self, kind: Handover, reason: str) -> list[Effect]:
        """A shutdown asked for during a hand-over makes that one final."""
        giving = self._giving
        if giving is None or giving.kind.leaves or not kind.leaves:
            return [HandoverEnded(kind, False, say("a hand-over is under way"))]
        giving.kind, giving.reason = kind, reason
        return []

    # --- reports of the runtime -----------------------------------------------------------------

    def term_written(self, term: int, now: float) -> list[Effect]:
        """The term is on disk: only now may it be shown, and the role that rests on it."""
        self.term = max(self.term, term)
        promotion = self._promotion
        if promotion is None or promotion.term != term:
            return []
        self._promotion = None
        if promotion.renews:
            return self._go_on(promotion)
        if self.leaving or self._overtaken(promotion):
            return [Beat()]
        return self._begin_reign(promotion, now)

    def _overtaken(self, promotion: Promotion) -> bool:
        """While the term was written the other OMM became active, or took its offer back."""
        if not self._peer_active or self.peer is None:
            return False
        offer = self.peer.offer
        stands = offer is not None and offer.successor == self.node
        return not (promotion.offered and stands)

    def _begin_reign(self, promotion: Promotion, now: float) -> list[Effect]:
        changed = self._change_role(Role.ACTIVE, promotion.reason, now)
        self.forced = self.witnessing.waived = promotion.forced
        self.claim = None
        self._met = True
        self._thawing, self._restart_heard_at = False, NEVER
        self.barred = self.yields = False
        self.rfp_open = True
        self.noticed = not self.in_contact and self.peer_configured
        if self.in_contact:
            self.gate.await_answer(self.ear.counter)
        self.gate.term = promotion.term
        return [*changed, *self._mend_gate(reopen=True), Beat(probe=self.in_contact)]

    def _go_on(self, promotion: Promotion) -> list[Effect]:
        """The role is held in a later term."""
        if self.role is not Role.ACTIVE:
            return []
        settled: list[Effect] = []
        if promotion.split_won:
            settled = [SplitSettled(True, promotion.reason)]
            self.claim = None
        self.reason = promotion.reason
        self.gate.term = promotion.term
        return [*settled, *self._mend_gate(reopen=True), Beat()]

    def term_failed(self) -> None:
        """The term could not be kept: no role is taken on it."""
        self._promotion = None
        self._keeping_term = 0
        self._term_rest_until = self._last_step + TERM_RETRY

    def fence_opened(self, term: int) -> list[Effect]:
        """Changes may pass, unless the role was lost or changed its term meanwhile."""
        return self.gate.opened(term, wanted=self._wants_gate())

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
        self._follow_witnesses(now)
        self._seen_term = max(self._seen_term, facts.head.term)
        if facts.sip.ok:
            self.forced = False
        if self.promoting:
            return effects
        effects += self._keep_term(now)
        if self.leaving and self.role is not Role.ACTIVE:
            self.yields = self.in_contact
            return effects
        if self._giving is not None:
            return [*effects, *self._step_handover(facts, now)]
        if self._force and not self._peer_active:
            return [*effects, *self._forced()]
        self._force = False
        decision = decide_role(self.view(facts, now))
        self._heed(decision, now)
        effects += self._carry_out(decision, facts, now)
        return [*effects, *self._mend_gate()]

    def _mend_gate(self, *, reopen: bool = False) -> list[Effect]:
        """Nothing keeps the gate closed any more: open it (``reopen``: for a later term)."""
        if self.gate.busy and self._unwitnessed:
            return self.gate.close()
        if self._promotion is None and (reopen or not self.gate.open) and self._wants_gate():
            return self.gate.want(self.gate.term)
        return []

    def _keep_term(self, now: float) -> list[Effect]:
        """A term that was seen is kept too: this OMM's own never goes down."""
        if self.role is Role.ACTIVE or self._seen_term <= max(self.term, self._keeping_term):
            return []
        if now < self._term_rest_until:
            return []
        self._keeping_term = self._seen_term
        return [WriteTerm(self._seen_term)]

    def _notice_stall(self, now: float) -> list[Effect]:
        late = now - self._last_step
        self._last_step = now
        self.stalled = late > self.timing.contact_timeout
        if self.stalled:
            return self._thaw(now, late)
        if late > SHORTEST_STALL * self.timing.interval and late > self.contact.timeout(now) / 2:
            self.contact.forgive(now)
        return []

    def _thaw(self, now: float, late: float) -> list[Effect]:
        """Rule 7: this OMM stood still longer than the peer would wait for it."""
        if not self.peer_configured:
            return []
        self.ear.forget()
        giving, self._giving = self._giving, None
        self._promotion = self.claim = None
        self._thawing, self.noticed, self._force = True, False, False
        self._look_anew(now, self.timing.contact_timeout)
        effects: list[Effect] = [Drain(), *self.gate.close()]
        reason = say("This OMM stood still for %(seconds)s s.", seconds=f"{late:.1f}")
        effects += self._change_role(Role.STARTING, reason, now)
        if giving is not None:
            why = say("this OMM stood still")
            effects.append(HandoverEnded(giving.kind, giving.kind.leaves, why))
        return [*effects, Beat(probe=True)]

    def _follow_contact(self, now: float) -> None:
        lost = self.contact.tick(now) is Hearing.LOST
        if lost:
            self.ear.unheard()
            self.barred = self.leaving
            self.yields, self._restart_heard_at = False, NEVER
            self.noticed = self.noticed or self.role is Role.ACTIVE
        peer_active, active = self._peer_active, self.role is Role.ACTIVE
        if self.in_contact and self.peer is not None:
            self._met = True
            knows = self.peer.echo_counter > self._alone_counter
            split = peer_active or self.claim is not None
            self.noticed = self.noticed and (split or not knows)
        else:
            self._alone_counter = self.ear.counter
        if peer_active:
            self.barred = self.leaving
            self._restart_heard_at = NEVER
        if not active and (self.peer is None or self.peer.claim is None or not self.in_contact):
            self.claim = None
        unled = self.in_contact and not active and not peer_active
        self._both_active_since = since(self._both_active_since, now, holds=active and peer_active)
        self._unled_since = since(self._unled_since, now, holds=unled)

    # --- acting on decisions --------------------------------------------------------------------

    def _carry_out(self, decision: Decision, facts: Facts, now: float) -> list[Effect]:
        reason = decision.reason
        match decision.action:
            case Action.BECOME_ACTIVE:
                effects = self._promote(reason, least=decision.term)
            case Action.BECOME_STANDBY:
                effects = self._leave(Role.STANDBY, reason, now)
            case Action.BECOME_FAILED:
                effects = self._leave(Role.FAILED, reason, now)
            case Action.START_OVER:
                self._look_anew(now, self.timing.startup_wait)
                effects = self._leave(Role.STARTING, reason, now)
            case Action.CLAIM:
                effects = self._put_claim(facts, now)
            case Action.HAND_OVER:
                effects = self.hand_over(Handover.ERROR, reason, facts, now)
            case Action.WIN:
                effects = self._renew(reason)
            case Action.HOLD:
                self.reason = reason or self.reason
                effects = []
        return effects

    def _promote(self, reason: str, *, least: int = 0, forced: bool = False) -> list[Effect]:
        if self._last_step < self._term_rest_until:
            return []
        term = self._next_term(least)
        self._promotion = Promotion(term, reason, forced=forced, offered=least > 0)
        self.yields = False
        return [WriteTerm(term)]

    def _forced(self) -> list[Effect]:
        effects = self._promote(say("An administrator forced the takeover."), forced=True)
        self._force = not effects
        return effects

    def _renew(self, reason: str, least: int = 0) -> list[Effect]:
        """Go on above every term seen; the gate opens when that is on disk."""
        if self._promotion is not None or self._last_step < self._term_rest_until:
            return []
        term = self._next_term(least)
        won = self.claim is not None and self.in_contact
        self._promotion = Promotion(term, reason, renews=True, split_won=won)
        if not won:
            self.claim = None
        return [WriteTerm(term)]

    def _leave(self, role: Role, reason: str, now: float) -> list[Effect]:
        """Become anything but active."""
        was_active = self.role is Role.ACTIVE
        lost_split = was_active and self.claim is not None
        self._promotion = None
        self.claim = self.claim if lost_split else None
        self.noticed = self.forced = self._thawing = self.rfp_open = False
        effects: list[Effect] = self.gate.close() if was_active else []
        effects += self._change_role(role, reason, now)
        if lost_split:
            effects.append(SplitSettled(False, reason))
        return [*effects, Beat()]

    def _put_claim(self, facts: Facts, now: float) -> list[Effect]:
        """Close the gate now; freeze the claim as soon as the journals are compared."""
        closing = self.gate.close() if self.gate.busy else []
        self.reason = SETTLING
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
            noticed=self.noticed,
        )
        return [*closing, Beat()]

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
        peer = self.peer if self.in_contact else None
        match giving.progress(peer, self.term, now, self.timing.handover_wait):
            case Progress.OFFER:
                return [Beat()]
            case Progress.DONE:
                return self._handed_over(giving, facts, now)
            case Progress.FAILED if giving.kind.leaves:
                return self._resign(giving.failure, now)
            case Progress.FAILED:
                return self._cancel(giving, now)
        return []

    def _handed_over(self, giving: Giving, facts: Facts, now: float) -> list[Effect]:
        self._giving = None
        role = Role.STANDBY if facts.healthy else Role.FAILED
        left = self._leave(role, join(giving.reason, say("The other OMM took over.")), now)
        return [*left, HandoverEnded(giving.kind, True, say("the other OMM is active"))]

    def _cancel(self, giving: Giving, now: float) -> list[Effect]:
        """Go on; with the gate closed until the successor shows that it saw the offer go."""
        self._giving = self._promotion = None
        if giving.kind is Handover.ERROR:
            self._error_rest_until = now + ERROR_REST
        if giving.offer is not None:
            self.gate.await_answer(self.ear.counter)
        reason = say("The hand-over was cancelled: %(why)s.", why=giving.failure)
        ended = HandoverEnded(giving.kind, False, giving.failure)
        return [ended, *self._renew(reason, least=self.term + CANCELLED_TERMS)]

    def _resign(self, why: str, now: float) -> list[Effect]:
        """Leave without a confirmed successor."""
        giving, self._giving = self._giving, None
        if giving is None:
            return []
        left = self._leave(Role.STANDBY, giving.reason, now)
        self.barred = True
        return [*left, HandoverEnded(giving.kind, False, why)]


__all__ = [
    "PROBE_TIME",
    "Beat",
    "CloseFence",
    "Drain",
    "Effect",
    "Facts",
    "Handover",
    "HandoverEnded",
    "Member",
    "OpenFence",
    "RoleChanged",
    "SplitSettled",
    "WriteTerm",
]
