"""Rules 2, 3, 4, 9 and 10: when a standby becomes active, and when an active gives up."""

from __future__ import annotations

import pytest

from standby.domain.effects import CloseFence, Handover
from standby.domain.facts import Role
from standby.domain.reconcile import Relation, Standing
from tests.unit.domain.builders import Pair, answering, head, silent, started

CONTACT_TIMEOUT = 1.0


def lose_low(pair: Pair) -> None:
    pair.dead.add("low")


def test_silent_active_is_replaced_within_the_contact_timeout() -> None:
    pair = started()
    lose_low(pair)
    pair.run(CONTACT_TIMEOUT)
    assert pair.active() == [pair.high]
    assert pair.high.gate()
    assert "fell silent" in pair.high.member.reason


def test_refused_connection_replaces_the_active_at_once() -> None:
    pair = started()
    lose_low(pair)
    pair.high.member.refused(pair.now)
    pair.high.tick(pair.now)
    assert pair.active() == [pair.high]
    assert "refuses connections" in pair.high.member.reason


def test_refusal_needs_a_sip_answer_younger_than_ten_seconds() -> None:
    pair = started(sip=True)
    pair.know(sip=answering(pair.now - 11))
    pair.high.member.refused(pair.now)
    pair.high.tick(pair.now)
    assert pair.high.role() is Role.STANDBY
    pair.high.know(sip=answering(pair.now))
    pair.high.tick(pair.now)
    assert pair.high.role() is Role.ACTIVE


def test_what_a_dead_process_sent_before_does_not_bring_it_back() -> None:
    pair = started()
    straggler = pair.low.say(pair.now)
    pair.high.member.refused(pair.now)
    pair.high.tick(pair.now)
    pair.high.hear(straggler, pair.now + 0.01)
    assert not pair.high.member.in_contact
    assert pair.high.gate()


def test_silence_needs_a_sip_answer_to_a_probe_sent_after_the_last_heartbeat() -> None:
    pair = started(sip=True)
    before = pair.now
    lose_low(pair)
    pair.run(3.0)
    assert pair.high.role() is Role.STANDBY, "the last answer is older than the silence"
    assert "SIP proxy does not answer" in pair.high.member.reason
    pair.high.know(sip=answering(before + 0.5))
    pair.run(0.1)
    assert pair.high.role() is Role.ACTIVE


def test_standby_without_sip_takes_over_when_the_proxy_answers() -> None:
    pair = started(sip=True)
    pair.high.know(sip=silent(pair.now))
    lose_low(pair)
    pair.run(5.0)
    assert pair.active() == []
    assert pair.high.member.wants_sip_probe(pair.now)
    pair.high.know(sip=answering(pair.now))
    pair.run(0.1)
    assert pair.active() == [pair.high]


def test_force_overrides_the_missing_sip_answer_until_it_answers() -> None:
    pair = started(sip=True)
    pair.high.know(sip=silent())
    lose_low(pair)
    pair.run(2.0)
    assert pair.high.member.force()
    pair.run(0.1)
    assert pair.active() == [pair.high]
    pair.run(60.0)
    assert pair.active() == [pair.high], "a forced reign does not end for want of SIP"
    pair.high.know(sip=answering(pair.now))
    pair.run(0.1)
    assert not pair.high.member.forced


def test_force_beside_an_active_peer_is_a_matter_of_switch_over() -> None:
    pair = started()
    assert not pair.high.member.force()
    pair.run(1.0)
    assert pair.active() == [pair.low]


def test_standby_begins_to_probe_sip_at_the_second_missed_beat() -> None:
    pair = started()
    assert not pair.high.member.wants_sip_probe(pair.now)
    assert pair.high.member.wants_sip_probe(pair.now + 0.21)


def test_isolated_active_gives_up_when_sip_stays_silent() -> None:
    pair = started(sip=True)
    pair.know(sip=answering(pair.now))
    pair.up = False
    pair.high.know(sip=silent())
    pair.low.know(sip=silent(pair.now))
    pair.run(29.0)
    assert pair.low.role() is Role.ACTIVE
    pair.run(2.0)
    assert pair.low.role() is Role.STARTING
    assert CloseFence() in pair.low.effects
    pair.run(4.0)
    assert pair.low.role() is Role.STANDBY
    pair.low.know(sip=answering(pair.now))
    pair.run(0.1)
    assert pair.low.role() is Role.ACTIVE


def test_active_in_contact_keeps_its_role_without_sip() -> None:
    pair = started(sip=True)
    pair.know(sip=silent(pair.now))
    pair.run(60.0)
    assert pair.active() == [pair.low]


def test_active_without_a_configured_peer_keeps_its_role_without_sip() -> None:
    pair = Pair(high="")
    pair.dead.add("high")
    pair.low.know(sip=answering(pair.now))
    pair.run(0.1)
    pair.low.know(sip=silent(pair.now))
    pair.run(60.0)
    assert pair.low.role() is Role.ACTIVE


def test_active_with_an_error_hands_over_and_shows_failed_until_it_is_well() -> None:
    pair = started()
    pair.low.know(healthy=False, health_text="The disk is full.")
    pair.run(0.5)
    assert pair.active() == [pair.high]
    assert pair.low.role() is Role.FAILED
    assert pair.low.handovers()[-1].kind is Handover.ERROR
    assert pair.low.handovers()[-1].done
    pair.low.know(healthy=True)
    pair.run(0.2)
    assert pair.low.role() is Role.STANDBY


@pytest.mark.parametrize(
    "ineligible",
    [
        {"healthy": False, "health_text": "Broken too."},
        {"sip": silent()},
    ],
    ids=["broken too", "no SIP"],
)
def test_active_with_an_error_limps_on_when_nobody_is_eligible(
    ineligible: dict[str, object],
) -> None:
    pair = started()
    pair.high.know(**ineligible)
    pair.run(0.2)
    pair.low.know(healthy=False, health_text="The disk is full.")
    pair.run(5.0)
    assert pair.active() == [pair.low]
    assert pair.low.gate()
    assert "serves on" in pair.low.member.reason


def test_erring_active_limps_on_when_the_budget_is_used_up() -> None:
    pair = started()
    pair.low.know(healthy=False, health_text="The disk is full.", error_budget=False)
    pair.run(2.0)
    assert pair.active() == [pair.low]
    assert "Too many hand-overs" in pair.low.member.reason


def test_after_an_unconfirmed_hand_over_it_says_why_it_serves_on() -> None:
    pair = started()
    pair.low.know(head=head(6), relation=Relation(Standing.AHEAD, 5))
    pair.low.know(healthy=False, health_text="The disk is full.")
    pair.run(3.0)
    assert [ended.done for ended in pair.low.handovers()] == [False]
    assert "was not confirmed" in pair.low.member.reason
    assert pair.active() == [pair.low]


def test_failed_omm_that_loses_contact_serves() -> None:
    pair = started()
    pair.low.know(healthy=False, health_text="The disk is full.")
    pair.run(0.5)
    assert pair.low.role() is Role.FAILED
    pair.dead.add("high")
    pair.run(1.5)
    assert pair.active() == [pair.low]


def test_unhealthy_standby_shows_failed() -> None:
    pair = started()
    pair.high.know(healthy=False, health_text="No database.")
    pair.run(0.2)
    assert pair.high.role() is Role.FAILED
    assert "No database." in pair.high.member.reason


def test_fast_restart_of_the_active_costs_it_the_role() -> None:
    pair = started()
    pair.restart(pair.low)
    pair.run(0.3)
    assert pair.active() == [pair.high]
    assert pair.low.role() is Role.STANDBY
    assert "restarted" in pair.high.changes()[-1].reason


def test_restart_after_contact_was_lost_is_an_ordinary_start() -> None:
    pair = started(sip=True)
    pair.high.know(sip=silent())
    lose_low(pair)
    pair.run(2.0)
    assert pair.active() == []
    low = pair.restart(pair.low)
    low.know(sip=answering(pair.now))
    pair.run(0.5)
    assert pair.active() == [low]


def test_maintenance_blocks_the_takeover_by_silence_but_not_force() -> None:
    pair = started()
    pair.know(maintenance=True)
    lose_low(pair)
    pair.run(10.0)
    assert pair.active() == []
    assert "Maintenance" in pair.high.member.reason
    assert pair.high.member.force()
    pair.run(0.1)
    assert pair.active() == [pair.high]


def test_maintenance_lets_an_omm_start() -> None:
    pair = Pair()
    pair.know(maintenance=True)
    pair.dead.add("high")
    pair.run(4.0)
    assert pair.active() == [pair.low]


def test_maintenance_lets_a_switch_over_pass() -> None:
    pair = started()
    pair.know(maintenance=True)
    for giver, heir in ((pair.low, pair.high), (pair.high, pair.low)):
        asked = giver.member.hand_over(Handover.SWITCHOVER, "Asked for.", giver.facts, pair.now)
        giver.carry_out(asked, pair.now)
        pair.run(0.5)
        assert pair.active() == [heir]


def test_a_fast_restart_in_maintenance_counts_as_a_start() -> None:
    pair = started()
    pair.know(maintenance=True)
    low = pair.restart(pair.low)
    pair.run(0.3)
    assert "restarted" not in pair.high.member.reason
    pair.run(1.0)
    assert pair.active() == [low], "the lower address comes first, as at every start"


def test_only_an_omm_that_knows_of_the_maintenance_holds_back() -> None:
    pair = started()
    pair.low.know(maintenance=True)
    lose_low(pair)
    pair.run(CONTACT_TIMEOUT)
    assert pair.active() == [pair.high]


def test_when_the_maintenance_ends_the_waiting_standby_takes_over() -> None:
    pair = started()
    pair.know(maintenance=True)
    lose_low(pair)
    pair.run(5.0)
    assert pair.active() == []
    pair.know(maintenance=False)
    pair.run(0.2)
    assert pair.active() == [pair.high]


def test_maintenance_blocks_the_hand_over_for_an_error() -> None:
    pair = started()
    pair.know(maintenance=True)
    pair.low.know(healthy=False, health_text="The disk is full.")
    pair.run(2.0)
    assert pair.active() == [pair.low]
    assert "Maintenance" in pair.low.member.reason


def test_promotion_is_dropped_when_the_peer_becomes_active_meanwhile() -> None:
    pair = started()
    pair.low.slow_disk = pair.high.slow_disk = True
    pair.up = False
    pair.run(1.2)
    assert pair.high.member.promoting
    pair.up = True
    pair.run(0.3)
    pair.high.carry_out(pair.high.member.term_written(3, pair.now), pair.now)
    assert pair.high.role() is Role.STANDBY
    pair.low.slow_disk = pair.high.slow_disk = False
    pair.run(0.5)
    assert pair.active() == [pair.low]


def test_term_that_cannot_be_kept_means_no_role_and_is_tried_again() -> None:
    pair = Pair()
    pair.dead.add("high")
    pair.low.slow_disk = True
    pair.run(3.2)
    assert pair.low.member.promoting
    pair.low.member.term_failed()
    assert pair.active() == []
    pair.low.slow_disk = False
    pair.run(1.5)
    assert pair.active() == [pair.low]


def test_restart_noticed_long_ago_is_no_reason_to_take_over_now() -> None:
    pair = started(sip=True)
    pair.know(sip=silent())
    pair.restart(pair.low)
    pair.run(5.0)
    assert pair.active() == []
    pair.know(sip=answering(pair.now))
    pair.run(1.0)
    assert pair.active() == [pair.low], "the ordinary choice: the lower address"
