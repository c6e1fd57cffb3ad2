"""A line that loses much is not a dead peer: heartbeats, probes and their answers by chance."""

import random

import pytest

from standby.domain.contact import Contact, Hearing, Timing
from standby.runtime.core import PROBE_PAUSE

ROUND_TRIP = 0.001


def false_verdicts(loss: float, hours: float, seed: int) -> int:
    """How often a peer that speaks all the time is taken for lost."""
    chance = random.Random(seed).random
    timing = Timing()
    contact = Contact(timing)
    contact.heard(0.0)
    verdicts = 0
    for beat in range(1, int(hours * 3600 / timing.interval)):
        now = beat * timing.interval
        before = now - timing.interval
        look = before if contact.state is Hearing.SUSPECT else contact.next_look()
        while look is not None and look < now:  # between two beats: suspicion, probes
            if contact.tick(look) is Hearing.SUSPECT and chance() > loss and chance() > loss:
                contact.heard(look + ROUND_TRIP)
            look = look + PROBE_PAUSE if contact.state is Hearing.SUSPECT else None
        if contact.tick(now) is Hearing.LOST:
            verdicts += 1
            contact.heard(now)
        elif chance() > loss:
            contact.heard(now)
    return verdicts


@pytest.mark.parametrize(("loss", "hours"), [(0.3, 4.0), (0.5, 2.0)])
def test_a_speaking_peer_is_not_taken_for_lost(loss: float, hours: float) -> None:
    assert false_verdicts(loss, hours, seed=1) == 0
