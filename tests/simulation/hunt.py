"""Looking for histories that break an invariant: of the program, or of one with a planted fault."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from tests.simulation.mutants import MUTANTS, planted
from tests.simulation.plan import Plan, make_plan
from tests.simulation.world import Outcome, run_plan


@dataclass(slots=True)
class Hunt:
    """What came of looking for one mutant; ``plan`` is None when no seed found it.

    ``others`` are invariants that broke before, though the mutant was not expected to break them.
    """

    name: str
    plan: Plan | None = None
    outcome: Outcome | None = None
    seeds: int = 0
    seconds: float = 0.0
    others: list[str] = field(default_factory=list)


def hunt(name: str, seeds: Iterable[int], kinds: tuple[str, ...] = ()) -> Hunt:
    """Try seeds until one breaks an invariant that the mutant is there to break."""
    found, begun = Hunt(name), time.process_time()
    with planted(name):
        for seed in seeds:
            found.seeds += 1
            plan = make_plan(seed, kinds)
            outcome = run_plan(plan)
            if outcome.invariant in MUTANTS[name].breaks:
                found.plan, found.outcome = plan, outcome
                break
            if outcome.invariant:
                found.others.append(outcome.violation)
    found.seconds = time.process_time() - begun
    return found
