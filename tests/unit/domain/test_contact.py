"""The silence detector: how fast, how patient, and what proves nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from standby.domain.contact import PROBE_TIME, Contact, Evidence, Hearing, Timing
from standby.domain.effects import Handover
from standby.domain.facts import Role
from tests.unit.domain.builders import Pair, answering, head, started

gaps = st.lists(st.floats(0.001, 5.0), min_size=1, max_size=40)


def hear_at(contact: Contact, times: list[float]) -> float:
    for at in times:
        contact.tick(at)
        contact.heard(at)
    return times[-1]


def steady(interval: float = 0.1, beats: int = 20) -> list[float]:
    return [100 + interval * n for n in range(beats)]


def verdict_at(contact: Contact, since: float, step: float = 0.001) -> float:
    now = since
    while contact.tick(now) is not Hearing.LOST:
        now += step
        assert now < since + 60
    return now


def test_quiet_line_gives_a_verdict_after_four_beats_and_the_probes() -> None:
    contact = Contact(Timing())
    last = hear_at(contact, steady())
    assert verdict_at(contact, last) - last == pytest.approx(0.4 + PROBE_TIME, abs=0.002)
    assert contact.evidence is Evidence.SILENCE


def test_gaps_on_the_line_make_it_more_patient() -> None:
    contact = Contact(Timing())
    last = hear_at(contact, [*steady(), 102.25])
    assert contact.timeout(last) == pytest.approx(1.6 * 0.35, abs=0.001)


def test_a_remembered_gap_fades() -> None:
    contact = Contact(Timing())
    last = hear_at(contact, [*steady(), 102.25])
    assert contact.timeout(last + 60) < contact.timeout(last)


@given(gaps, st.floats(0.05, 1.0), st.floats(10.0, 40.0))
def test_never_longer_than_the_contact_timeout(
    found: list[float], interval: float, beats: float
) -> None:
    timing = Timing(interval=interval, contact_timeout=interval * beats)
    contact = Contact(timing)
    now = 100.0
    contact.heard(now)
    for gap in found:
        now += gap
        contact.tick(now)
        contact.heard(now)
    assert contact.timeout(now) + PROBE_TIME <= timing.contact_timeout + 1e-9
    due = contact.next_look()
    assert due is not None
    contact.tick(due)
    assert contact.state is Hearing.SUSPECT
    final = contact.next_look()
    assert final is not None
    assert contact.tick(final) is Hearing.LOST
    assert final - now <= timing.contact_timeout + 1e-9


@given(gaps, st.floats(0, 3))
def test_suspicion_is_a_percentage_that_grows_with_the_silence(
    found: list[float], silence: float
) -> None:
    contact = Contact(Timing())
    assert contact.suspicion(0.0) == 0
    now = 100.0
    for gap in found:
        now += gap
        contact.tick(now)
        contact.heard(now)
    assert contact.suspicion(now) == 0
    earlier = contact.suspicion(now + silence / 2)
    later = contact.suspicion(now + silence)
    assert 0 <= earlier <= later <= 100
    contact.lose(Evidence.REFUSED, now)
    assert contact.suspicion(now) == 100


def test_own_lateness_is_forgiven_once_in_a_silence() -> None:
    contact = Contact(Timing())
    last = hear_at(contact, steady())
    assert contact.forgive(last + 0.5)
    assert contact.tick(last + 0.5 + 0.3) is Hearing.HEARD
    assert not contact.forgive(last + 0.8)
    assert verdict_at(contact, last + 0.8) - (last + 0.5) == pytest.approx(0.6, abs=0.002)


def test_gap_that_a_stall_or_a_verdict_explains_is_not_learned() -> None:
    contact = Contact(Timing())
    last = hear_at(contact, steady())
    contact.forgive(last + 0.5)
    contact.heard(last + 0.55)
    assert contact.timeout(last + 0.55) == pytest.approx(0.4)
    gone = verdict_at(contact, last + 0.55)
    contact.heard(gone + 9)
    assert contact.timeout(gone + 9) == pytest.approx(0.4)


# --- what proves that the peer is there ---------------------------------------------------------


def test_first_statement_proves_nothing_its_answer_does() -> None:
    pair = Pair()
    pair.high.hear(pair.low.say(100.0), 100.0)
    assert pair.high.member.contact.state is Hearing.NEVER
    pair.low.hear(pair.high.say(100.0), 100.0)
    assert pair.low.member.contact.state is Hearing.HEARD
    assert not pair.low.member.in_contact
    pair.high.hear(pair.low.say(100.01), 100.01)
    assert pair.high.member.in_contact


def test_recording_of_this_boot_or_an_earlier_one_proves_nothing() -> None:
    pair = started()
    recorded = pair.low.say(pair.now)
    pair.dead.add("low")
    pair.run(2.0)
    assert pair.high.role() is Role.ACTIVE
    for statement in (recorded, replace(recorded, boot="earlier", counter=999)):
        pair.high.hear(statement, pair.now)
        assert not pair.high.member.in_contact
        assert pair.high.member.contact.state is Hearing.LOST


def test_recording_of_an_earlier_boot_does_not_look_like_a_restart() -> None:
    """Otherwise a standby would take the role from a healthy active OMM."""
    pair = started()
    old = replace(pair.low.say(pair.now), boot="earlier", echo_boot="earlier too", counter=7)
    assert pair.high.hear(old, pair.now), "it is answered, so that a real restart can prove itself"
    pair.run(2.0)
    assert pair.active() == [pair.low]
    assert pair.high.member.in_contact


def test_straggler_of_the_boot_before_a_restart_is_ignored() -> None:
    pair = started()
    straggler = pair.low.say(pair.now)
    pair.restart(pair.low)
    pair.run(0.3)
    assert pair.active() == [pair.high]
    assert not pair.high.hear(straggler, pair.now)
    assert pair.high.member.peer is not None
    assert pair.high.member.peer.boot != straggler.boot
    pair.run(0.3)
    assert pair.active() == [pair.high]
    assert pair.high.gate()


def test_of_several_copies_the_first_counts() -> None:
    pair = started()
    statement = pair.low.say(pair.now)
    pair.high.hear(statement, pair.now)
    before = pair.high.member.peer
    assert not pair.high.hear(replace(statement, role=Role.FAILED), pair.now)
    assert pair.high.member.peer == before


def test_reordered_statement_is_ignored() -> None:
    pair = started()
    first, second = pair.low.say(pair.now), pair.low.say(pair.now)
    pair.high.hear(second, pair.now)
    pair.high.hear(first, pair.now)
    assert pair.high.member.peer == second


def test_echo_older_than_the_contact_timeout_is_not_heard() -> None:
    pair = started()
    statement = pair.low.say(pair.now)
    before = pair.high.member.contact.heard_at
    pair.high.member.step(pair.high.facts, pair.now + 0.9)
    pair.high.member.step(pair.high.facts, pair.now + 1.3)
    pair.high.hear(statement, pair.now + 1.3)
    assert pair.high.member.contact.heard_at == before


def test_larger_contact_timeout_of_the_two_holds_on_both() -> None:
    pair = Pair()
    pair.restart(pair.low, timing=Timing(contact_timeout=2.0))
    pair.run(1.0)
    assert pair.high.member.timing.contact_timeout == 2.0
    assert pair.high.member.contact.timing.contact_timeout == 2.0


def test_one_way_cut_is_no_contact() -> None:
    pair = started()
    for _ in range(40):
        pair.now += 0.05
        for node in (pair.low, pair.high):
            node.tick(pair.now)
        pair.low.hear(pair.high.say(pair.now), pair.now)
        pair.low.say(pair.now)
    assert not pair.low.member.in_contact
    assert not pair.high.member.in_contact


# --- rule 7 -------------------------------------------------------------------------------------


def test_frozen_active_starts_over_and_finds_the_new_active() -> None:
    pair = started()
    frozen = pair.low
    pair.dead.add("low")
    pair.run(1.5)
    assert pair.active() == [pair.high]
    pair.dead.discard("low")
    waiting = pair.high.say(pair.now)
    assert frozen.member.overslept(pair.now)
    before = frozen.member.peer
    assert not frozen.member.hear(waiting, pair.now)
    assert frozen.member.peer == before
    frozen.hear(waiting, pair.now)
    assert frozen.role() is Role.STARTING
    assert not frozen.gate()
    assert frozen.member.rfp_open, "base stations stay until the peer is found active"
    assert frozen.member.stalled
    pair.run(0.3)
    assert pair.active() == [pair.high]
    assert frozen.role() is Role.STANDBY
    assert not frozen.member.rfp_open


def test_frozen_active_whose_peer_is_gone_takes_its_role_again() -> None:
    pair = started()
    pair.dead.add("high")
    pair.run(2.0)
    pair.low.tick(pair.now + 5)
    assert pair.low.role() is Role.STARTING
    pair.now += 5
    pair.run(1.2)
    assert pair.active() == [pair.low]


def test_frozen_standby_does_not_trust_sip_answers_from_before() -> None:

    pair = started(sip=True)
    pair.high.know(sip=answering(pair.now))
    pair.up = False
    pair.now += 5
    pair.high.tick(pair.now)
    pair.dead.add("low")
    pair.run(3.0)
    assert pair.high.role() is Role.STANDBY
    pair.high.know(sip=answering(pair.now))
    pair.run(0.1)
    assert pair.high.role() is Role.ACTIVE


def test_stall_without_a_configured_peer_changes_nothing() -> None:
    pair = Pair(high="")
    pair.low.tick(100.1)
    pair.low.tick(110.0)
    assert pair.low.role() is Role.ACTIVE
    assert pair.low.gate()
    assert pair.low.member.stalled


def test_stall_during_a_hand_over_ends_it() -> None:

    pair = started()
    low = pair.low
    low.know(head=head(6))
    low.carry_out(low.member.hand_over(Handover.SWITCHOVER, "x", low.facts, pair.now), pair.now)
    low.tick(pair.now + 3)
    assert [end.reason for end in low.handovers()] == ["this OMM stood still"]
