"""Random histories of two OMMs: no invariant of the pair ever breaks."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor

import pytest

from tests.simulation.world import run_seed

SEEDS = 300
BATCH = 25


@pytest.fixture
def pool() -> Iterator[ProcessPoolExecutor]:
    """One process per core; the histories have nothing in common."""
    fresh = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(4, os.cpu_count() or 1), mp_context=fresh) as processes:
        yield processes


def test_no_random_history_breaks_an_invariant(pool: ProcessPoolExecutor) -> None:
    outcomes = list(pool.map(run_seed, range(1, SEEDS + 1), chunksize=BATCH))
    broken = [f"seed {found.seed}: {found.violation}" for found in outcomes if found.violation]
    assert not broken, "replay with: python -m tests.simulation --trace --seed N"
    assert sum(found.reigns for found in outcomes) > SEEDS
    assert sum(found.accepted for found in outcomes) > 10 * SEEDS


def test_a_seed_always_gives_the_same_history() -> None:
    first, second = run_seed(7, keep_trace=True), run_seed(7, keep_trace=True)
    assert first.trace == second.trace
    assert first.events == second.events
