"""What tells a database that hangs from one that is only busy with others."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import OperationalError

from standby.runtime import health as module
from standby.runtime.health import Health

GRACE = 3.0


class Runtime(SimpleNamespace):
    """A clock that the test moves, and a database thread whose work the test decides."""

    def clock(self) -> float:
        return float(self.now)


@pytest.fixture
def health(monkeypatch: pytest.MonkeyPatch) -> Health:
    async def look(_health: Health) -> None:
        return None

    monkeypatch.setattr(Health, "_look", look)
    timing = SimpleNamespace(error_grace=GRACE)
    runtime = Runtime(now=1000.0, config=SimpleNamespace(timing=timing))
    runtime.maintenance = SimpleNamespace(tell=lambda: None)
    runtime.fence = SimpleNamespace(reopen=lambda: None)
    runtime.member = SimpleNamespace(gate_open=False)
    return Health(runtime)  # type: ignore[arg-type]


async def check(health: Health, meanwhile: Callable[[Any], None]) -> None:
    """One check whose writing takes as long and ends as ``meanwhile`` does."""
    runtime: Any = health._runtime

    async def run(_work: Any) -> None:
        meanwhile(runtime)

    runtime.writer = SimpleNamespace(run=run)
    await health._check()


def locked() -> OperationalError:
    error = OperationalError("database is locked")
    error.__cause__ = sqlite3.OperationalError("database is locked")
    error.__cause__.sqlite_errorcode = sqlite3.SQLITE_BUSY  # type: ignore[attr-defined]
    return error


def test_a_check_that_waits_too_long_is_an_error(health: Health) -> None:
    def wait(runtime: Any) -> None:
        runtime.now += GRACE
        assert health.healthy
        runtime.now += 0.1
        assert health.text == "The database does not answer."
        assert not health.database_works

    asyncio.run(check(health, wait))
    assert health.healthy


def test_a_check_may_wait_while_others_commit(health: Health) -> None:
    """On a busy host writers keep it out for seconds, yet each of their changes is kept."""

    def wait(runtime: Any) -> None:
        for _ in range(5):
            runtime.now += GRACE - 0.1
            assert health.healthy
            health.committed()
        runtime.now += GRACE + 0.1
        assert not health.healthy

    asyncio.run(check(health, wait))


def test_locked_out_by_others_who_commit_is_no_error(health: Health) -> None:
    def fail(runtime: Any) -> None:
        runtime.now += 5.0
        health.committed()
        raise locked()

    asyncio.run(check(health, fail))
    assert health.healthy


@pytest.mark.parametrize("error", [locked(), OperationalError("disk is full")], ids=str)
def test_a_failure_to_write_is_an_error(health: Health, error: Exception) -> None:
    """Locked out with nobody committing; and a full disk even if somebody just did."""

    def fail(runtime: Any) -> None:
        runtime.now += 1.0
        if not module.is_lock_problem(error):
            health.committed()
        raise error

    asyncio.run(check(health, fail))
    assert str(error) in health.text
