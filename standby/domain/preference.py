"""Who comes first when both OMMs are in contact and nobody is active (rule 1; manual 7.15.2)."""

from __future__ import annotations

from dataclasses import dataclass

from standby.domain.facts import Head
from standby.domain.reconcile import MIRROR, Relation, Standing
from standby.domain.sentence import say
from standby.domain.view import View, address_order

Verdict = tuple[bool, str]


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


def prefer(mine: Candidate, theirs: Candidate, relation: Relation) -> Verdict:
    """True when ``mine`` comes first, with the reason; the mirrored call gives the mirror answer.

    Order: able to serve (SIP, health), the data that counts, not just resigned, lower address.
    """
    if mine.sip_ok != theirs.sip_ok:
        return mine.sip_ok, say("only one OMM reaches the SIP proxy")
    if mine.healthy != theirs.healthy:
        return mine.healthy, say("only one OMM is healthy")
    by_data = _prefer_by_data(mine, theirs, relation)
    if by_data is not None:
        return by_data
    if mine.barred != theirs.barred:
        return theirs.barred, say("the other OMM has just resigned")
    lower = address_order(mine.address) < address_order(theirs.address)
    return lower, say("the lower IP address starts as active (manual 7.15.2)")


def _prefer_by_data(mine: Candidate, theirs: Candidate, relation: Relation) -> Verdict | None:
    standing = relation.standing
    if standing in (Standing.AHEAD, Standing.BEHIND):
        return standing is Standing.AHEAD, say("the longer journal comes before the lower address")
    if standing in (Standing.PEER_EMPTY, Standing.SELF_EMPTY):
        return standing is Standing.PEER_EMPTY, say(
            "an empty journal never counts against a real one"
        )
    return _prefer_by_suffix(mine, theirs, relation) if standing is Standing.DIVERGED else None


def _prefer_by_suffix(mine: Candidate, theirs: Candidate, relation: Relation) -> Verdict | None:
    my_ack, their_ack = mine.acked_seq > relation.common, theirs.acked_seq > relation.common
    if my_ack != their_ack:
        return my_ack, say("only one side holds changes that the other once confirmed")
    if mine.head.term != theirs.head.term:
        return mine.head.term > theirs.head.term, say("its journal ends in a later term")
    if mine.head.seq != theirs.head.seq:
        return mine.head.seq > theirs.head.seq, say("its journal is longer")
    return None


def relation_by_heads(mine: Head, theirs: Head) -> Relation:
    """What can be said while the journals cannot be compared."""
    if mine.seq == theirs.seq and mine.hash == theirs.hash:
        return Relation(Standing.EQUAL, mine.seq)
    return Relation(Standing.DIVERGED, 0)


def mirrored(relation: Relation) -> Relation:
    """The same relation as the peer sees it."""
    return Relation(MIRROR[relation.standing], relation.common, relation.theirs, relation.mine)
