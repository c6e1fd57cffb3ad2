"""Starts writers (tests.bench.writer) beside a pair."""

from __future__ import annotations

import contextlib
import itertools
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from typing import IO, Any

from tests.pair import ROOT, Node, Pair

STEADY_APART = 0.01
FILL_PATIENCE = 600.0


def start(node: Node, out: IO[bytes] | int, *arguments: str) -> subprocess.Popen[bytes]:
    """A writer with the node's environment."""
    environment = {**node.environment(), "DJANGO_SETTINGS_MODULE": "omm_portal.settings"}
    return subprocess.Popen(
        [sys.executable, "-m", "tests.bench.writer", *arguments],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=out,
    )


def run(node: Node, *arguments: str) -> list[Any]:
    """Run a writer to its end; what it printed."""
    process = start(node, subprocess.PIPE, *arguments)
    try:
        out, _ = process.communicate(timeout=FILL_PATIENCE)
    finally:
        process.kill()
    if process.returncode:
        raise RuntimeError(f"the writer failed: {arguments}")
    return [json.loads(line) for line in out.splitlines()]


class Commits:
    """When the writers of both OMMs committed, boot time."""

    def __init__(self, files: list[IO[bytes]]) -> None:
        self._files = files

    def between(self, begin: float, end: float) -> list[float]:
        found: list[float] = []
        for file in self._files:
            file.seek(0)
            lines = file.read().decode().splitlines(keepends=True)
            found += [float(line) for line in lines if line.endswith("\n")]
        return sorted(at for at in found if begin <= at <= end)

    def longest_pause(self, begin: float, end: float) -> float:
        """The longest time without a commit on either OMM."""
        found = self.between(begin, end)
        return max((b - a for a, b in itertools.pairwise(found)), default=end - begin)


@contextlib.contextmanager
def steady_writers(pair: Pair) -> Iterator[Commits]:
    """Short changes on whichever OMM accepts them, for the length of the block."""
    with contextlib.ExitStack() as stack:
        files, processes = [], []
        for node in pair.nodes:
            name = stack.enter_context(tempfile.NamedTemporaryFile()).name
            writing = stack.enter_context(open(name, "ab"))  # noqa: PTH123
            files.append(stack.enter_context(open(name, "rb")))  # noqa: PTH123
            processes.append(start(node, writing.fileno(), "steady", str(STEADY_APART)))
        try:
            yield Commits(files)
        finally:
            for process in processes:
                process.kill()
                process.wait()
