"""Rules 5 and 6: both active, and what happens when contact is back."""

from __future__ import annotations

import pytest

from standby.domain.facts import Role, SplitPolicy
from standby.domain.reconcile import Relation, Standing
from tests.unit.domain.builders import Node, Pair, head, started


def split(pair: Pair, seconds: float = 5.0) -> None:
    pair.up = False
    pair.run(seconds)
    assert pair.low.role() is pair.high.role() is Role.ACTIVE
    assert pair.low.gate()
    assert pair.high.gate()


def heal(pair: Pair) -> None:
    """Contact is back; never are both gates open from then on."""
    pair.up = True
    for _ in range(30):
        pair.run(0.05)
        gates = pair.low.gate() and pair.high.gate()
        mutual = pair.low.member.in_contact and pair.high.member.in_contact
        assert not (gates and mutual)


def winner(pair: Pair) -> Node:
    (active,) = pair.active()
    loser = pair.other(active)
    assert loser.role() is Role.STANDBY
    assert active.gate()
    assert [s.won for s in active.splits()] == [True]
    assert [s.won for s in loser.splits()] == [False]
    return active


def test_both_are_active_while_the_link_is_down() -> None:
    split(started())


def test_the_one_active_for_longer_goes_on() -> None:
    pair = started()
    split(pair)
    heal(pair)
    assert winner(pair) is pair.low
    assert "active for longer" in pair.low.splits()[0].reason


def test_the_longer_reign_wins_against_the_lower_address() -> None:
    pair = started()
    pair.dead.add("low")
    pair.run(2.0)
    pair.restart(pair.low)
    pair.run(1.0)
    split(pair)
    heal(pair)
    assert winner(pair) is pair.high


@pytest.mark.parametrize("later", ["low", "high"])
def test_less_than_a_second_apart_the_lower_address_goes_on(later: str) -> None:
    pair = Pair()
    pair.up = False
    late = pair.low if later == "low" else pair.high
    pair.dead.add(late.member.node)
    pair.run(0.8)
    pair.restart(late)
    pair.run(6.0)
    heal(pair)
    assert winner(pair) is pair.low
    assert "IP address is lower" in pair.low.splits()[0].reason


def test_most_rfps_goes_on_when_both_say_so() -> None:
    pair = started()
    pair.low.member.policy = pair.high.member.policy = SplitPolicy.MOST_RFPS
    pair.low.know(rfps=3)
    pair.high.know(rfps=9)
    split(pair)
    heal(pair)
    assert winner(pair) is pair.high
    assert "base stations (9)" in pair.high.splits()[0].reason


def test_different_policies_mean_the_longer_reign() -> None:
    pair = started()
    pair.high.member.policy = SplitPolicy.MOST_RFPS
    pair.high.know(rfps=9)
    split(pair)
    heal(pair)
    assert winner(pair) is pair.low


def test_the_side_that_alone_holds_confirmed_changes_goes_on() -> None:
    pair = started()
    split(pair)
    pair.low.know(head=head(7, name="x"), relation=Relation(Standing.DIVERGED, 5), acked_seq=5)
    pair.high.know(head=head(6, name="y"), relation=Relation(Standing.DIVERGED, 5), acked_seq=6)
    heal(pair)
    assert winner(pair) is pair.high
    assert "confirmed" in pair.high.splits()[0].reason


def test_winner_goes_on_above_both_terms() -> None:
    pair = started()
    split(pair)
    highest = max(pair.low.member.term, pair.high.member.term)
    heal(pair)
    assert winner(pair).member.term > highest


def test_contact_lost_before_the_decision_opens_both_gates_again() -> None:
    pair = started()
    split(pair)
    pair.comparing = False
    pair.low.know(head=head(7, name="x"))
    pair.high.know(head=head(6, name="y"))
    pair.up = True
    pair.run(0.15)
    assert not pair.low.gate()
    assert not pair.high.gate()
    pair.up = False
    pair.run(1.2)
    assert pair.low.gate()
    assert pair.high.gate()


def test_both_are_active_no_longer_than_the_contact_timeout_though_nothing_can_be_compared() -> (
    None
):
    pair = started()
    split(pair)
    pair.comparing = False
    pair.low.know(head=head(7, name="x"))
    pair.up = True
    pair.run(1.0)
    assert len(pair.active()) == 1


def test_winner_opens_its_gate_only_after_the_loser_has_stepped_down() -> None:
    pair = started()
    split(pair)
    pair.high.slow_disk = True
    pair.up = True
    for _ in range(20):
        pair.run(0.05)
        if pair.low.splits():
            assert pair.high.role() is Role.STANDBY
        elif pair.low.member.in_contact:
            assert not pair.low.gate()
    assert winner(pair) is pair.low


def test_hidden_pause_of_the_active_ends_with_it_stepping_down_at_once() -> None:
    """Its clock stood still with it, so it never noticed: whatever the times, the peer goes on."""
    pair = started()
    pair.run(30.0)
    asleep = pair.low.member
    hidden = 0.0
    pair.dead.add("low")
    pair.run(1.2)
    hidden += 1.2
    assert pair.high.role() is Role.ACTIVE
    pair.high.hear(asleep.state(pair.low.facts, pair.now - hidden), pair.now)
    pair.high.tick(pair.now)
    statement = pair.high.say(pair.now)
    pair.low.hear(statement, pair.now - hidden)
    pair.high.hear(pair.low.say(pair.now - hidden), pair.now)
    pair.low.hear(pair.high.say(pair.now), pair.now - hidden)
    assert pair.low.role() is Role.STANDBY
    assert "had not been lost" in pair.low.member.reason
    assert pair.high.role() is Role.ACTIVE


def test_one_that_noticed_no_split_loses_it_in_an_equal_term_too() -> None:
    pair = started()
    split(pair)
    pair.low.member.term = pair.high.member.term = 7
    pair.low.member.noticed = False
    pair.low.member.contact.forget()
    heal(pair)
    assert pair.active() == [pair.high]
