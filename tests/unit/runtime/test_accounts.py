"""A split whose account does not add up is shown and told, once, by the active OMM."""

from __future__ import annotations

import uuid
from types import SimpleNamespace
from typing import Any

import pytest

from standby.runtime.accounts import AccountWatch

SPLIT = uuid.uuid4()


@pytest.fixture
def told() -> list[tuple[str, str]]:
    return []


@pytest.fixture
def watch(told: list[tuple[str, str]]) -> Any:
    """A watch whose accountant finds what the test says."""

    def record(code: str, _severity: str, message: str, _details: object) -> None:
        told.append((code, message))

    member = SimpleNamespace(gate_open=True)
    made: Any = AccountWatch(SimpleNamespace(member=member, events=SimpleNamespace(record=record)))  # type: ignore[arg-type]
    made._accountant = SimpleNamespace(missing=0, problems={}, look=lambda: None)
    return made


def look(watch: Any, missing: int = 0, problems: dict[uuid.UUID, list[str]] | None = None) -> None:
    watch._accountant.missing, watch._accountant.problems = missing, problems or {}
    watch.look()
    watch.take()


def test_what_is_on_its_way_is_not_lost(watch: Any, told: list[tuple[str, str]]) -> None:
    """Only what was missing *after* the other OMM had said that it has no more."""
    look(watch, missing=3)
    watch.heard(is_all=True)
    assert watch.is_stale
    assert (watch.missing, watch.lost) == (3, 0)
    look(watch, missing=0)
    assert (watch.lost, told) == (0, [])


def test_what_nobody_has_any_more_is_lost(watch: Any, told: list[tuple[str, str]]) -> None:
    watch.heard(is_all=True)
    look(watch, missing=3)
    assert watch.lost == 3
    assert [code for code, _ in told] == ["split_account"]
    assert "3 changes that were set aside have been lost" in told[0][1]
    look(watch, missing=3)
    assert len(told) == 1
    watch.contact(in_contact=False)
    assert watch.lost == 0


def test_a_fault_is_told_once_and_by_the_active_only(
    watch: Any, told: list[tuple[str, str]]
) -> None:
    watch._runtime.member.gate_open = False
    look(watch, problems={SPLIT: ["Twice."]})
    assert (watch.problem, told) == ("Twice.", [])
    watch._runtime.member.gate_open = True
    look(watch, problems={SPLIT: ["Twice."]})
    look(watch, problems={SPLIT: ["Twice."]})
    assert len(told) == 1
    assert "does not add up: Twice." in told[0][1]
    look(watch)
    assert watch.problem == ""
