"""Histories of the pair, many or one.

``--seeds N [--start S]`` runs many; what fails is printed with a command that replays it, and once
more made small (``--no-shrink``: not). ``--seed S --trace`` runs one and tells what happened;
``--only`` takes some of its steps (plan.select()), ``--noise`` and ``--ends`` change the rest.
``--mutant NAME`` plants a fault first. ``--mutants [NAME ...]`` looks for the seeds that find the
planted faults.
"""

from __future__ import annotations

import argparse
import shlex
import sys
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial

from tests.simulation.hunt import Hunt, hunt
from tests.simulation.mutants import MUTANTS, planted
from tests.simulation.plan import Plan, make_plan, named, select
from tests.simulation.shrink import shrink, story
from tests.simulation.world import Outcome, run_plan, run_seed

SHRUNK = 3
"""Failing seeds that are made small; of the others the command is enough."""


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.simulation",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seeds", type=int, default=1000, help="how many histories")
    parser.add_argument("--start", type=int, default=1, help="the first seed")
    parser.add_argument("--jobs", type=int, default=1, help="processes to use")
    parser.add_argument("--no-shrink", action="store_true", help="do not make failures small")
    parser.add_argument("--seed", type=int, help="run this one history only")
    parser.add_argument("--trace", action="store_true", help="print what happened in it")
    parser.add_argument("--shrink", action="store_true", help="make it small, if it fails")
    parser.add_argument("--only", help="its steps, as 3,7@2.5,12@4x0.3: number, at, stretch")
    parser.add_argument("--noise", type=int, default=0, help="other delays and losses")
    parser.add_argument("--ends", type=float, help="when the faults end, in seconds")
    parser.add_argument("--faults", default="", help="kinds of faults instead of the seed's own")
    parser.add_argument("--mutant", default="", choices=["", *MUTANTS], help="plant this fault")
    parser.add_argument("--mutants", nargs="*", metavar="NAME", help="look for planted faults")
    return parser.parse_args()


def _kinds(text: str) -> tuple[str, ...]:
    return tuple(filter(None, text.split(",")))


# --- one history --------------------------------------------------------------------------------


def command(plan: Plan, *, mutant: str = "", kinds: tuple[str, ...] = (), small: bool) -> str:
    """What replays a plan: the seed alone, or (``small``) the steps that are left of it."""
    words = ["python", "-m", "tests.simulation", "--trace", "--seed", str(plan.seed)]
    if mutant:
        words += ["--mutant", mutant]
    if kinds:
        words += ["--faults", ",".join(kinds)]
    if small:
        words += ["--only", named(plan), "--noise", str(plan.noise), "--ends", f"{plan.ends:.3f}"]
    return shlex.join(words)


def _planned(options: argparse.Namespace) -> Plan:
    plan = make_plan(options.seed, _kinds(options.faults))
    if options.only is not None:
        plan = select(plan, options.only)
    ends = plan.ends if options.ends is None else options.ends
    return replace(plan, noise=options.noise, ends=ends)


def _one(options: argparse.Namespace) -> int:
    plan = _planned(options)
    with planted(options.mutant):
        outcome = run_plan(plan, keep_trace=options.trace)
        lines = [*outcome.trace, outcome.violation or "every invariant holds"]
        if options.shrink and outcome.invariant:
            lines += _small(plan, outcome, options.mutant, _kinds(options.faults))
    lines.append(f"{outcome.events} events, digest {outcome.digest & 0xFFFFFFFF:08x}")
    sys.stdout.write("\n".join([*lines, ""]))
    return 1 if outcome.violation else 0


def _small(plan: Plan, outcome: Outcome, mutant: str, kinds: tuple[str, ...]) -> list[str]:
    plan, outcome = shrink(plan, outcome)
    return [
        *story(plan, outcome),
        f"  {command(plan, mutant=mutant, kinds=kinds, small=True)}",
    ]


# --- many ---------------------------------------------------------------------------------------


def _all(seeds: range, jobs: int) -> Iterable[Outcome]:
    if jobs == 1:
        yield from map(run_seed, seeds)
        return
    with ProcessPoolExecutor(jobs) as pool:
        yield from pool.map(run_seed, seeds, chunksize=10)


def _failed(outcome: Outcome, *, small: bool) -> None:
    plan = make_plan(outcome.seed)
    lines = [f"seed {outcome.seed}: {outcome.violation}", f"  {command(plan, small=False)}"]
    if small:
        lines += _small(plan, outcome, "", ())
    sys.stdout.write("\n".join([*lines, ""]))
    sys.stdout.flush()


def _many(options: argparse.Namespace) -> int:
    begun = time.perf_counter()
    bad, hours, reigns, accepted = 0, 0.0, 0, 0
    seeds = range(options.start, options.start + options.seeds)
    for outcome in _all(seeds, options.jobs):
        hours += outcome.seconds / 3600
        reigns += outcome.reigns
        accepted += outcome.accepted
        if outcome.violation:
            bad += 1
            _failed(outcome, small=bad <= SHRUNK and not options.no_shrink)
    took = time.perf_counter() - begun
    sys.stdout.write(
        f"{len(seeds)} histories, {hours:.2f} simulated hours, {reigns} reigns, "
        f"{accepted} accepted changes, {bad} violations, {took:.1f} s "
        f"({hours / took:.4f} simulated hours per second)\n"
    )
    return 1 if bad else 0


# --- planted faults -----------------------------------------------------------------------------


def _hunts(names: list[str], seeds: range, kinds: str, jobs: int) -> Iterator[Hunt]:
    """Each mutant in a process of its own; with the seeds' own mix of faults unless told."""
    look = partial(_look, seeds=seeds, kinds=kinds)
    if jobs == 1:
        yield from map(look, names)
        return
    with ProcessPoolExecutor(jobs) as pool:
        yield from pool.map(look, names)


def _look(name: str, seeds: range, kinds: str) -> Hunt:
    return hunt(name, seeds, MUTANTS[name].kinds if kinds == "own" else _kinds(kinds))


def _table(options: argparse.Namespace) -> int:
    """``--faults own`` uses the kinds of faults that each mutant names; else any."""
    names = options.mutants or list(MUTANTS)
    seeds = range(options.start, options.start + options.seeds)
    missed = 0
    sys.stdout.write(f"{'planted fault':34}{'found by':10}{'seeds':>6}{'seconds':>9}\n")
    for found in _hunts(names, seeds, options.faults, options.jobs):
        by = found.outcome.invariant if found.outcome else "-"
        missed += found.outcome is None
        sys.stdout.write(f"{found.name:34}{by:10}{found.seeds:6}{found.seconds:9.2f}\n")
        sys.stdout.flush()
    sys.stdout.write(f"{len(names) - missed} of {len(names)} found\n")
    return 1 if missed else 0


def main() -> int:
    options = _parse()
    if options.mutants is not None:
        return _table(options)
    return _many(options) if options.seed is None else _one(options)


if __name__ == "__main__":
    sys.exit(main())
