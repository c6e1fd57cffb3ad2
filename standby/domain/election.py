"""Who is active: the pure rules (manual 7.15 and 7.15.2). The heart of the pair: read this first.

``RULES`` is the table of states: for every role the rules in the order in which they are asked.
A rule answers with a Decision or passes on with None; the last rule of each row always answers.
Nothing here reads a clock, a file or a database: the same View always gives the same Decision,
and its reason is the sentence that the log, the API and the page show.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from standby.domain.contact import Evidence, Hearing
from standby.domain.facts import ROLE_WORDS, Role
from standby.domain.preference import (
    Candidate,
    candidates,
    mirrored,
    prefer,
    relation_by_heads,
)
from standby.domain.reconcile import Relation, Standing
from standby.domain.sentence import join, say
from standby.domain.sip_rule import sip_allows
from standby.domain.split import (
    TIE_SECONDS,
    put_claim,
    settle_split,
    split_winner,
    step_down_at_once,
)
from standby.domain.view import Action, Decision, Sip, View, address_order, become, hold
from standby.domain.witness_rules import give_up_unwitnessed, wait_for_witness

# --- Rules of an OMM that is not active ---------------------------------------------------------


def accept_offer(view: View) -> Decision | None:
    """Rule 8: the active OMM resigns in favour of this one."""
    if not view.peer_active:
        return None
    peer = view.speaking_peer()
    offer = peer.offer
    if offer is None or offer.successor != view.node:
        return None
    if not view.healthy or view.sip.ok is False or not view.just_heard:
        return None
    if (view.head.seq, view.head.hash) != (peer.head.seq, peer.head.hash):
        return hold(say("The active OMM offers its role; the rest of its journal is on its way."))
    reason = say("The active OMM handed its role over.")
    return Decision(Action.BECOME_ACTIVE, reason, term=offer.term)


def follow_active(view: View) -> Decision | None:
    """A recovered OMM never takes the role back (manual 7.15, last paragraph)."""
    if not view.peer_active:
        return None
    reason = say("The other OMM, %(omm)s, is active.", omm=view.speaking_peer().address)
    if not view.healthy:
        return become(view, Role.FAILED, join(view.health_text, reason))
    return become(view, Role.STANDBY, reason)


def recover_or_fail(view: View) -> Decision | None:
    """Rule 4: show ``failed`` while unhealthy, ``standby`` again when healthy."""
    if view.role is Role.STANDBY and not view.healthy:
        return Decision(Action.BECOME_FAILED, say("OMM error: %(error)s", error=view.health_text))
    if view.role is Role.FAILED and view.healthy:
        return Decision(Action.BECOME_STANDBY, say("The error is gone."))
    return None


def succeed_restarted(view: View) -> Decision | None:
    """Rule 9: an active that came back before its silence was noticed has lost the role."""
    if not (view.peer_restarted and view.in_contact) or view.maintenance:
        return None
    if view.role is not Role.STANDBY or not view.healthy:
        return None
    allowed, why = sip_allows(replace(view, evidence=Evidence.RESTART))
    if not allowed:
        return None
    return Decision(Action.BECOME_ACTIVE, _because(EVIDENCE_TEXT[Evidence.RESTART], why))


def elect(view: View) -> Decision | None:
    """Rule 1: in contact and nobody is active."""
    if not view.in_contact or view.peer_active:
        return None
    peer = view.speaking_peer()
    known = view.relation.standing is not Standing.UNKNOWN and view.relation.speaks_of(
        view.head, peer.head
    )
    waiting = _wait_for_facts(view, known=known)
    if waiting is not None:
        return waiting
    relation = view.relation if known else relation_by_heads(view.head, peer.head)
    mine, theirs = candidates(view)
    first, why = prefer(mine, theirs, relation)
    if first:
        return _come_first(view, mine, relation, why)
    if _may_still_catch_up(view, relation):
        return hold(say("Fetching the rest of the journal from the other OMM."))
    reason = say("The other OMM, %(omm)s, comes first: %(why)s.", omm=theirs.address, why=why)
    return Decision(Action.HOLD, reason, yields=True)


def _wait_for_facts(view: View, *, known: bool) -> Decision | None:
    if view.now >= view.wait_until:
        return None
    if view.role is Role.STARTING and not view.sip.known:
        return hold(say("In contact with the other OMM; asking the SIP proxy."))
    return None if known else hold(say("In contact with the other OMM; comparing the journals."))


def _come_first(view: View, mine: Candidate, relation: Relation, why: str) -> Decision:
    if not mine.sip_ok:
        return become(view, Role.STANDBY, say("The SIP proxy is not reachable from either OMM."))
    if _peer_may_catch_up(view, relation):
        return hold(say("The other OMM is fetching the rest of the journal."))
    if _lacks_the_rest(view, relation):
        return hold(
            say("This OMM comes first: %(why)s; fetching the rest of the journal before.", why=why)
        )
    if not view.speaking_peer().yields or not view.just_heard:
        return hold(say("This OMM comes first: %(why)s; waiting for the other to agree.", why=why))
    return Decision(Action.BECOME_ACTIVE, say("No OMM was active and %(why)s.", why=why))


def _lower(view: View) -> bool:
    return address_order(view.address) < address_order(view.speaking_peer().address)


def _may_still_catch_up(view: View, relation: Relation) -> bool:
    """This OMM would be first by address once it has the rest of the journal.

    One that has nothing at all gets it from an active OMM only: waiting would bring nothing.
    """
    starting = view.role is Role.STARTING and view.now < view.wait_until
    return relation.standing is Standing.BEHIND and starting and _lower(view)


def _peer_may_catch_up(view: View, relation: Relation) -> bool:
    """The mirror of _may_still_catch_up, bounded by this OMM's own waiting time."""
    starting = view.speaking_peer().role is Role.STARTING and view.now < view.wait_until
    return relation.standing is Standing.AHEAD and starting and not _lower(view)


def _lacks_the_rest(view: View, relation: Relation) -> bool:
    """First only because the other one cannot serve: take its changes along, for a moment."""
    patience = view.timing.contact_timeout
    soon = view.unled_since is not None and view.now < view.unled_since + patience
    return relation.standing is Standing.BEHIND and soon


def wait_at_start(view: View) -> Decision | None:
    """Rule 1 and 7: look for the peer for a while before deciding alone."""
    if view.role is not Role.STARTING or not view.peer_configured or view.now >= view.wait_until:
        return None
    if view.thawing:
        return hold(say("This OMM stood still; looking for the other OMM."))
    return hold(say("Looking for the other OMM."))


def stay_stranger(view: View) -> Decision | None:
    """Rule 1: a peer that fails authentication stops an OMM that was never synchronised."""
    if view.in_contact or not view.wrong_secret or view.ever_synchronised:
        return None
    return become(view, Role.STANDBY, say("The other OMM answers with another pair secret."))


def hold_for_maintenance(view: View) -> Decision | None:
    """Rule 10: no takeover by silence; start-up still works."""
    if not view.maintenance or not view.met or view.in_contact:
        return None
    reason = say("Maintenance: no takeover although the other OMM is silent.")
    return become(view, view.role if view.role is not Role.STARTING else Role.STANDBY, reason)


EVIDENCE_TEXT = {
    Evidence.NEVER: say("No other OMM was heard"),
    Evidence.REFUSED: say("The other OMM's process is gone: its host refuses connections"),
    Evidence.SILENCE: say("The other OMM fell silent"),
    Evidence.RESTART: say("The other OMM restarted and so lost its role"),
}


def take_over(view: View) -> Decision | None:
    """Rules 1 and 2: no contact; the SIP proxy decides whether this OMM may serve."""
    if view.in_contact:
        return None
    if view.hearing in (Hearing.HEARD, Hearing.SUSPECT):
        return hold(say("The other OMM is heard but does not hear this one yet."))
    if not view.peer_configured:
        text = say("No standby OMM is configured")
    else:
        text = EVIDENCE_TEXT[view.evidence]
    allowed, why = sip_allows(view)
    if allowed:
        return Decision(Action.BECOME_ACTIVE, _because(text, why))
    if not view.sip.known and not view.sip.lost:
        return hold(say("%(evidence)s; asking the SIP proxy.", evidence=text))
    reason = say(
        "%(evidence)s, but the SIP proxy does not answer: no takeover (manual 7.15.2).",
        evidence=text,
    )
    return become(view, Role.STANDBY, reason) if view.role is Role.STARTING else hold(reason)


def _because(evidence: str, why: str) -> str:
    if not why:
        return say("%(evidence)s.", evidence=evidence)
    return say("%(evidence)s and %(why)s.", evidence=evidence, why=why)


def stand_by(_view: View) -> Decision:
    """The ordinary state of an OMM that is not active."""
    return hold()


# --- Rules of an active OMM ---------------------------------------------------------------------


def raise_term(view: View) -> Decision | None:
    """A standby that has seen a later term must not make this reign's changes look old."""
    if not view.in_contact or view.peer_active:
        return None
    if view.speaking_peer().term <= view.term:
        return None
    reason = say("The other OMM has seen a later term; this reign goes on above it.")
    return Decision(Action.WIN, reason)


def give_way_to_data(view: View) -> Decision | None:
    """Rule 1: a journal of nothing but its beginnings never counts against a real one.

    An OMM that was replaced and found itself alone yields when the one with the data is back.
    """
    empty = view.relation.standing is Standing.SELF_EMPTY
    if not view.in_contact or view.peer_active or not empty:
        return None
    if not view.relation.speaks_of(view.head, view.speaking_peer().head) or successor_refusal(view):
        return None
    reason = say("The other OMM holds data and this one holds none yet.")
    return Decision(Action.BECOME_STANDBY, reason)


def give_up_without_sip(view: View) -> Decision | None:
    """Rule 3: isolated and without SIP (state figure of older manuals)."""
    if not view.peer_configured or view.in_contact or view.forced or not view.sip.configured:
        return None
    last = view.sip.answered_at if view.sip.answered_at is not None else view.role_since
    since = max(last, view.role_since)
    if view.sip.ok or view.now - since < view.timing.sip_lost_wait:
        return None
    return Decision(Action.START_OVER, say("Neither the other OMM nor the SIP proxy answers."))


def successor_refusal(view: View) -> str:
    """Why the peer cannot take over now; empty when it is eligible."""
    if not view.peer_configured:
        return say("no standby OMM is configured")
    if not view.in_contact:
        return say("the other OMM is not in contact")
    peer = view.speaking_peer()
    foreign = view.relation.standing in (Standing.FOREIGN, Standing.DIVERGED, Standing.BEHIND)
    refusals = (
        (
            peer.role is not Role.STANDBY,
            say("the other OMM is %(role)s, not standby", role=ROLE_WORDS[peer.role]),
        ),
        (not peer.healthy, say("the other OMM reports an error")),
        (peer.sip_ok is False, say("the other OMM does not reach the SIP proxy")),
        (foreign, say("the other OMM does not hold this journal")),
    )
    return next((text for refused, text in refusals if refused), "")


def hand_over_error(view: View) -> Decision | None:
    """Rules 2a and 4: an OMM error; a limping OMM beats none."""
    if view.healthy:
        return None
    refusal = successor_refusal(view)
    if refusal:
        return hold(join(view.health_text, say("This OMM serves on: %(why)s.", why=refusal)))
    if view.maintenance:
        return hold(join(view.health_text, say("Maintenance: no takeover.")))
    if not view.error_budget:
        return hold(join(view.health_text, say("Too many hand-overs: this OMM serves on.")))
    if view.error_rests:
        serves = say("The last hand-over was not confirmed: this OMM serves on for a while.")
        return hold(join(view.health_text, serves))
    return Decision(Action.HAND_OVER, say("OMM error: %(error)s", error=view.health_text))


def serve_on(_view: View) -> Decision:
    """The ordinary state of an active OMM."""
    return hold()


# --- The table ----------------------------------------------------------------------------------

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
    wait_for_witness,
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
        give_way_to_data,
        give_up_unwitnessed,
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


__all__ = [
    "RULES",
    "TIE_SECONDS",
    "Action",
    "Candidate",
    "Decision",
    "Sip",
    "View",
    "address_order",
    "candidates",
    "decide_role",
    "mirrored",
    "prefer",
    "put_claim",
    "settle_split",
    "sip_allows",
    "split_winner",
    "step_down_at_once",
    "successor_refusal",
]
