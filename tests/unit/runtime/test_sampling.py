"""Samples of the pair: the worst of ten seconds, written aside, never lost to a slow disk."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from django.db import DatabaseError

from standby.domain.contact import Contact, Hearing, Timing
from standby.models import Sample
from standby.runtime import sampling
from standby.runtime.sampling import MOST_WAITING, Interval, Sampler


def document(**changes: Any) -> dict[str, Any]:
    """A status document; ``changes`` name members by part and name, as ``peer_role``."""
    made: dict[str, Any] = {
        "node": {"role": "active"},
        "peer": {"in_contact": True, "role": "standby", "latency_ms": 0.8},
        "journal": {"seq": 120, "peer_seq": 120, "unsafe": 0},
        "rfps": {"connected": 12},
    }
    for name, value in changes.items():
        part, _, member = name.partition("_")
        made[part][member] = value
    return made


class Runtime:
    """As much of the pair runtime as the sampler looks at; its clock is a number."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.member = SimpleNamespace(contact=Contact(Timing()))
        self.sip = SimpleNamespace(answer_ms=None)

    def clock(self) -> float:
        return self.now


@pytest.fixture
def runtime() -> Runtime:
    return Runtime()


@pytest.fixture
def sampler(runtime: Runtime) -> Sampler:
    return Sampler(runtime)  # type: ignore[arg-type]


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
    """The times of the samples of each write."""
    writes: list[list[int]] = []
    monkeypatch.setattr(sampling, "_keep", lambda rows: writes.append([row.at for row in rows]))
    return writes


def test_the_worst_of_each_measure_stays() -> None:
    interval = Interval()
    interval.note_document(document(), 12.5, 0.25)
    interval.note_document(
        document(peer_latency_ms=48.0, journal_peer_seq=101, journal_unsafe=19, rfps_connected=3),
        3.0,
        0.25,
    )
    interval.note_document(document(), None, 0.25)
    sample = interval.sample(1_700_000_000)
    assert sample.at == 1_700_000_000
    assert (sample.latency_ms, sample.lag, sample.unsafe) == (48.0, 19, 19)
    assert (sample.rfps, sample.sip_ms) == (3, 12.5)


def test_a_short_time_without_an_active_is_counted() -> None:
    interval = Interval()
    interval.note_document(document(node_role="standby", peer_role="active"), None, 6.0)
    interval.note_document(document(node_role="standby", peer_role=None), None, 0.75)
    interval.note_document(document(), None, 3.25)
    assert (interval.there, interval.nobody, interval.here) == (6.0, 0.75, 3.25)


def test_a_starting_omm_that_hears_nobody_cannot_say_who_is_active() -> None:
    interval = Interval()
    looking = document(node_role="starting", peer_role=None, peer_in_contact=False)
    interval.note_document(looking, None, 0.5)
    assert (interval.here, interval.there, interval.nobody) == (0, 0, 0)
    interval.note_document(document(node_role="starting", peer_role="starting"), None, 0.5)
    assert interval.nobody == 0.5


def test_without_contact_the_last_latency_is_not_told_again() -> None:
    interval = Interval()
    interval.note_document(document(peer_in_contact=False), None, 0.25)
    assert interval.latency_ms is None


def test_a_single_omm_has_no_link_to_measure() -> None:
    interval = Interval()
    interval.note_document({**document(), "peer": None}, None, 0.25)
    sample = interval.sample(0)
    assert (sample.latency_ms, sample.lag, sample.unsafe, sample.silence_ms) == (None,) * 4
    assert (sample.rfps, sample.here) == (12, 0.25)


def test_a_gap_between_heartbeats_is_seen_though_all_is_well_again(
    runtime: Runtime, sampler: Sampler
) -> None:
    contact = runtime.member.contact
    contact.heard(runtime.now)
    for gap in (0.1, 0.43, 0.1):
        runtime.now += gap
        sampler.listen(runtime.now)
        contact.heard(runtime.now)
    taken = sampler._interval
    assert taken.silence_ms == 430
    assert taken.suspicion is not None
    assert 60 <= taken.suspicion < 100


def test_lost_contact_is_full_suspicion(runtime: Runtime, sampler: Sampler) -> None:
    contact = runtime.member.contact
    contact.heard(runtime.now)
    runtime.now += 30
    contact.tick(runtime.now)
    contact.tick(runtime.now)
    assert contact.state is Hearing.LOST
    sampler.listen(runtime.now)
    assert (sampler._interval.suspicion, sampler._interval.silence_ms) == (100, 30_000)


def test_what_was_not_looked_at_is_not_counted(runtime: Runtime, sampler: Sampler) -> None:
    """The loop stood still for a minute: nobody can say who was active then."""
    runtime.now += 0.25
    sampler.look(document(), runtime.now)
    runtime.now += 60
    sampler.look(document(), runtime.now)
    assert sampler._interval.here == pytest.approx(1.25)


async def test_an_interval_is_written_once(sampler: Sampler, written: list[list[int]]) -> None:
    sampler.look(document(), 1000.25)
    sampler.take(1_700_000_010.05)
    await sampler.write()
    sampler.take(1_700_000_020.05)
    await sampler.write()
    assert written == [[1_700_000_000], [1_700_000_010]]


async def test_samples_wait_while_the_disk_is_full(
    sampler: Sampler, written: list[list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(rows: list[Sample]) -> None:
        raise DatabaseError("database or disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(sampling, "_keep", full)
        for number in range(3):
            sampler.take(1_700_000_010.05 + number * 10)
            await sampler.write()
    sampler.take(1_700_000_040.05)
    await sampler.write()
    assert written == [[1_700_000_000, 1_700_000_010, 1_700_000_020, 1_700_000_030]]


def test_only_so_many_samples_wait(sampler: Sampler) -> None:
    for number in range(MOST_WAITING + 5):
        sampler.take(1_700_000_010.05 + number * 10)
    assert len(sampler._waiting) == MOST_WAITING
    assert min(sampler._waiting) == 1_700_000_050
