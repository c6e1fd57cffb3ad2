"""What happens in a history, decided before it begins: a list that can be read and shortened.

Every step draws its own details (who, how long, how bad) from a source that only its number feeds.
So a step that is left out, moved or shortened changes nothing about the others.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from random import Random

KINDS = (
    "cut",
    "cut_one_way",
    "cut_path",
    "split_again",
    "lossy",
    "slow_line",
    "late_line",
    "copies",
    "cable",
    "crash",
    "fast_restart",
    "crash_between_effects",
    "both_restart",
    "power_loss",
    "pause",
    "hidden_pause",
    "runtime_pause",
    "short_stall",
    "sip_down",
    "sip_slow",
    "unhealthy",
    "slow_disk",
    "disk_full",
    "wall_jump",
    "flapping_line",
    "term_trouble",
    "switch_over",
    "force",
    "reboot",
    "shutdown",
    "maintenance",
    "budget_spent",
    "older_disk",
    "new_disk",
)
"""The faults that a seed chooses among: methods of Faults."""
WRITE = "write"
TROUBLE = 15.0
"""Seconds of faults in a run."""
LEADS = (0.0, 1.0, 4.5)
"""Seconds before them: none, as the pair looks for itself, and when it stands."""
WRITES_PER_SECOND = 6.0
PEACE = 12.0
"""Seconds after the faults for which people still write."""
_STEP = re.compile(r"(\d+)(?:@(\d+(?:\.\d+)?))?(?:x(\d+(?:\.\d+)?))?")


@dataclass(frozen=True, slots=True)
class Step:
    """One fault or one write, ``at`` seconds; ``stretch`` shortens what lasts for a time."""

    number: int
    at: float
    kind: str
    stretch: float = 1.0

    def __str__(self) -> str:
        shorter = "" if self.stretch == 1.0 else f"x{self.stretch:g}"
        return f"{self.number}@{self.at:.3f}{shorter}"


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole history. ``noise`` feeds what nobody decides: delays, losses, the clocks' drift."""

    seed: int
    steps: tuple[Step, ...]
    ends: float
    noise: int = 0

    @property
    def faults(self) -> tuple[Step, ...]:
        """The steps that are no writes."""
        return tuple(step for step in self.steps if step.kind != WRITE)

    def source(self, purpose: str) -> Random:
        """Chance for one purpose; the same in every process and whatever else is drawn."""
        return Random(f"{self.seed}/{self.noise}/{purpose}")

    def details(self, step: Step) -> Random:
        """Chance for what a step leaves open."""
        return Random(f"{self.seed}/step {step.number}")


def make_plan(seed: int, kinds: tuple[str, ...] = ()) -> Plan:
    """The history of a seed; ``kinds`` are the faults in it (else the seed chooses some)."""
    random = Random(f"{seed}/plan")
    begins = random.choice(LEADS)
    ends = begins + TROUBLE
    chosen = random.sample(KINDS, random.randint(1, 6))
    pace = random.choice((0.15, 0.4, 1.0, 2.5))
    steps: list[Step] = []
    at = begins + random.random()
    while at < ends:
        steps.append(Step(len(steps) + 1, at, random.choice(kinds or chosen)))
        at += random.expovariate(1 / pace)
    at = random.random()
    while at < ends + PEACE:
        steps.append(Step(len(steps) + 1, at, WRITE))
        at += random.expovariate(WRITES_PER_SECOND)
    return Plan(seed, tuple(steps), ends)


def select(plan: Plan, text: str) -> Plan:
    """Only the steps that ``text`` names: ``3,7@2.5,12@4x0.3`` (number, at, stretch).

    Raises ValueError for a text that is not that, or names a step that the plan lacks.
    """
    known = {step.number: step for step in plan.steps}
    steps = []
    for part in filter(None, text.split(",")):
        found = _STEP.fullmatch(part)
        if found is None or int(found[1]) not in known:
            raise ValueError(f"{part!r} is no step of seed {plan.seed}")
        step = known[int(found[1])]
        at = step.at if found[2] is None else float(found[2])
        stretch = 1.0 if found[3] is None else float(found[3])
        steps.append(replace(step, at=at, stretch=stretch))
    return replace(plan, steps=tuple(steps))


def named(plan: Plan) -> str:
    """The inverse of select()."""
    return ",".join(str(step) for step in plan.steps)
