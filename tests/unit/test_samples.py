"""Charts of the last hours: joined samples keep the worst, holes stay, the table is bounded."""

from __future__ import annotations

import random
from datetime import UTC, datetime

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from standby.housekeeping import samples_clean_up
from standby.models import Sample
from standby.samples import POINTS, SPAN, sample_columns, samples_keep

NOW = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp())
HOUR = 3600
DATABASES = ["default", "live"]

pytestmark = pytest.mark.django_db(databases=DATABASES)


def fill(hours: float, *, end: int = NOW, **measures: float) -> None:
    times = range(end - int(hours * HOUR), end, SPAN)
    samples_keep([Sample(at=at, here=SPAN, rfps=12, lag=0, **measures) for at in times])


class JoiningTest(TestCase):
    """Whatever happened in the period is on the chart, however few points it has."""

    databases = frozenset(DATABASES)

    @settings(max_examples=15, deadline=None)
    @given(
        hours=st.sampled_from([1, 6, 24]),
        spikes=st.dictionaries(st.integers(2, 359), st.integers(1, 10**6), max_size=12),
    )
    def test_no_spike_and_no_dip_vanishes(self, hours: int, spikes: dict[int, int]) -> None:
        ages = {age * hours * SPAN: size for age, size in spikes.items()}
        Sample.objects.all().delete()
        fill(hours)
        samples_keep(
            [Sample(at=NOW - age, lag=size, rfps=0, nobody=1.5) for age, size in ages.items()]
        )
        samples_clean_up(NOW)
        columns = sample_columns(NOW, hours)
        step = columns["step"]
        by_slot: dict[int, int] = {}
        for age, size in ages.items():
            slot = (NOW - age) // step * step
            by_slot[slot] = max(size, by_slot.get(slot, 0))
        found = {at: lag for at, lag in zip(columns["at"], columns["lag"], strict=True) if lag}
        assert found == by_slot
        dips = {at for at, rfps in zip(columns["at"], columns["rfps"], strict=True) if rfps == 0}
        assert dips == set(by_slot)
        assert sum(filter(None, columns["nobody"])) == pytest.approx(1.5 * len(ages))


@pytest.mark.parametrize("hours", [1, 6, 24])
def test_a_time_without_samples_is_a_hole(hours: int) -> None:
    fill(hours / 4)
    fill(hours / 4, end=NOW - hours * HOUR // 2)
    columns = sample_columns(NOW, hours)
    assert {len(column) for name, column in columns.items() if name not in {"hours", "step"}} == {
        POINTS
    }
    known = [value is not None for value in columns["lag"]]
    quarter = POINTS // 4
    for part, expected in enumerate([False, True, False, True]):
        inside = known[part * quarter + 1 : (part + 1) * quarter - 1]
        assert set(inside) == {expected}, part


def test_the_newest_value_is_the_newest_sample() -> None:
    fill(1)
    Sample.objects.filter(at=NOW - SPAN).update(lag=7)
    assert sample_columns(NOW + 0.1, 1)["lag"][-1] == 7
    assert sample_columns(NOW + 9.9, 1)["lag"][-1] == 7


def test_a_clock_that_was_set_back_replaces_what_was_ahead() -> None:
    samples_keep([Sample(at=NOW, lag=1)])
    samples_keep([Sample(at=NOW, lag=2)])
    assert [row.lag for row in Sample.objects.all()] == [2]


def test_a_day_is_kept_and_old_times_by_the_minute() -> None:
    fill(30)
    samples_keep([Sample(at=NOW + HOUR)])
    samples_clean_up(NOW)
    rows = Sample.objects.order_by("at")
    assert rows[0].at == NOW - 24 * HOUR
    assert rows.last().at == NOW - SPAN
    assert rows.count() == 6 * 360 + 18 * 60
    assert {row.at % 60 for row in rows if row.at < NOW - 6 * HOUR} == {0}
    assert sum(row.here for row in rows) == pytest.approx(24 * HOUR), "joined times add up"


def test_cleaning_up_again_changes_nothing() -> None:
    fill(8)
    samples_clean_up(NOW)
    before = list(Sample.objects.order_by("at").values())
    with CaptureQueriesContext(connections["live"]) as queries:
        samples_clean_up(NOW)
    assert list(Sample.objects.order_by("at").values()) == before
    assert len(queries) == 2, "what is joined already is not touched again"


def test_the_table_stays_small_whenever_it_is_cleaned() -> None:
    """As the runtime does it: every ten minutes, through a day and a half with pauses."""
    chance = random.Random(7)
    now = NOW
    while now < NOW + 36 * HOUR:
        fill(600 / HOUR, end=now + 600)
        now += 600 if chance.random() < 0.9 else 3600
        samples_clean_up(now)
        assert Sample.objects.count() <= 6 * 360 + 18 * 60 + 6
