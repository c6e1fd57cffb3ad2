"""The runtime's view of a maintenance: clocks that differ, who tells of it, and when."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import DatabaseError
from django.utils import timezone

from standby.domain.facts import Role
from standby.journal import WireEntry
from standby.models import Maintenance
from standby.runtime import maintenance
from standby.runtime.maintenance import MaintenanceWatch

HOUR = 3600.0


class Runtime:
    """As much of a runtime as the watch needs; ``now`` is its boot-time clock."""

    def __init__(self) -> None:
        self.now = 100.0
        self.told: list[str] = []
        self.fails = False
        self.member = SimpleNamespace(in_contact=True, role=Role.ACTIVE)
        self.reader = self
        self.events = self

    def clock(self) -> float:
        return self.now

    async def run(self, work: Callable[[], Any]) -> Any:
        if self.fails:
            raise DatabaseError("no")
        return work()

    def record(self, code: str, *_details: Any) -> None:
        self.told.append(code)


@pytest.fixture
def runtime() -> Runtime:
    return Runtime()


@pytest.fixture
def watch(runtime: Runtime) -> MaintenanceWatch:
    return MaintenanceWatch(runtime)  # type: ignore[arg-type]


@pytest.fixture
def row(monkeypatch: pytest.MonkeyPatch) -> Maintenance:
    """The replicated row; an hour of maintenance that begins now."""
    row = Maintenance(owner="anna", begun_at=timezone.now())
    row.until = row.begun_at + timedelta(hours=1)
    monkeypatch.setattr(maintenance, "maintenance_row", lambda: row)
    return row


async def test_it_lasts_until_its_end(
    runtime: Runtime, watch: MaintenanceWatch, row: Maintenance
) -> None:
    assert watch.current is None
    await watch.look()
    runtime.now += HOUR - 5
    assert watch.current is not None
    assert watch.current.owner == "anna"
    runtime.now += 10
    assert watch.current is None


@pytest.mark.parametrize(("ahead", "lasts"), [(600.0, HOUR - 600), (-600.0, HOUR), (1e6, 0.0)])
async def test_a_clock_that_is_wrong_never_makes_it_longer_than_it_was_meant(
    runtime: Runtime,
    watch: MaintenanceWatch,
    row: Maintenance,
    monkeypatch: pytest.MonkeyPatch,
    ahead: float,
    lasts: float,
) -> None:
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + ahead)
    await watch.look()
    runtime.now += lasts - 5
    assert (watch.current is not None) == (lasts > 0)
    runtime.now += 10
    assert watch.current is None


async def test_setting_the_clock_afterwards_changes_nothing(
    runtime: Runtime, watch: MaintenanceWatch, row: Maintenance, monkeypatch: pytest.MonkeyPatch
) -> None:
    await watch.look()
    monkeypatch.setattr(time, "time", lambda: 0.0)
    await watch.look()
    runtime.now += HOUR + 5
    assert watch.current is None


async def test_a_database_that_cannot_be_read_does_not_end_it(
    runtime: Runtime, watch: MaintenanceWatch, row: Maintenance
) -> None:
    await watch.look()
    runtime.fails = True
    await watch.look()
    assert watch.current is not None


async def test_the_active_omm_tells_of_begin_and_end(
    runtime: Runtime, watch: MaintenanceWatch, row: Maintenance
) -> None:
    await watch.look()
    await watch.look()
    assert runtime.told == ["maintenance_begun"]
    row.until = row.begun_at = None
    await watch.look()
    assert runtime.told == ["maintenance_begun", "maintenance_ended"]


async def test_it_ends_by_itself_and_that_is_told(
    runtime: Runtime, watch: MaintenanceWatch, row: Maintenance
) -> None:
    await watch.first_look()
    watch.tell()
    assert runtime.told == []
    runtime.now += HOUR + 5
    watch.tell()
    assert runtime.told == ["maintenance_ended"]


async def test_a_standby_leaves_the_telling_to_the_active_omm(
    runtime: Runtime, watch: MaintenanceWatch, row: Maintenance
) -> None:
    runtime.member = SimpleNamespace(in_contact=True, role=Role.STANDBY)
    await watch.look()
    runtime.member = SimpleNamespace(in_contact=False, role=Role.STANDBY)
    watch.tell()
    assert runtime.told == []
    runtime.now += HOUR + 5
    watch.tell()
    assert runtime.told == ["maintenance_ended"]


def test_only_its_own_entries_make_it_look() -> None:
    theirs = WireEntry('{"model":"rfps.site","object":"1"}', "")
    own = WireEntry('{"after":{},"model":"standby.maintenance","object":"1"}', "")
    assert not MaintenanceWatch.concerns([theirs])
    assert MaintenanceWatch.concerns([theirs, own])


def test_the_end_is_told_in_utc(row: Maintenance) -> None:
    row.begun_at, row.until = (
        datetime.fromisoformat(f"2026-05-01T{hour}:00:00+00:00") for hour in (10, 11)
    )
    found = maintenance._in_database()
    assert found is not None
    assert found.end_text == "2026-05-01 11:00 UTC"
