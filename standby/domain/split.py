"""Both OMMs are active and in contact: which one goes on (rule 6; older manuals' state figures).

Nobody opens its gate on a verdict alone: the winner waits until the other one has stepped down
or contact is lost again. So a verdict on claims of different episodes can cost time, never data.
"""

from __future__ import annotations

from standby.domain.facts import Claim, Role, SplitPolicy
from standby.domain.sentence import say
from standby.domain.view import Action, Decision, View, address_order, become, hold

TIE_SECONDS = 1.0
"""Two OMMs whose reigns began less than this apart count as equally long active."""


SETTLING = say("Both OMMs are active: settling which one goes on.")
NO_LONGER_ACTIVE = say("the other one is no longer active")


def step_down_at_once(view: View) -> Decision | None:
    """Rule 6, second half: a later reign exists and this OMM never noticed a split."""
    if not view.peer_active or view.noticed or view.claim is not None:
        return None
    peer = view.speaking_peer()
    if peer.term <= view.term:
        return None
    reason = say(
        "The other OMM is active in the later term %(term)s; contact had not been lost.",
        term=peer.term,
    )
    return become(view, Role.STANDBY, reason)


def put_claim(view: View) -> Decision | None:
    """Rule 6: both active; close the gate and freeze the own claim."""
    if not view.peer_active or view.claim is not None:
        return None
    offer = view.speaking_peer().offer
    if offer is not None and offer.successor == view.node and not view.noticed:
        return None
    return Decision(Action.CLAIM, SETTLING)


def settle_split(view: View) -> Decision | None:
    """Rule 6: decide on the two frozen claims alone; the same answer on both sides."""
    if view.claim is None:
        return None
    if not view.in_contact:
        reason = say("Contact was lost again before the split was settled.")
        return Decision(Action.WIN, reason)
    theirs = view.speaking_peer().claim
    if theirs is not None:
        return _verdict(view, view.claim, theirs)
    if view.peer_active:
        return hold(say("Both OMMs are active: waiting for the other one's claim."))
    return Decision(Action.WIN, _goes_on(NO_LONGER_ACTIVE))


def _verdict(view: View, mine: Claim, theirs: Claim) -> Decision:
    won, why = split_winner(mine, theirs, view.address, view.speaking_peer().address)
    if not view.peer_active:
        return Decision(Action.WIN, _goes_on(why if won else NO_LONGER_ACTIVE))
    if won:
        return hold(
            say(
                "After the split this OMM goes on: %(why)s; the other one is about to step down.",
                why=why,
            )
        )
    reason = say("After the split the other OMM goes on: %(why)s.", why=why)
    return become(view, Role.STANDBY, reason)


def _goes_on(why: str) -> str:
    return say("After the split this OMM goes on: %(why)s.", why=why)


def split_winner(
    mine: Claim, theirs: Claim, my_address: str, peer_address: str
) -> tuple[bool, str]:
    """True when ``mine`` wins; the mirrored call gives the mirror answer."""
    if mine.acked_suffix != theirs.acked_suffix:
        return mine.acked_suffix, say("it alone holds changes that the other had confirmed")
    if mine.noticed != theirs.noticed:
        why = say("the other one stood still and had not noticed the loss of contact")
        return mine.noticed, why
    if mine.policy is theirs.policy is SplitPolicy.MOST_RFPS and mine.rfps != theirs.rfps:
        most = max(mine.rfps, theirs.rfps)
        why = say("it serves more base stations (%(count)s)", count=most)
        return mine.rfps > theirs.rfps, why
    apart = mine.active_for - theirs.active_for
    if abs(apart) >= TIE_SECONDS:
        return apart > 0, say("it has been active for longer")
    lower = address_order(my_address) < address_order(peer_address)
    return lower, say("both were active equally long and its IP address is lower")
