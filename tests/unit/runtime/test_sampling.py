"""Samples of the pair: the worst of ten seconds, written aside, never lost to a slow disk."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import DatabaseError

from standby.domain.contact import Contact, Hearing, Timing
from standby.models import Sample
from standby.runtime import sampling
from standby.runtime.sampling import MOST_WAITING, Interval, Sampler

BEGAN = 1_700_000_000


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

        self.tasks: list[asyncio.Task[None]] = []

    def clock(self) -> float:
        return self.now

    def in_loop(self, work: Coroutine[Any, Any, None]) -> None:
        self.tasks.append(asyncio.get_running_loop().create_task(work))

    async def background(self) -> None:
        await asyncio.gather(*self.tasks)
        self.tasks.clear()


@pytest.fixture
def runtime() -> Runtime:
    return Runtime()


@pytest.fixture
def sampler(runtime: Runtime) -> Sampler:
    return Sampler(runtime)  # type: ignore[arg-type]


class Disk:
    """Takes the samples, or not."""

    def __init__(self) -> None:
        self.written: list[list[int]] = []
        self.is_full = False
        self.answers = threading.Event()
        self.answers.set()

    def keep(self, rows: list[Sample]) -> None:
        self.answers.wait(10)
        if self.is_full:
            raise DatabaseError("database or disk is full")
        self.written.append([row.at for row in rows])


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    made = Disk()
    monkeypatch.setattr(sampling, "_keep", made.keep)
    return made


def test_the_worst_of_each_measure_stays() -> None:
    interval = Interval()
    interval.note_document(document(), 12.5, 0.25)
    interval.note_document(
        document(peer_latency_ms=48.0, journal_peer_seq=101, journal_unsafe=19, rfps_connected=3),
        3.0,
        0.25,
    )
    interval.note_document(document(), None, 0.25)
    sample = interval.sample(BEGAN)
    assert sample.at == BEGAN
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


async def test_an_interval_is_written_once(runtime: Runtime, sampler: Sampler, disk: Disk) -> None:
    for number in range(2):
        sampler.end_interval(BEGAN + 10.05 + number * 10)
        await runtime.background()
    assert disk.written == [[BEGAN], [BEGAN + 10]]


async def test_samples_wait_while_the_disk_is_full(
    runtime: Runtime, sampler: Sampler, disk: Disk
) -> None:
    disk.is_full = True
    for number in range(3):
        sampler.end_interval(BEGAN + 10.05 + number * 10)
        await runtime.background()
    disk.is_full = False
    sampler.end_interval(BEGAN + 40.05)
    await runtime.background()
    assert disk.written == [[BEGAN, BEGAN + 10, BEGAN + 20, BEGAN + 30]]


async def test_a_hanging_disk_holds_up_nothing(
    runtime: Runtime, sampler: Sampler, disk: Disk
) -> None:
    disk.answers.clear()
    for number in range(3):
        sampler.end_interval(BEGAN + 10.05 + number * 10)
        await asyncio.sleep(0)
    assert len(runtime.tasks) == 1, "one write at a time"
    disk.answers.set()
    await runtime.background()
    sampler.end_interval(BEGAN + 40.05)
    await runtime.background()
    assert disk.written == [[BEGAN], [BEGAN + 10, BEGAN + 20, BEGAN + 30]]


async def test_only_so_many_samples_wait(runtime: Runtime, sampler: Sampler, disk: Disk) -> None:
    disk.is_full = True
    for number in range(MOST_WAITING + 5):
        sampler.end_interval(BEGAN + 10.05 + number * 10)
        await runtime.background()
    disk.is_full = False
    sampler.end_interval(BEGAN + 10.05 + (MOST_WAITING + 5) * 10)
    await runtime.background()
    assert disk.written == [[BEGAN + number * 10 for number in range(6, MOST_WAITING + 6)]]
