"""The simulation finds every fault that was planted on purpose, and the program passes there."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.simulation.hunt import hunt
from tests.simulation.mutants import MUTANTS, planted
from tests.simulation.plan import make_plan, named, select
from tests.simulation.shrink import shrink, story
from tests.simulation.world import run_plan

MOST_SEEDS = 250
SMALL = 5
"""Steps of a shrunk history, writes included."""


@pytest.mark.parametrize("name", sorted(MUTANTS))
def test_every_planted_fault_is_found_and_the_program_passes_there(name: str) -> None:
    found = hunt(name, range(1, MOST_SEEDS + 1), MUTANTS[name].kinds)
    assert found.plan is not None, f"no seed finds that {MUTANTS[name].why[:1].lower()}"
    assert run_plan(found.plan).violation == ""


@pytest.mark.parametrize("name", ["nothing_set_aside", "both_win", "conflict_merged"])
def test_a_failing_history_shrinks_to_what_matters(name: str) -> None:
    found = hunt(name, range(1, MOST_SEEDS + 1), MUTANTS[name].kinds)
    assert found.plan is not None
    assert found.outcome is not None
    with planted(name):
        small, outcome = shrink(found.plan, found.outcome)
        assert len(small.steps) <= SMALL, story(small, outcome)
        again = select(make_plan(small.seed, MUTANTS[name].kinds), named(small))
        assert outcome.invariant == found.outcome.invariant
        assert len(story(small, outcome)) == len(small.steps) + 1
    assert [step.number for step in again.steps] == [step.number for step in small.steps]


def test_a_history_does_not_depend_on_how_python_hashes_texts() -> None:
    def replay(hash_seed: str) -> str:
        command = [sys.executable, "-m", "tests.simulation", "--trace", "--seed", "11"]
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, check=True
        ).stdout

    assert replay("1") == replay("2")
