"""Both nodes started at once on empty disks: one administrator, one lineage, nothing set aside."""

from __future__ import annotations

import random
import time

import pytest

from tests.bare import BarePair

pytestmark = [pytest.mark.processes, pytest.mark.slow]

ROUNDS = 20


@pytest.mark.timeout(300)
def test_twenty_empty_pairs(bare: BarePair) -> None:
    chance = random.Random(20)
    for round_number in range(ROUNDS):
        bare.empty()
        first, second = chance.sample(bare.nodes, 2)
        first.start()
        time.sleep(chance.choice((0.0, 0.0, 0.05, 0.2, 0.6)))
        second.start()
        found = bare.check_same_data()
        counts = (found["admins"], found["lineages"], found["set_aside"], found["pending"])
        assert counts == (1, 1, 0, 0), f"round {round_number}"
        assert second.look()["pending"] == 0
