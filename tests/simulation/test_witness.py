"""Random histories with witnesses: never two OMMs accept changes while the policy holds."""

from __future__ import annotations

import pytest

from tests.simulation.witness import WitnessedWorld, make_witnessed_plan, run_witnessed
from tests.simulation.world import run_world

SEEDS = 40


def test_no_history_with_witnesses_breaks_an_invariant() -> None:
    outcomes = [run_witnessed(seed) for seed in range(1, SEEDS + 1)]
    assert [f"seed {each.seed}: {each.violation}" for each in outcomes if each.violation] == []
    assert sum(each.reigns for each in outcomes) > 2 * SEEDS
    assert sum(each.accepted for each in outcomes) > 10 * SEEDS


def test_a_gate_that_does_not_heed_its_lease_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The invariant can fail: seed 36 is a history in which it then does."""
    monkeypatch.setattr("standby.domain.state.MemberState._unwitnessed", False)
    world = WitnessedWorld(make_witnessed_plan(36))
    assert run_world(world).invariant == "W"
