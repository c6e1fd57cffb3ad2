"""All measurements: ``python -m tests.bench.run --output bench.json``.

``--only NAME`` (may be repeated) measures some, keeping the other results of the output file;
``--rounds N`` says how often each is done; ``--render`` writes the tables of docs/benchmarks.md
from the output file without measuring.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.bench import (
    failover,
    gap,
    handover,
    machine,
    node,
    pages,
    pixel,
    render,
    replication,
    samples,
    sockets,
    split,
)

ROUNDS = 20
MEASUREMENTS: dict[str, Callable[[Path, int], dict[str, Any]]] = {
    **failover.KINDS,
    **handover.KINDS,
    **pixel.KINDS,
    **split.KINDS,
    "commit_to_ack": replication.commit_to_ack,
    "catch_up": replication.catch_up,
    "heartbeat_gap": gap.heartbeat_gap,
    "pages": pages.pages,
    "samples": samples.samples,
    "sockets": sockets.sockets,
    "start": node.start_time,
    "memory": node.memory,
}


def measure(names: list[str], rounds: int, output: Path) -> None:
    """Measure one after the other; every result is kept as soon as it is there."""
    results: dict[str, Any] = json.loads(output.read_text()) if output.exists() else {}
    for name in names:
        facts = machine.facts()
        print(f"{name}: load {facts['load_before']}, {rounds} rounds", flush=True)
        with tempfile.TemporaryDirectory(prefix="omm-bench-", ignore_cleanup_errors=True) as made:
            found = MEASUREMENTS[name](Path(made), rounds)
        results[name] = {"machine": facts, "rounds": rounds, **found}
        output.write_text(json.dumps(results, indent=2) + "\n")
        print(json.dumps(found), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("bench.json"))
    parser.add_argument("--only", action="append", choices=sorted(MEASUREMENTS))
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--render", action="store_true")
    options = parser.parse_args()
    if options.render:
        render.write(json.loads(options.output.read_text()))
        return
    measure(options.only or list(MEASUREMENTS), options.rounds, options.output)


if __name__ == "__main__":
    main()
