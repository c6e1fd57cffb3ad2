"""Rule 8: giving the role away, confirmed or cancelled."""

from __future__ import annotations

import pytest

from standby.domain.effects import Handover
from standby.domain.facts import Role
from standby.domain.reconcile import Relation, Standing
from tests.unit.domain.builders import Pair, head, silent, started


def ask(pair: Pair, kind: Handover) -> None:
    node = pair.low
    node.carry_out(node.member.hand_over(kind, "Asked for.", node.facts, pair.now), pair.now)


def test_switch_over_moves_the_role_and_leaves_a_standby() -> None:
    pair = started()
    term = pair.low.member.term
    ask(pair, Handover.SWITCHOVER)
    assert not pair.low.gate()
    pair.run(0.3)
    assert pair.active() == [pair.high]
    assert pair.high.gate()
    assert pair.high.member.term == term + 1
    assert pair.low.role() is Role.STANDBY
    assert [(end.kind, end.done) for end in pair.low.handovers()] == [(Handover.SWITCHOVER, True)]
    pair.run(20.0)
    assert pair.active() == [pair.high]


def test_offer_waits_until_the_peer_has_the_whole_journal() -> None:
    pair = started()
    pair.low.know(head=head(6), relation=Relation(Standing.AHEAD, 5))
    ask(pair, Handover.SWITCHOVER)
    pair.run(0.5)
    assert pair.low.say(pair.now).offer is None
    pair.high.know(head=head(6))
    pair.run(0.3)
    assert pair.active() == [pair.high]


def test_switch_over_that_is_not_confirmed_in_time_is_cancelled() -> None:
    pair = started()
    term = pair.low.member.term
    pair.low.know(head=head(6), relation=Relation(Standing.AHEAD, 5))
    ask(pair, Handover.SWITCHOVER)
    pair.run(2.3)
    (end,) = pair.low.handovers()
    assert not end.done
    assert "did not confirm in time" in end.reason
    assert pair.active() == [pair.low]
    assert pair.low.gate()
    assert pair.low.member.term == term + 2


def test_cancelled_offer_opens_the_gate_only_when_the_successor_saw_it_go() -> None:
    pair = started()
    pair.high.slow_disk = True
    ask(pair, Handover.SWITCHOVER)
    pair.run(0.3)
    assert pair.high.member.promoting
    pair.up = False
    pair.now += 0.1
    statement = pair.high.say(pair.now)
    pair.low.member._giving.started = pair.now - 5  # type: ignore[union-attr]
    pair.low.hear(statement, pair.now)
    assert pair.low.handovers()
    assert pair.low.member.in_contact
    assert not pair.low.gate()
    pair.up = True
    pair.run(0.2)
    assert pair.low.gate()
    pair.high.slow_disk = False
    pair.high.carry_out(pair.high.member.term_written(3, pair.now), pair.now)
    pair.run(0.5)
    assert pair.active() == [pair.low], "the withdrawn offer is not taken"


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        ({"healthy": False, "health_text": "Broken."}, "error|failed"),
        ({"sip": silent()}, "SIP proxy"),
    ],
)
def test_switch_over_to_an_ineligible_peer_is_refused(facts: dict[str, object], why: str) -> None:
    pair = started()
    pair.high.know(**facts)
    pair.run(0.2)
    ask(pair, Handover.SWITCHOVER)
    (end,) = pair.low.handovers()
    assert not end.done
    assert any(word in end.reason for word in why.split("|"))
    assert pair.low.gate()


def test_shutdown_hands_over_first() -> None:
    pair = started()
    ask(pair, Handover.SHUTDOWN)
    pair.run(0.3)
    assert pair.low.handovers()[-1].done
    assert pair.active() == [pair.high]


def test_shutdown_goes_on_without_a_successor() -> None:
    pair = started()
    pair.dead.add("high")
    pair.run(2.0)
    ask(pair, Handover.SHUTDOWN)
    (end,) = pair.low.handovers()
    assert not end.done
    assert pair.low.role() is Role.STANDBY
    assert pair.low.member.barred
    pair.run(10.0)
    assert pair.low.role() is Role.STANDBY, "who is about to stop never takes over"


def test_shutdown_not_confirmed_in_time_goes_on() -> None:
    pair = started()
    pair.low.know(head=head(6), relation=Relation(Standing.AHEAD, 5))
    ask(pair, Handover.SHUTDOWN)
    pair.run(2.3)
    assert not pair.low.handovers()[-1].done
    assert pair.low.role() is Role.STANDBY


def test_shutdown_during_a_switch_over_makes_it_final() -> None:
    pair = started()
    pair.low.know(head=head(6), relation=Relation(Standing.AHEAD, 5))
    ask(pair, Handover.SWITCHOVER)
    pair.run(0.5)
    ask(pair, Handover.SHUTDOWN)
    pair.run(2.0)
    assert [end.kind for end in pair.low.handovers()] == [Handover.SHUTDOWN]
    assert pair.low.member.leaving
    assert pair.low.role() is Role.STANDBY


def test_link_lost_during_a_switch_over_cancels_it() -> None:
    pair = started()
    pair.low.know(head=head(6), relation=Relation(Standing.AHEAD, 5))
    ask(pair, Handover.SWITCHOVER)
    pair.up = False
    pair.run(1.2)
    (end,) = pair.low.handovers()
    assert "contact" in end.reason
    assert pair.low.role() is Role.ACTIVE
    assert pair.low.gate()


def test_switch_over_asked_of_a_standby_changes_nothing() -> None:
    pair = started()
    node = pair.high
    effects = node.member.hand_over(Handover.SWITCHOVER, "Asked for.", node.facts, pair.now)
    node.carry_out(effects, pair.now)
    assert not node.handovers()[-1].done
    pair.run(1.0)
    assert pair.active() == [pair.low]


def test_resigned_omm_is_barred_from_the_tie_break() -> None:
    pair = started()
    pair.low.member.barred = pair.low.member.leaving = True
    pair.low.member.role = Role.STANDBY
    pair.run(0.3)
    assert pair.high.role() is Role.ACTIVE
    assert "just resigned" in pair.high.member.reason


def test_successor_opens_its_gate_when_the_resigned_one_has_stepped_down() -> None:
    pair = started()
    ask(pair, Handover.SWITCHOVER)
    for _ in range(20):
        pair.run(0.05)
        assert not (pair.high.gate() and pair.low.role() is Role.ACTIVE)
    assert pair.high.gate()


def test_offer_from_before_a_pause_is_not_taken() -> None:
    pair = started()
    pair.low.know(head=head(6), relation=Relation(Standing.AHEAD, 5))
    pair.high.slow_disk = True
    ask(pair, Handover.SWITCHOVER)
    pair.run(0.3)
    pair.low.know(head=pair.high.facts.head)
    pair.low.member.fence_closed(pair.low.facts.head)
    pair.low.member._giving.head = pair.high.facts.head  # type: ignore[union-attr]
    pair.low.tick(pair.now)
    offer = pair.low.say(pair.now)
    assert offer.offer is not None
    pair.high.member.hear(offer, pair.now)
    pair.high.tick(pair.now + 0.8)
    assert not pair.high.member.promoting
