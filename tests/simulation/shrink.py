"""Making a failing history small: fewer steps, shorter ones, less time between them."""

from __future__ import annotations

from dataclasses import replace

from tests.simulation.plan import WRITE, Plan, Step
from tests.simulation.world import Outcome, run_plan

MOST_RUNS = 600
NOISES = 3
"""How often the same steps are tried with other delays and losses."""
AFTER = 0.5
"""Seconds of trouble that are left after the last fault."""
GAP = 0.1
"""Seconds between two steps that need no more."""


class Shrinker:
    """Looks for a smaller plan that breaks the same invariant; ``plan`` is the best so far."""

    def __init__(self, plan: Plan, outcome: Outcome, most_runs: int = MOST_RUNS) -> None:
        self.plan = plan
        self.outcome = outcome
        self._runs_left = most_runs

    def run(self) -> Plan:
        """The smallest plan that was found. It fails as the first one did, if not at its time."""
        self._forget_the_rest()
        size = -1
        while size != len(self.plan.steps) and self._runs_left > 0:
            size = len(self.plan.steps)
            self._leave_out([step for step in self.plan.steps if step.kind == WRITE])
            self._leave_out(list(self.plan.faults))
        self._shorten()
        self._close_gaps()
        self._end_early()
        self._forget_the_rest()
        return self.plan

    def _fails(self, plan: Plan) -> bool:
        """True when it breaks the same invariant, perhaps with other noise; it is kept then."""
        for noise in dict.fromkeys((self.plan.noise, *range(NOISES))):
            if self._runs_left <= 0:
                return False
            self._runs_left -= 1
            tried = replace(plan, noise=noise)
            outcome = run_plan(tried)
            if outcome.invariant == self.outcome.invariant:
                self.plan, self.outcome = tried, outcome
                return True
        return False

    def _forget_the_rest(self) -> None:
        """What was planned for later than the failure has not happened."""
        happened = tuple(step for step in self.plan.steps if step.number in self.outcome.told)
        self.plan = replace(self.plan, steps=happened)

    def _leave_out(self, steps: list[Step]) -> None:
        """Remove as many of these as possible: all, halves, quarters, single ones."""
        size = len(steps)
        while steps and size:
            for start in reversed(range(0, len(steps), size)):
                part = steps[start : start + size]
                left = tuple(step for step in self.plan.steps if step not in part)
                if self._fails(replace(self.plan, steps=left)):
                    steps = steps[:start] + steps[start + size :]
            size //= 2

    def _shorten(self) -> None:
        for number in [step.number for step in self.plan.faults]:
            for stretch in (0.0, 0.25, 0.5):
                if self._fails(self._with(number, stretch=stretch)):
                    break

    def _with(self, number: int, **changes: float) -> Plan:
        steps = (
            replace(step, **changes) if step.number == number else step  # type: ignore[arg-type]
            for step in self.plan.steps
        )
        return replace(self.plan, steps=tuple(steps))

    def _close_gaps(self) -> None:
        """Let each step follow the one before sooner, and all after it too."""
        for index in range(len(self.plan.steps)):
            for share in (0.0, 0.3, 0.6):
                ordered = sorted(self.plan.steps, key=lambda step: step.at)
                before = ordered[index - 1].at if index else 0.0
                gap = ordered[index].at - before
                earlier = gap - max(GAP, gap * share)
                if earlier > 0 and self._fails(self._moved(ordered, index, earlier)):
                    break

    def _moved(self, ordered: list[Step], index: int, earlier: float) -> Plan:
        later = (replace(step, at=round(step.at - earlier, 3)) for step in ordered[index:])
        steps = (*ordered[:index], *later)
        return replace(self.plan, steps=steps, ends=round(self.plan.ends - earlier, 3))

    def _end_early(self) -> None:
        last = max((step.at for step in self.plan.faults), default=0.0)
        if last + AFTER < self.plan.ends:
            self._fails(replace(self.plan, ends=round(last + AFTER, 3)))


def shrink(plan: Plan, outcome: Outcome, most_runs: int = MOST_RUNS) -> tuple[Plan, Outcome]:
    """A smaller plan that breaks the same invariant as ``outcome`` of ``plan`` did."""
    shrinker = Shrinker(plan, outcome, most_runs)
    shrinker.run()
    return shrinker.plan, shrinker.outcome


def story(plan: Plan, outcome: Outcome) -> list[str]:
    """The steps of a history that happened, as sentences in the order of time."""
    happened = [step for step in plan.steps if step.number in outcome.told]
    return [
        *(f"{step.at:9.3f} s  {outcome.told[step.number]}" for step in sorted(happened, key=_at)),
        f"          -> {outcome.violation or 'every invariant holds'}",
    ]


def _at(step: Step) -> float:
    return step.at
