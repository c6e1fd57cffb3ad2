"""A short run of chaos with every run of the tests; `make chaos` goes on for as long as wanted."""

from __future__ import annotations

import json
import random
import subprocess
import sys

import pytest

from tests.chaos.cells import CELLS, plan_of
from tests.namespaces import DIRECTORY
from tests.network import skip_unless_possible
from tests.pair import ROOT

SECONDS = 12


@pytest.mark.processes
def test_loss_an_outage_and_a_killed_runtime_lose_nothing() -> None:
    skip_unless_possible()
    command = ["-m", "tests.chaos", "--cell", "short", "--seed", "1", "--seconds", str(SECONDS)]
    run = subprocess.Popen(
        [sys.executable, *command], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    output, errors = run.communicate(timeout=100)
    assert output, errors.decode()
    result = json.loads(output.splitlines()[-1])
    assert result["faults"] == [], f"python {' '.join(command)}; logs: {result['logs']}"
    assert run.returncode == 0
    assert result["account"]["safe"] > 50
    assert result["account"]["unsafe"] > 0
    assert result["takeovers"]
    assert not list(DIRECTORY.glob(f"omm-{run.pid}-*"))


@pytest.mark.parametrize("name", CELLS)
def test_a_plan_is_the_same_for_the_same_seed(name: str) -> None:
    """Otherwise a failing cell could not be repeated."""
    seed = random.Random(name).randrange(1000)
    assert plan_of(CELLS[name], seed, 60.0) == plan_of(CELLS[name], seed, 60.0)
