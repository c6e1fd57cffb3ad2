"""The command line.

``python -m tests.chaos --minutes 5 [--seed N]``           cells at random, then a table
``python -m tests.chaos --cell NAME --seed N [--busy]``    one of them again
``--seconds`` is the length of a cell, ``--pause`` the seconds between two writes of a person.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests import namespaces
from tests.chaos.cells import CELLS
from tests.chaos.hosts import private_mounts
from tests.chaos.run import run_cell
from tests.chaos.table import table
from tests.pair import ROOT

PAUSE = 0.15


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos")
    parser.add_argument("--minutes", type=float, default=5.0, help="repeat cells for so long")
    parser.add_argument("--cell", choices=sorted(CELLS), help="run this one only")
    parser.add_argument("--cells", type=_names, help="the cells to choose from, with commas")
    parser.add_argument("--seed", type=int, help="what chance begins with; default: the time")
    parser.add_argument("--seconds", type=float, default=60.0, help="the length of a cell")
    parser.add_argument("--pause", type=float, default=PAUSE)
    parser.add_argument("--busy", action="store_true", help="keep every core busy meanwhile")
    parser.add_argument("--keep", action="store_true", help="keep the logs of a cell that held")
    parser.add_argument("--json", type=Path, help="append every result to this file")
    parser.add_argument("--table", type=Path, nargs="+", help="show the results in these files")
    return parser.parse_args()


def _names(text: str) -> list[str]:
    names = text.split(",")
    if unknown := sorted({*names} - {*CELLS}):
        raise argparse.ArgumentTypeError(f"unknown: {', '.join(unknown)}; there are {[*CELLS]}")
    return names


def _one(options: argparse.Namespace) -> int:
    """Run one cell in this process, which is the client's host afterwards."""
    if CELLS[options.cell].small_disks:
        private_mounts()
    directory = Path(tempfile.mkdtemp(prefix=f"omm-chaos-{options.cell}-"))
    kept = False
    try:
        result = run_cell(
            CELLS[options.cell],
            options.seed,
            options.seconds,
            options.pause,
            directory,
            busy=options.busy,
        )
        kept = options.keep or not result.held
    finally:
        if not kept:
            shutil.rmtree(directory, ignore_errors=True)
    document = {**result.document(), "held": result.held, "logs": str(directory)}
    sys.stdout.write(json.dumps(document) + "\n")
    return 0 if result.held else 1


def _command(cell: str, seed: int, options: argparse.Namespace, *, busy: bool) -> list[str]:
    words = ["-m", "tests.chaos", "--cell", cell, "--seed", str(seed)]
    words += ["--seconds", f"{options.seconds:g}", "--pause", f"{options.pause:g}"]
    return words + ["--busy"] * busy


def _many(options: argparse.Namespace) -> int:
    """Every cell once, with and without busy cores, in an order by chance; again until the end."""
    chance = random.Random(options.seed)
    names = options.cells or [name for name in CELLS if name != "short"]
    deck: list[tuple[str, bool]] = []
    results: list[dict[str, Any]] = []
    end = time.monotonic() + 60 * options.minutes
    while not results or time.monotonic() < end:
        if not deck:
            deck = [(name, busy) for name in names for busy in (False, True)]
            chance.shuffle(deck)
        cell, busy = deck.pop()
        command = _command(cell, chance.randrange(10**6), options, busy=busy)
        results.append(_result(*_run(command), command))
        if options.json:
            with options.json.open("a") as file:
                file.write(json.dumps(results[-1]) + "\n")
    sys.stdout.write("\n" + table(results) + "\n")
    return 0 if all(result["held"] for result in results) else 1


def _run(command: list[str]) -> tuple[str, int]:
    """Output and exit code; when this run is ended the cell may put its things away first."""
    process = subprocess.Popen(
        [sys.executable, *command],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=_end_with_parent,  # noqa: PLW1509
    )
    try:
        output, _ = process.communicate()
    except BaseException:
        process.terminate()
        process.wait()
        raise
    return output, process.returncode


def _end_with_parent() -> None:
    """The cell ends in order when the whole run is ended, however that is done."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)


def _end(*_: object) -> None:
    raise SystemExit("ended")


def _result(output: str, code: int, command: list[str]) -> dict[str, Any]:
    """The result of one cell, told in a line or more."""
    result: dict[str, Any] = {"held": False, "faults": [f"ended with {code}"]}
    if output.strip():
        result = json.loads(output.splitlines()[-1])
    word = "held" if result["held"] else "FAILED"
    sys.stdout.write(f"{word:7} python {' '.join(command)}\n")
    for fault in result["faults"][:10]:
        sys.stdout.write(f"        {fault}\n")
    if not result["held"]:
        sys.stdout.write(f"        logs: {result.get('logs')}\n")
    sys.stdout.flush()
    return result


def main() -> int:
    options = _parse()
    if options.table:
        lines = [line for path in options.table for line in path.read_text().splitlines()]
        sys.stdout.write(table([json.loads(line) for line in lines]) + "\n")
        return 0
    if why := namespaces.why_impossible():
        sys.stderr.write(f"{why}\n")
        return 2
    signal.signal(signal.SIGTERM, _end)
    if options.seed is None:
        options.seed = int(time.time())
    return _one(options) if options.cell else _many(options)


if __name__ == "__main__":
    sys.exit(main())
