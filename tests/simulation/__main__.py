"""``python -m tests.simulation --seeds N [--start S]`` or ``--seed S --trace``."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor

from tests.simulation.world import Outcome, run_seed


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation")
    parser.add_argument("--seeds", type=int, default=1000, help="how many histories")
    parser.add_argument("--start", type=int, default=1, help="the first seed")
    parser.add_argument("--seed", type=int, help="run this one history only")
    parser.add_argument("--trace", action="store_true", help="print what happened in it")
    parser.add_argument("--jobs", type=int, default=1, help="processes to use")
    return parser.parse_args()


def _all(seeds: range, jobs: int) -> Iterable[Outcome]:
    if jobs == 1:
        yield from map(run_seed, seeds)
        return
    with ProcessPoolExecutor(jobs) as pool:
        yield from pool.map(run_seed, seeds, chunksize=10)


def _one(seed: int, *, trace: bool) -> int:
    outcome = run_seed(seed, keep_trace=trace)
    sys.stdout.write("\n".join([*outcome.trace, outcome.violation or "every invariant holds", ""]))
    return 1 if outcome.violation else 0


def _many(seeds: range, jobs: int) -> int:
    begun = time.perf_counter()
    bad, hours, reigns, accepted = 0, 0.0, 0, 0
    for outcome in _all(seeds, jobs):
        hours += outcome.seconds / 3600
        reigns += outcome.reigns
        accepted += outcome.accepted
        if outcome.violation:
            bad += 1
            sys.stdout.write(f"seed {outcome.seed}: {outcome.violation}\n")
            sys.stdout.flush()
    took = time.perf_counter() - begun
    sys.stdout.write(
        f"{len(seeds)} histories, {hours:.2f} simulated hours, {reigns} reigns, "
        f"{accepted} accepted changes, {bad} violations, {took:.1f} s "
        f"({hours / took:.4f} simulated hours per second)\n"
    )
    return 1 if bad else 0


def main() -> int:
    options = _parse()
    if options.seed is not None:
        return _one(options.seed, trace=options.trace)
    return _many(range(options.start, options.start + options.seeds), options.jobs)


if __name__ == "__main__":
    sys.exit(main())
