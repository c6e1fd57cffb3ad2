"""Commit to acknowledgement, and catching up."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path
from typing import Any

from standby.lease import Lease, boot_time
from tests.bench import writing
from tests.bench.machine import fsync_ms
from tests.bench.stats import summary
from tests.bench.watch import STEP, lease_reader, valid
from tests.pair import PATIENCE, Node, running_pair

CHANGES_A_ROUND = 50
ENTRIES = 5000
CATCH_UP_ROUNDS = 3


def commit_to_ack(directory: Path, rounds: int) -> dict[str, Any]:
    """Short changes at the active, one at a time, each until its acknowledgement."""
    with running_pair(directory) as pair:
        active = pair.active
        writing.run(active, "latency", "20")  # warm
        found = writing.run(active, "latency", str(rounds * CHANGES_A_ROUND))
        lost = sum(1 for each in found if each["commit"] is None)
        good = [each for each in found if each["commit"] is not None]
        sync = fsync_ms(active.data)
    return {
        "commit_to_ack": summary([each["commit"] for each in good]),
        "whole_change": summary([each["change"] for each in good]),
        "not_acknowledged": lost,
        "fsync_ms": sync,
    }


def catch_up(directory: Path, rounds: int) -> dict[str, Any]:
    """Entries made while the standby was down: entries a second once it is in contact again."""
    rates, own, fills = [], [], []
    with running_pair(directory) as pair:
        for _ in range(min(rounds, CATCH_UP_ROUNDS)):
            active, standby = pair.active, pair.standby
            standby.terminate()
            filled = writing.run(active, "fill", "0", str(ENTRIES))[-1]
            fills.append(ENTRIES / filled["seconds"])
            standby.launch()
            took, first = _watch_catch_up(standby, filled["seq"])
            rates.append(ENTRIES / took)
            own.append(ENTRIES / (took - first))
            pair.wait_healthy()
        size = _size(active)
    return {
        "entries": ENTRIES,
        "rates_per_s": [round(rate) for rate in rates],
        "lowest_per_s": round(min(rates)),
        "median_per_s": round(sorted(rates)[len(rates) // 2]),
        "applying_per_s": round(min(own)),
        "writing_per_s": round(min(fills)),
        "database_mb": size,
    }


def _watch_catch_up(node: Node, target: int) -> tuple[float, float]:
    """Seconds from the first contact to the last entry, and to the first applied entry."""
    reader = lease_reader(node)
    contact = moved = 0.0
    start: int | None = None
    deadline = boot_time() + 120
    while boot_time() < deadline:
        held = valid(reader)
        if held is not None and held.peer_in_contact:
            contact = contact or boot_time()
            seq = _seq(held)
            start = seq if start is None else start
            if seq > start and not moved:
                moved = boot_time()
            if seq >= target:
                return boot_time() - contact, (moved or contact) - contact
        time.sleep(STEP * 4)
    raise RuntimeError(f"{node.name} did not catch up")


def _seq(held: Lease) -> int:
    return int(json.loads(held.document)["journal"]["seq"])


def _size(node: Node) -> float:
    return round(sum(each.stat().st_size for each in node.data.glob("*.sqlite3*")) / 2**20, 1)


def wipe(node: Node) -> None:
    """An empty disk."""
    shutil.rmtree(node.data)


def wait_installed(node: Node, target: int, within: float = PATIENCE * 2) -> float:
    """Seconds until the node's journal has reached ``target``."""
    began, reader = boot_time(), lease_reader(node)
    while boot_time() < began + within:
        held = valid(reader)
        if held is not None and _seq(held) >= target:
            return boot_time() - began
        time.sleep(0.01)
    raise RuntimeError(f"{node.name} did not take the snapshot: {node.status()}")
