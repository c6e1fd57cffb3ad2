"""Rule 1 of the pair: who is active after a start (manual 7.15.2)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from standby.domain.effects import WriteTerm
from standby.domain.facts import Role
from standby.domain.reconcile import Relation, Standing
from tests.unit.domain.builders import Pair, answering, head, silent, started

STARTUP_WAIT = 3.0


@pytest.mark.parametrize(
    ("low", "high"),
    [
        ("10.0.0.9", "10.0.0.10"),
        ("192.168.1.2", "192.168.1.100"),
        ("fd00::9", "fd00::a"),
        ("fd00::ff", "fd00::1:0"),
    ],
)
def test_lower_ip_address_starts_as_active(low: str, high: str) -> None:
    pair = Pair(low, high)
    pair.run(1.0)
    assert pair.low.role() is Role.ACTIVE
    assert pair.high.role() is Role.STANDBY
    assert "lower IP address" in pair.low.member.reason
    assert pair.low.member.term == pair.low.facts.head.term + 1


def test_roles_are_decided_before_the_waiting_time_when_both_are_there() -> None:
    pair = Pair()
    pair.run(0.5)
    assert len(pair.active()) == 1


def test_one_omm_alone_becomes_active_after_the_waiting_time() -> None:
    pair = Pair()
    pair.dead.add("low")
    pair.run(STARTUP_WAIT - 0.1)
    assert pair.high.role() is Role.STARTING
    pair.run(0.2)
    assert pair.high.role() is Role.ACTIVE
    assert pair.high.gate()


def test_omm_without_a_configured_peer_is_active_at_once() -> None:
    pair = Pair(high="")
    pair.low.tick(100.1)
    assert pair.low.role() is Role.ACTIVE
    assert "No standby OMM is configured" in pair.low.member.reason


def test_alone_without_sip_it_stands_by_and_takes_over_when_sip_answers() -> None:
    pair = Pair()
    pair.dead.add("low")
    pair.high.know(sip=silent())
    pair.run(STARTUP_WAIT + 5)
    assert pair.high.role() is Role.STANDBY
    assert "SIP proxy does not answer" in pair.high.member.reason
    pair.high.know(sip=answering(pair.now))
    pair.run(0.1)
    assert pair.high.role() is Role.ACTIVE


def test_recovered_omm_never_takes_the_role_back() -> None:
    pair = started()
    pair.dead.add("low")
    pair.run(2.0)
    assert pair.active() == [pair.high]
    pair.restart(pair.low)
    pair.run(20.0)
    assert pair.active() == [pair.high]
    assert pair.low.role() is Role.STANDBY


def test_omm_that_reaches_sip_comes_before_the_lower_address() -> None:
    pair = Pair()
    pair.low.know(sip=silent())
    pair.high.know(sip=answering(100.0))
    pair.run(1.0)
    assert pair.active() == [pair.high]


def test_nobody_starts_when_sip_answers_neither() -> None:
    pair = Pair()
    pair.know(sip=silent())
    pair.run(STARTUP_WAIT + 5)
    assert pair.active() == []
    assert pair.low.role() is pair.high.role() is Role.STANDBY


def test_healthy_omm_comes_before_the_lower_address() -> None:
    pair = Pair()
    pair.low.know(healthy=False, health_text="The disk is full.")
    pair.run(1.0)
    assert pair.active() == [pair.high]
    assert pair.low.role() is Role.FAILED


def test_longer_journal_comes_first_when_the_rest_cannot_be_fetched() -> None:
    pair = Pair()
    pair.high.know(head=head(9), relation=Relation(Standing.AHEAD, 5))
    pair.low.know(relation=Relation(Standing.BEHIND, 5))
    pair.run(1.0)
    assert pair.active() == [], "the lower address fetches the rest first"
    pair.run(STARTUP_WAIT)
    assert pair.active() == [pair.high]
    assert "longer journal" in pair.high.member.reason


def test_lower_address_starts_once_it_has_fetched_the_rest() -> None:
    pair = Pair()
    pair.high.know(head=head(9), relation=Relation(Standing.AHEAD, 5))
    pair.low.know(relation=Relation(Standing.BEHIND, 5))
    pair.run(0.5)
    pair.low.know(head=head(9))
    pair.run(0.5)
    assert pair.active() == [pair.low]


def test_empty_disk_never_comes_before_a_real_journal() -> None:
    pair = Pair()
    empty = head(1, name="new", lineage="N", real=False)
    pair.low.know(head=empty, relation=Relation(Standing.SELF_EMPTY))
    pair.high.know(relation=Relation(Standing.PEER_EMPTY))
    pair.run(1.0)
    assert pair.active() == [pair.high], "nobody would send it anything: there is no use in waiting"


@pytest.mark.parametrize(
    ("my_term", "their_term", "my_seq", "their_seq", "my_ack", "their_ack", "low_first"),
    [
        (3, 9, 7, 8, 6, 5, True),
        (9, 3, 8, 7, 5, 6, False),
        (4, 3, 6, 9, 5, 5, True),
        (3, 3, 6, 9, 5, 5, False),
        (3, 3, 8, 8, 5, 5, True),
    ],
    ids=["confirmed", "confirmed there", "later term", "longer", "address"],
)
def test_diverged_journals_choose_by_what_counts(
    *,
    my_term: int,
    their_term: int,
    my_seq: int,
    their_seq: int,
    my_ack: int,
    their_ack: int,
    low_first: bool,
) -> None:
    pair = Pair()
    relation = Relation(Standing.DIVERGED, 5)
    pair.low.know(head=head(my_seq, term=my_term, name="x"), acked_seq=my_ack, relation=relation)
    pair.high.know(
        head=head(their_seq, term=their_term, name="y"), acked_seq=their_ack, relation=relation
    )
    pair.run(1.0)
    assert pair.active() == [pair.low if low_first else pair.high]


def test_first_without_the_rest_of_the_journal_takes_it_along_for_a_moment() -> None:
    pair = Pair()
    pair.low.know(head=head(9), relation=Relation(Standing.AHEAD, 5), sip=silent())
    pair.high.know(relation=Relation(Standing.BEHIND, 5), sip=answering(100.0))
    pair.run(0.5)
    assert pair.active() == []
    pair.high.know(head=head(9))
    pair.run(0.3)
    assert pair.active() == [pair.high]


def test_other_pair_secret_keeps_an_omm_that_was_never_synchronised_standby() -> None:
    pair = Pair()
    pair.up = False
    pair.high.know(wrong_secret=True)
    pair.run(STARTUP_WAIT + 2)
    assert pair.high.role() is Role.STANDBY
    assert "another pair secret" in pair.high.member.reason
    assert pair.low.role() is Role.ACTIVE


def test_other_pair_secret_does_not_stop_an_omm_that_was_synchronised_nor_force() -> None:
    pair = Pair()
    pair.up = False
    pair.high.know(wrong_secret=True, ever_synchronised=True)
    pair.low.know(wrong_secret=True)
    pair.run(STARTUP_WAIT + 1)
    assert pair.high.role() is Role.ACTIVE
    assert pair.low.role() is Role.STANDBY
    assert pair.low.member.force()
    pair.run(0.1)
    assert pair.low.role() is Role.ACTIVE


def test_role_is_shown_only_when_its_term_is_on_disk() -> None:
    pair = Pair()
    pair.low.slow_disk = True
    pair.run(1.0)
    assert pair.active() == []
    pair.low.carry_out(pair.low.member.term_written(2, pair.now), pair.now)
    assert pair.low.role() is Role.ACTIVE


def test_gate_opens_when_the_other_one_knows_of_the_reign() -> None:
    pair = Pair()
    while not pair.active():
        pair.run(0.05)
    assert not pair.low.gate()
    pair.run(0.15)
    assert pair.low.gate()


def test_term_that_was_seen_is_kept_by_the_standby_too() -> None:
    pair = started()
    assert WriteTerm(2) in pair.high.effects
    assert pair.high.member.term == pair.low.member.term == 2


def test_consent_from_before_a_stall_does_not_count() -> None:
    """While this OMM stood still the other one may have become active."""
    pair = Pair()
    pair.high.slow_disk = pair.low.slow_disk = True
    pair.low.know(sip=silent())
    pair.high.know(sip=silent())
    pair.run(1.0)
    pair.low.know(sip=answering(pair.now))
    pair.up = False
    pair.low.member.ear.peer = replace(pair.high.say(pair.now), yields=True, hears=True)
    pair.now += 0.9
    pair.low.tick(pair.now)
    assert not pair.low.member.promoting
