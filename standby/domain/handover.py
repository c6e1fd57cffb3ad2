"""Giving the role away, step by step (rule 8): close, wait for the journal, offer, be succeeded."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from standby.domain.effects import Handover
from standby.domain.facts import Head, Heartbeat, Offer, Role
from standby.domain.sentence import say


class Progress(StrEnum):
    """How far a hand-over is."""

    WAIT = "wait"
    OFFER = "offer"
    DONE = "done"
    FAILED = "failed"


@dataclass(slots=True)
class Giving:
    """A hand-over under way. ``head`` is known once no change can be under way any more."""

    kind: Handover
    reason: str
    started: float
    head: Head | None = None
    offer: Offer | None = None
    failure: str = ""

    def progress(self, peer: Heartbeat | None, term: int, now: float, wait: float) -> Progress:
        """What the successor's last statement means; ``peer`` is None when not in contact.

        Makes the offer (for ``term`` + 1) as soon as the peer has the whole journal.
        """
        if peer is None:
            return self._fail(say("contact with the other OMM was lost"))
        if peer.role is Role.ACTIVE and peer.term > term:
            return Progress.DONE
        if now - self.started > wait:
            return self._fail(say("the other OMM did not confirm in time"))
        if self.offer is None and self.head is not None and _same(peer.head, self.head):
            self.offer = Offer(peer.node, term + 1)
            return Progress.OFFER
        return Progress.WAIT

    def _fail(self, why: str) -> Progress:
        self.failure = why
        return Progress.FAILED


def _same(one: Head, other: Head) -> bool:
    return (one.seq, one.hash) == (other.seq, other.hash)
