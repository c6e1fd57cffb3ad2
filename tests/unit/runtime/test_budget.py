"""Hand-overs for errors of both OMMs count for ten minutes, each once."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from standby.models import Event
from standby.runtime.budget import ALLOWED, WINDOW, ErrorBudget, _recent


class Runtime(SimpleNamespace):
    """A clock that the test moves."""

    def clock(self) -> float:
        return float(self.now)


@pytest.fixture
def runtime() -> Runtime:
    return Runtime(now=5000.0)


@pytest.fixture
def budget(runtime: Runtime) -> ErrorBudget:
    return ErrorBudget(runtime)  # type: ignore[arg-type]


def handover(kind: str = "error", *, done: bool = True, ago: float = 0.0) -> dict[str, Any]:
    return {
        "uid": str(uuid.uuid4()),
        "at": (datetime.now(UTC) - timedelta(seconds=ago)).isoformat(),
        "code": "handover",
        "details": {"kind": kind, "done": done},
    }


def test_the_third_in_ten_minutes_is_the_last(budget: ErrorBudget) -> None:
    for _ in range(ALLOWED):
        budget.note(handover())
    assert budget.left
    budget.note(handover())
    assert not budget.left
    assert budget.spent == ALLOWED + 1


def test_they_are_forgotten_after_ten_minutes(budget: ErrorBudget, runtime: Runtime) -> None:
    for ago in (0, 100, 200):
        budget.note(handover(ago=ago))
    runtime.now += WINDOW - 150
    assert budget.left
    runtime.now += 200
    assert budget.spent == 0


def test_an_event_that_is_heard_twice_counts_once(budget: ErrorBudget) -> None:
    item = handover()
    for _ in range(5):
        budget.note(item)
    assert budget.spent == 1


@pytest.mark.parametrize(
    "item",
    [
        handover("switchover"),
        handover("shutdown"),
        handover(done=False),
        handover() | {"code": "role_change"},
        handover() | {"details": {}},
        handover() | {"details": {"done": True}},
        handover(ago=WINDOW + 1),
    ],
)
def test_nothing_else_counts(budget: ErrorBudget, item: dict[str, Any]) -> None:
    budget.note(item)
    assert budget.spent == 0


@pytest.mark.django_db(databases=["default", "live"])
def test_a_restart_remembers_them(budget: ErrorBudget) -> None:
    for item in (handover(ago=50), handover(ago=WINDOW + 50), handover("reboot")):
        Event.objects.create(**{**item, "node": "10.0.0.1", "message": "Hand-over."})
    known = _recent()
    for item in known:
        budget.note(item)
    assert budget.spent == 1
