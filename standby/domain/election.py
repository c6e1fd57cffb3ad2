"""Who is active: the pure rules (manual 7.15 and 7.15.2). The heart of the pair: read this first.

``RULES`` is the table of states: for every role the rules in the order in which they are asked.
A rule answers with a Decision or passes on with None; the last rule of each row always answers.
Nothing here reads a clock, a file or a database: the same View always gives the same Decision,
and its reason is the sentence that the log, the API and the page show.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

from standby.domain.contact import Evidence, Hearing, Timing
from standby.domain.facts import Claim, Head, Heartbeat, Role, SplitPolicy
from standby.domain.reconcile import MIRROR, Relation, Standing

TIE_SECONDS = 1.0
"""Two OMMs whose reigns began less than this apart count as equally long active."""


class Action(StrEnum):
    """What a decision asks for."""

    HOLD = "hold"
    BECOME_ACTIVE = "become_active"
    BECOME_STANDBY = "become_standby"
    BECOME_FAILED = "become_failed"
    START_OVER = "start_over"
    CLAIM = "claim"
    WIN = "win"
    HAND_OVER = "hand_over"


@dataclass(frozen=True, slots=True)
class Decision:
    """An action and the one sentence that explains it; ``term`` only where one is offered."""

    action: Action
    reason: str
    yields: bool = False
    term: int = 0


@dataclass(frozen=True, slots=True)
class Sip:
    """Answers of the SIP proxy or registrar; times are boot time.

    ``answered_at``: when the last answer came; ``answered_probe_at``: when the probe that it
    answers was sent; ``lost``: three probes in a row without any answer; ``known``: an answer or
    three failures have been seen.
    """

    configured: bool = False
    answered_at: float | None = None
    answered_probe_at: float | None = None
    lost: bool = False
    known: bool = True

    @property
    def ok(self) -> bool | None:
        """None: none configured; True: reachable; False: not, or not yet known."""
        if not self.configured:
            return None
        return self.answered_at is not None and not self.lost


@dataclass(frozen=True, slots=True)
class View:
    """All that one OMM knows at one moment."""

    now: float
    timing: Timing
    node: str
    address: str
    peer_configured: bool
    role: Role
    role_since: float
    term: int
    head: Head
    acked_seq: int
    relation: Relation
    healthy: bool
    health_text: str
    unhealthy_since: float | None
    sip: Sip
    hearing: Hearing
    evidence: Evidence
    heard_at: float | None
    lost_at: float | None
    peer: Heartbeat | None
    noticed: bool
    forced: bool
    barred: bool
    claim: Claim | None
    settled: bool
    peer_restarted: bool
    both_active_since: float | None
    wait_until: float
    thawing: bool
    ever_synchronised: bool
    wrong_secret: bool
    maintenance: bool
    policy: SplitPolicy
    error_budget: bool = True

    @property
    def in_contact(self) -> bool:
        """Each OMM hears the other."""
        return (
            self.peer is not None
            and self.hearing in (Hearing.HEARD, Hearing.SUSPECT)
            and self.peer.hears
        )

    @property
    def peer_active(self) -> bool:
        """The peer is heard as active."""
        return self.in_contact and self.peer is not None and self.peer.role is Role.ACTIVE

    def speaking_peer(self) -> Heartbeat:
        """The last statement of a peer in contact (only call when in contact)."""
        if self.peer is None:
            raise ValueError("no peer has been heard")
        return self.peer


def address_order(address: str) -> tuple[int, int]:
    """Sort key of IP addresses as numbers: 10.0.0.9 is lower than 10.0.0.10."""
    parsed = ipaddress.ip_address(address)
    return (parsed.version, int(parsed))


# --- Who comes first when nobody is active -----------------------------------------------------


@dataclass(frozen=True, slots=True)
class Candidate:
    """One side of the choice of rule 1, as both sides see it."""

    address: str
    sip_ok: bool
    healthy: bool
    barred: bool
    head: Head
    acked_seq: int


def candidates(view: View) -> tuple[Candidate, Candidate]:
    """This OMM and its peer as candidates."""
    peer = view.speaking_peer()
    mine = Candidate(
        view.address, view.sip.ok is not False, view.healthy, view.barred, view.head, view.acked_seq
    )
    theirs = Candidate(
        peer.address, peer.sip_ok is not False, peer.healthy, peer.barred, peer.head, peer.acked_seq
    )
    return mine, theirs


def prefer(mine: Candidate, theirs: Candidate, relation: Relation) -> tuple[bool, str]:
    """True when ``mine`` comes first, with the reason; the mirrored call gives the mirror answer.

    Order: able to serve (SIP, health), the data that counts, not just resigned, lower address.
    """
    if mine.sip_ok != theirs.sip_ok:
        return mine.sip_ok, "only one OMM reaches the SIP proxy"
    if mine.healthy != theirs.healthy:
        return mine.healthy, "only one OMM is healthy"
    by_data = _prefer_by_data(mine, theirs, relation)
    if by_data is not None:
        return by_data
    if mine.barred != theirs.barred:
        return theirs.barred, "the other OMM has just resigned"
    lower = address_order(mine.address) < address_order(theirs.address)
    return lower, "the lower IP address starts as active (manual 7.15.2)"


def _prefer_by_data(
    mine: Candidate, theirs: Candidate, relation: Relation
) -> tuple[bool, str] | None:
    standing = relation.standing
    if standing in (Standing.AHEAD, Standing.BEHIND):
        return standing is Standing.AHEAD, "the longer journal comes before the lower address"
    if standing in (Standing.PEER_EMPTY, Standing.SELF_EMPTY):
        return standing is Standing.PEER_EMPTY, "an empty journal never counts against a real one"
    if standing is not Standing.DIVERGED:
        return None
    my_ack, their_ack = mine.acked_seq > relation.common, theirs.acked_seq > relation.common
    if my_ack != their_ack:
        return my_ack, "only one side holds changes that the other once confirmed"
    if mine.head.term != theirs.head.term:
        return mine.head.term > theirs.head.term, "its journal ends in a later term"
    if mine.head.seq != theirs.head.seq:
        return mine.head.seq > theirs.head.seq, "its journal is longer"
    return None


# --- Rules of an OMM that is not active ---------------------------------------------------------


def accept_offer(view: View) -> Decision | None:
    """Rule 8: the active OMM resigns in favour of this one."""
    if not view.in_contact:
        return None
    peer = view.speaking_peer()
    if peer.offer is None or peer.offer.successor != view.node or peer.role is not Role.ACTIVE:
        return None
    if peer.offer.term <= view.term and peer.term >= peer.offer.term:
        return None
    if not view.healthy or view.sip.ok is False:
        return None
    if (view.head.seq, view.head.hash) != (peer.head.seq, peer.head.hash):
        return Decision(
            Action.HOLD, "The active OMM offers its role; the rest of its journal is on its way."
        )
    return Decision(
        Action.BECOME_ACTIVE, "The active OMM handed its role over.", term=peer.offer.term
    )


def follow_active(view: View) -> Decision | None:
    """A recovered OMM never takes the role back (manual 7.15, last paragraph)."""
    if not view.peer_active:
        return None
    reason = f"The other OMM, {view.speaking_peer().address}, is active."
    if not view.healthy:
        return _to(view, Role.FAILED, f"{view.health_text} {reason}")
    return _to(view, Role.STANDBY, reason)


def succeed_restarted(view: View) -> Decision | None:
    """Rule 9: an active that came back before its silence was noticed has lost the role."""
    if not (view.peer_restarted and view.in_contact) or view.maintenance:
        return None
    if view.role is not Role.STANDBY or not view.healthy:
        return None
    allowed, why = sip_allows(replace(view, evidence=Evidence.RESTART))
    if not allowed:
        return None
    return Decision(Action.BECOME_ACTIVE, f"{EVIDENCE_TEXT[Evidence.RESTART]}{why}.")


def elect(view: View) -> Decision | None:
    """Rule 1: in contact and nobody is active."""
    if not view.in_contact or view.peer_active:
        return None
    peer = view.speaking_peer()
    if view.role is Role.STARTING and not view.sip.known and view.now < view.wait_until:
        return Decision(Action.HOLD, "In contact with the other OMM; asking the SIP proxy.")
    known = view.relation.standing is not Standing.UNKNOWN and view.relation.speaks_of(
        view.head, peer.head
    )
    if not known and view.now < view.wait_until:
        return Decision(Action.HOLD, "In contact with the other OMM; comparing the journals.")
    relation = view.relation if known else _relation_by_heads(view.head, peer.head)
    mine, theirs = candidates(view)
    first, why = prefer(mine, theirs, relation)
    if not first:
        if _may_still_catch_up(view, relation, theirs):
            return Decision(Action.HOLD, "Fetching the rest of the journal from the other OMM.")
        return _yield(view, f"The other OMM, {theirs.address}, comes first: {why}.")
    if not mine.sip_ok:
        return _to(view, Role.STANDBY, "The SIP proxy is not reachable from either OMM.")
    if _peer_may_catch_up(view, relation):
        return Decision(Action.HOLD, "The other OMM is fetching the rest of the journal.")
    if not peer.yields:
        return Decision(
            Action.HOLD, f"This OMM comes first: {why}; waiting for the other to agree."
        )
    return Decision(Action.BECOME_ACTIVE, f"No OMM was active and {why}.")


def _relation_by_heads(mine: Head, theirs: Head) -> Relation:
    if mine.seq == theirs.seq and mine.hash == theirs.hash:
        return Relation(Standing.EQUAL, mine.seq)
    return Relation(Standing.DIVERGED, 0)


def _lower(view: View) -> bool:
    return address_order(view.address) < address_order(view.speaking_peer().address)


def _may_still_catch_up(view: View, relation: Relation, theirs: Candidate) -> bool:
    """This OMM would be first by address once it has the rest of the journal."""
    behind = relation.standing in (Standing.BEHIND, Standing.SELF_EMPTY)
    return behind and view.role is Role.STARTING and view.now < view.wait_until and _lower(view)


def _peer_may_catch_up(view: View, relation: Relation) -> bool:
    """The mirror of _may_still_catch_up, bounded by this OMM's own waiting time."""
    ahead = relation.standing in (Standing.AHEAD, Standing.PEER_EMPTY)
    starting = view.speaking_peer().role is Role.STARTING
    return ahead and starting and view.now < view.wait_until and not _lower(view)


def _to(view: View, role: Role, reason: str) -> Decision:
    if view.role is role:
        return Decision(Action.HOLD, reason)
    action = Action.BECOME_FAILED if role is Role.FAILED else Action.BECOME_STANDBY
    return Decision(action, reason)


def _yield(view: View, reason: str) -> Decision:
    return Decision(Action.HOLD, reason, yields=True)


def wait_at_start(view: View) -> Decision | None:
    """Rule 1 and 7: look for the peer for a while before deciding alone."""
    if view.role is not Role.STARTING or not view.peer_configured or view.now >= view.wait_until:
        return None
    what = "This OMM stood still; looking for" if view.thawing else "Looking for"
    return Decision(Action.HOLD, f"{what} the other OMM.")


def stay_stranger(view: View) -> Decision | None:
    """Rule 1: a peer that fails authentication stops an OMM that was never synchronised."""
    if view.wrong_secret and not view.ever_synchronised and not view.forced:
        return _to(view, Role.STANDBY, "The other OMM answers with another pair secret.")
    return None


def hold_for_maintenance(view: View) -> Decision | None:
    """Rule 10: no takeover by silence or error."""
    if view.maintenance and view.role in (Role.STANDBY, Role.FAILED):
        return Decision(Action.HOLD, "Maintenance: no takeover although the other OMM is silent.")
    return None


EVIDENCE_TEXT = {
    Evidence.NEVER: "No other OMM was heard",
    Evidence.REFUSED: "The other OMM's process is gone: its host refuses connections",
    Evidence.SILENCE: "The other OMM fell silent",
    Evidence.RESTART: "The other OMM restarted and so lost its role",
}


def take_over(view: View) -> Decision | None:
    """Rules 1 and 2: no contact; the SIP proxy decides whether this OMM may serve."""
    if view.in_contact:
        return None
    if view.hearing in (Hearing.HEARD, Hearing.SUSPECT):
        return Decision(Action.HOLD, "The other OMM is heard but does not hear this one yet.")
    if not view.peer_configured:
        text = "No standby OMM is configured"
    else:
        text = EVIDENCE_TEXT[view.evidence]
    allowed, why = sip_allows(view)
    if allowed:
        return Decision(Action.BECOME_ACTIVE, f"{text}{why}.")
    if not view.sip.known and not view.sip.lost:
        return Decision(Action.HOLD, f"{text}; asking the SIP proxy.")
    reason = f"{text}, but the SIP proxy does not answer: no takeover (manual 7.15.2)."
    return (
        _to(view, Role.STANDBY, reason)
        if view.role is Role.STARTING
        else Decision(Action.HOLD, reason)
    )


def sip_allows(view: View) -> tuple[bool, str]:
    """Whether the SIP answers seen so far allow a takeover, and the words to add to the reason."""
    sip = view.sip
    if not sip.configured:
        return True, ""
    if sip.answered_at is None or sip.answered_probe_at is None:
        return False, ""
    if view.evidence in (Evidence.REFUSED, Evidence.RESTART):
        return view.now - sip.answered_at < view.timing.sip_fresh, " and the SIP proxy answers"
    if view.evidence is Evidence.SILENCE and view.heard_at is not None:
        return sip.answered_probe_at > view.heard_at and not sip.lost, " and the SIP proxy answers"
    return not sip.lost, " and the SIP proxy answers"


# --- Rules of an active OMM ---------------------------------------------------------------------


def step_down_at_once(view: View) -> Decision | None:
    """Rule 6, second half: a later reign exists and this OMM never noticed a split."""
    if not view.peer_active or view.noticed or view.claim is not None:
        return None
    peer = view.speaking_peer()
    if peer.term > view.term:
        return Decision(
            Action.BECOME_STANDBY,
            f"The other OMM is active in the later term {peer.term}; this OMM had not lost contact.",
        )
    return None


def put_claim(view: View) -> Decision | None:
    """Rule 6: both active; close the gate and freeze the own claim."""
    if not view.peer_active or view.claim is not None:
        return None
    offer = view.speaking_peer().offer
    if offer is not None and offer.successor == view.node and not view.noticed:
        return None
    return Decision(Action.CLAIM, "Both OMMs are active: settling which one goes on.")


def settle_split(view: View) -> Decision | None:
    """Rule 6: decide on the two frozen claims alone; the same answer on both sides."""
    if view.claim is None:
        return None
    if view.settled:
        return Decision(Action.HOLD, "The split is settled: the other OMM is about to step down.")
    if not view.in_contact:
        return Decision(Action.WIN, "Contact was lost again before the split was settled.")
    peer = view.speaking_peer()
    if peer.role is not Role.ACTIVE:
        return Decision(Action.WIN, "The other OMM stepped down after the split.")
    if peer.claim is None:
        return Decision(Action.HOLD, "Both OMMs are active: waiting for the other one's claim.")
    won, why = split_winner(view.claim, peer.claim, view.address, peer.address)
    if won:
        return Decision(Action.WIN, f"After the split this OMM goes on: {why}.")
    return Decision(Action.BECOME_STANDBY, f"After the split the other OMM goes on: {why}.")


def split_winner(
    mine: Claim, theirs: Claim, my_address: str, peer_address: str
) -> tuple[bool, str]:
    """True when ``mine`` wins; the mirrored call gives the mirror answer."""
    if mine.acked_suffix != theirs.acked_suffix:
        return mine.acked_suffix, "it alone holds changes that the other had confirmed"
    if mine.policy is theirs.policy is SplitPolicy.MOST_RFPS and mine.rfps != theirs.rfps:
        return (
            mine.rfps > theirs.rfps,
            f"it serves more base stations ({max(mine.rfps, theirs.rfps)})",
        )
    apart = mine.active_for - theirs.active_for
    if abs(apart) >= TIE_SECONDS:
        return apart > 0, "it has been active for longer"
    lower = address_order(my_address) < address_order(peer_address)
    return lower, "both were active equally long and its IP address is lower"


def raise_term(view: View) -> Decision | None:
    """A standby that has seen a later term must not make this reign's changes look old."""
    if not view.in_contact or view.peer_active:
        return None
    if view.speaking_peer().term > view.term:
        return Decision(
            Action.WIN, "The other OMM has seen a later term; this reign goes on above it."
        )
    return None


def give_up_without_sip(view: View) -> Decision | None:
    """Rule 3: isolated and without SIP (state figure of older manuals)."""
    if not view.peer_configured or view.in_contact or view.forced or not view.sip.configured:
        return None
    last = view.sip.answered_at if view.sip.answered_at is not None else view.role_since
    since = max(last, view.role_since)
    if view.sip.ok or view.now - since < view.timing.sip_lost_wait:
        return None
    return Decision(Action.START_OVER, "Neither the other OMM nor the SIP proxy answers.")


def successor_refusal(view: View) -> str:
    """Why the peer cannot take over now; empty when it is eligible."""
    if not view.peer_configured:
        return "no standby OMM is configured"
    if not view.in_contact:
        return "the other OMM is not in contact"
    peer = view.speaking_peer()
    if peer.role is not Role.STANDBY:
        return f"the other OMM is {peer.role.value}, not standby"
    if not peer.healthy:
        return "the other OMM reports an error"
    if peer.sip_ok is False:
        return "the other OMM does not reach the SIP proxy"
    standing = view.relation.standing
    if standing in (Standing.FOREIGN, Standing.DIVERGED, Standing.BEHIND):
        return "the other OMM does not hold this journal"
    return ""


def hand_over_error(view: View) -> Decision | None:
    """Rules 2a and 4: an OMM error; a limping OMM beats none."""
    if view.healthy:
        return None
    refusal = successor_refusal(view)
    if refusal:
        return Decision(Action.HOLD, f"{view.health_text} This OMM serves on: {refusal}.")
    if view.maintenance:
        return Decision(Action.HOLD, f"{view.health_text} Maintenance: no takeover.")
    if not view.error_budget:
        return Decision(Action.HOLD, f"{view.health_text} Too many hand-overs: this OMM serves on.")
    return Decision(Action.HAND_OVER, f"OMM error: {view.health_text}")


def serve_on(view: View) -> Decision:
    """The ordinary state of an active OMM."""
    return Decision(Action.HOLD, "")


def recover_or_fail(view: View) -> Decision | None:
    """Rule 4: show ``failed`` while unhealthy, ``standby`` again when healthy."""
    if view.role is Role.STANDBY and not view.healthy:
        return Decision(Action.BECOME_FAILED, f"OMM error: {view.health_text}")
    if view.role is Role.FAILED and view.healthy:
        return Decision(Action.BECOME_STANDBY, "The error is gone.")
    return None


def stand_by(view: View) -> Decision:
    """The ordinary state of an OMM that is not active."""
    return Decision(Action.HOLD, "")


Rule = Callable[[View], Decision | None]

PASSIVE: tuple[Rule, ...] = (
    accept_offer,
    follow_active,
    recover_or_fail,
    succeed_restarted,
    elect,
    wait_at_start,
    stay_stranger,
    hold_for_maintenance,
    take_over,
    stand_by,
)

RULES: dict[Role, tuple[Rule, ...]] = {
    Role.STARTING: PASSIVE,
    Role.STANDBY: PASSIVE,
    Role.FAILED: PASSIVE,
    Role.ACTIVE: (
        step_down_at_once,
        settle_split,
        put_claim,
        raise_term,
        give_up_without_sip,
        hand_over_error,
        serve_on,
    ),
}


def decide_role(view: View) -> Decision:
    """This OMM's next step (manual 7.15.2): the first rule of its role that answers."""
    for rule in RULES[view.role]:
        decision = rule(view)
        if decision is not None:
            return _starting_ends(view, decision)
    raise AssertionError("the last rule of every role answers")


def _starting_ends(view: View, decision: Decision) -> Decision:
    """After the waiting time the role is active or standby, whatever is still open."""
    waiting = view.role is Role.STARTING and decision.action is Action.HOLD
    if not waiting or view.now < view.wait_until:
        return decision
    return replace(decision, action=Action.BECOME_STANDBY)


def mirrored(relation: Relation) -> Relation:
    """The same relation as the peer sees it."""
    return Relation(MIRROR[relation.standing], relation.common, relation.theirs, relation.mine)
