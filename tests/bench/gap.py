"""The longest gap between two heartbeats of an OMM that sends a snapshot on a busy machine."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from standby.lease import boot_time
from standby.link import control
from tests.bench import writing
from tests.bench.replication import wait_installed, wipe
from tests.pair import Node, running_pair

RFPS = 4096
ENTRIES = 10_000
SECONDS = 120.0


@contextlib.contextmanager
def busy_cores() -> Iterator[None]:
    """One process a core that never rests."""
    loops = [
        subprocess.Popen([sys.executable, "-c", "while True: pass"])
        for _ in range(os.cpu_count() or 1)
    ]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def metrics(node: Node, *, reset: bool = False) -> dict[str, Any]:
    """The runtime's own counters."""
    path = node.data / "run" / "control.sock"
    return control.call(path, {"command": "metrics", "reset": reset}, 5.0)


def heartbeat_gap(directory: Path, rounds: int) -> dict[str, Any]:
    """Give the emptied standby one snapshot after the other; fewer rounds make it shorter."""
    seconds = SECONDS if rounds >= 20 else 6.0 * rounds
    with running_pair(directory) as pair:
        active, standby = pair.active, pair.standby
        seq = writing.run(active, "fill", str(RFPS), str(ENTRIES - RFPS))[-1]["seq"]
        pair.wait_healthy()
        term = active.status()["node"]["term"]
        metrics(active, reset=True)
        took, receiving = [], []
        with busy_cores():
            began = boot_time()
            while boot_time() - began < seconds:
                standby.kill()
                wipe(standby)
                standby.launch()
                took.append(wait_installed(standby, seq))
                receiving.append(float(metrics(standby)["longest_gap"]))
            watched = boot_time() - began
            gap = float(metrics(active)["longest_gap"])
        kept = active.status()["node"]["term"] == term
    return {
        "longest_gap_ms": round(1000 * gap, 1),
        "receiver_longest_gap_ms": round(1000 * max(receiving), 1),
        "seconds": round(watched, 1),
        "snapshots": len(took),
        "start_to_installed_s": [round(each, 1) for each in took],
        "rfps": RFPS,
        "entries": seq,
        "role_kept": kept,
    }
