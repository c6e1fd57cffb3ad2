"""Simulated base stations as a process of its own, and what they say."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.pair import ROOT, eventually

FIRST_MAC = "00:30:42:0A:00:00"


@dataclass
class Fleet:
    """Reads the lines of the simulator."""

    process: subprocess.Popen[str]
    lines: list[dict[str, Any]] = field(default_factory=list)
    where: dict[str, str] = field(default_factory=dict)
    """The OMM that serves a base station, by MAC."""
    _mutex: threading.Lock = field(default_factory=threading.Lock)

    def read(self) -> None:
        """Take the lines in until the simulator ends."""
        assert self.process.stdout is not None
        for text in self.process.stdout:
            line = {**json.loads(text), "seen": time.monotonic()}
            with self._mutex:
                self.lines.append(line)
                if line["event"] == "connected":
                    self.where[line["mac"]] = line["omm"]
                else:
                    self.where.pop(line["mac"], None)

    def on(self, omm: str) -> int:
        """How many an OMM serves."""
        with self._mutex:
            return sum(each == omm for each in self.where.values())

    def wait_on(self, omm: str, count: int, within: float = 30.0) -> None:
        """Wait until so many are served by an OMM."""
        eventually(
            lambda: self.on(omm) >= count,
            lambda: f"{count} base stations on {omm}, not {self.on(omm)}: {self.lines[-3:]}",
            within,
        )

    def since(self, moment: float, event: str) -> list[dict[str, Any]]:
        """The lines of one kind that came after a moment of the monotonic clock."""
        with self._mutex:
            return [each for each in self.lines if each["seen"] > moment and each["event"] == event]


@contextmanager
def simulated(
    omms: Sequence[str], port: int, count: int, keys: Path, *more: str,
    begin: Callable[[], None] | None = None,
) -> Iterator[Fleet]:  # fmt: skip
    """Run base stations until the end of the block."""
    words = [word for omm in omms for word in ("--omm", omm)]
    command = [
        *(sys.executable, "manage.py", "simulate_rfps", *words, "--port", str(port)),
        *("--count", str(count), "--first-mac", FIRST_MAC, "--keys", str(keys), *more),
    ]
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, text=True, preexec_fn=begin,  # noqa: PLW1509
        env={"OMM_ENV_FILE": "tests/check.env", "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    fleet = Fleet(process)
    reader = threading.Thread(target=fleet.read, daemon=True)
    reader.start()
    try:
        yield fleet
    finally:
        process.terminate()
        process.wait(20)
        reader.join(5)


def configured(count: int) -> list[dict[str, Any]]:
    """The base stations of a fleet, as REST takes them."""
    start = int(FIRST_MAC.replace(":", ""), 16)
    return [
        {"mac": (start + at).to_bytes(6, "big").hex(":").upper(), "name": f"RFP {at + 1}"}
        for at in range(count)
    ]
