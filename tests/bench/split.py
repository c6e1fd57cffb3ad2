"""Healing a split: from the first contact to one active OMM, equal journals, and all merged.

Two whole OMMs in network namespaces, whose cable is pulled and plugged in again. While it is out
each changes base stations of its own accord; some share of them on both sides alike (conflicts).
"""

from __future__ import annotations

import json
import sqlite3
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from standby.lease import boot_time
from tests.bench import writing
from tests.bench.gap import metrics
from tests.bench.stats import summary
from tests.bench.watch import punctual
from tests.network import V4, Network, network
from tests.pair import Node, Pair, free_ports

RFPS = 2000
STEP = 0.005
LIMIT = 300.0
"""Seconds after which a split counts as not healed."""
Times = dict[str, float]


class CabledNode(Node):
    """A node in a network namespace: only its lease and its database can be looked at."""

    def status(self) -> dict[str, Any]:
        held = self.lease()
        return dict(json.loads(held.document)) if held is not None else {}

    def one(self, sql: str) -> tuple[Any, ...]:
        """The first row of a query of its database."""
        line = sqlite3.connect(f"file:{self.data / 'omm.sqlite3'}?mode=ro", uri=True)
        try:
            return tuple(line.execute(sql).fetchone())
        finally:
            line.close()

    def head(self) -> tuple[int, str]:
        """The end of its journal."""
        seq, digest = self.one("SELECT seq, hash FROM standby_journalhead")
        return int(seq), str(digest)

    def judged(self) -> tuple[int, int]:
        """How many set-aside changes are here, and how many of them were looked at."""
        found = self.one("SELECT COUNT(*), COUNT(judged_at) FROM standby_setaside")
        return int(found[0]), int(found[1])


def cabled_pair(directory: Path, cable: Network) -> Pair:
    """Two OMMs that do not run yet, one in each namespace."""
    ports = free_ports(3, ("127.0.0.1",))
    nodes = [
        CabledNode(
            "ab"[number],
            V4[number],
            V4[1 - number],
            *ports,
            directory / "ab"[number],
            network=cable.hosts[number],
        )
        for number in (0, 1)
    ]
    return Pair(*nodes)


@dataclass(frozen=True, slots=True)
class Amount:
    """Changes on each side, and how many of a hundred meet a change of the other side."""

    changes: int
    conflicts: int = 0


def heal(pair: Pair, cable: Network, amount: Amount) -> dict[str, Any]:
    """One split with so many changes on each side; seconds from the first contact on."""
    pair.wait_healthy()
    nodes: list[CabledNode] = [n for n in pair.nodes if isinstance(n, CabledNode)]
    before = nodes[0].judged()[0]
    cable.cut()
    for node in nodes:
        node.wait("active").wait_gate()
    for number, node in enumerate(nodes):
        text = [str(amount.changes), str(amount.conflicts), str(number)]
        writing.run(node, "split", str(RFPS), *text)
        metrics(node, reset=True)
    cable.mend()
    with ThreadPoolExecutor(1, initializer=punctual) as thread:
        found = thread.submit(_watch, nodes, before + amount.changes).result()
    pair.wait_healthy()
    gaps = [float(metrics(node)["longest_gap"]) for node in nodes]
    classes = nodes[0].one(
        "SELECT SUM(state = 'merged'), SUM(state = 'open') FROM standby_setaside"
    )
    return {**found, "gap": max(gaps), "classes": classes}


def _watch(nodes: list[CabledNode], expected: int) -> Times:
    """Seconds until one is active, the journals are equal, all is judged, and equal again."""

    def in_contact() -> bool:
        held = [node.lease() for node in nodes]
        return all(each is not None and each.peer_in_contact for each in held)

    def one_active() -> bool:
        roles = sorted(each.role.value for node in nodes if (each := node.lease()))
        return roles == ["active", "standby"]

    def equal() -> bool:
        mine, theirs = (node.head() for node in nodes)
        return one_active() and mine == theirs

    def all_judged() -> bool:
        return max(node.judged() for node in nodes) == (expected, expected)

    def healed() -> bool:
        return all_judged() and equal()

    _until(in_contact, 0.0)
    began = boot_time()
    steps: dict[str, Callable[[], bool]] = {
        "one_active": one_active,
        "equal": equal,
        "merged": all_judged,
        "healed": healed,
    }
    return {name: _until(look, began) for name, look in steps.items()}


def _until(look: Callable[[], bool], began: float) -> float:
    deadline = boot_time() + LIMIT
    while not look():
        if boot_time() > deadline:
            raise RuntimeError("the split is not healed")
        time.sleep(STEP)
    return boot_time() - began


def split(directory: Path, rounds: int, *, amount: Amount, most_rounds: int) -> dict[str, Any]:
    """Split and heal the same pair again and again."""
    found = []
    with network() as cable:
        pair = cabled_pair(directory, cable)
        try:
            pair.start()
            writing.run(pair.active, "fill", str(RFPS), "0")
            for _ in range(min(rounds, most_rounds)):
                found.append(heal(pair, cable, amount))
                print(json.dumps(found[-1]), file=sys.stderr, flush=True)
        finally:
            pair.stop()
    names = ("one_active", "equal", "merged", "healed")
    times = {name: summary([each[name] for each in found]) for name in names}
    return {
        **times,
        "changes": amount.changes,
        "conflicts_percent": amount.conflicts,
        "longest_gap_ms": round(1000 * max(each["gap"] for each in found), 1),
        "classes": found[-1]["classes"],
    }


KINDS = {
    "split": partial(split, amount=Amount(1000), most_rounds=7),
    "split_conflicts": partial(split, amount=Amount(1000, 10), most_rounds=5),
    "split_large": partial(split, amount=Amount(10_000), most_rounds=2),
}
