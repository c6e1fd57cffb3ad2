"""One node: its start and its memory."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

from standby.lease import boot_time
from tests.bench.stats import summary
from tests.bench.watch import STEP, status
from tests.pair import PATIENCE, Node, Pair, running_pair

START_ROUNDS = 20
SETTLE = 5.0


def start_time(directory: Path, rounds: int) -> dict[str, Any]:
    """From the start of the command to the first answered status request and to a role."""
    pair = Pair.make(directory)
    first, again = [], []
    try:
        first.append(_start(pair.a))
        pair.b.start()
        for _ in range(min(rounds, START_ROUNDS)):
            pair.wait_healthy()
            standby = pair.standby
            standby.terminate()
            again.append(_start(standby))
    finally:
        pair.stop()
    return {
        "empty_disk_answer_s": round(first[0][0], 2),
        "empty_disk_role_s": round(first[0][1], 2),
        "answer": summary([answer for answer, _ in again]),
        "role": summary([role for _, role in again]),
    }


def _start(node: Node) -> tuple[float, float]:
    """Seconds to the first answer and to the first role."""
    began = boot_time()
    node.launch()
    answer = 0.0
    while boot_time() < began + PATIENCE:
        seen = status(node)
        if seen:
            answer = answer or boot_time() - began
            if seen.get("node", {}).get("role") in ("active", "standby"):
                return answer, boot_time() - began
        time.sleep(STEP * 10)
    raise RuntimeError(f"{node.name} does not answer: {node.output()}")


def memory(directory: Path, rounds: int) -> dict[str, Any]:
    """PSS of every process of a pair that has served a few requests and then rested."""
    with running_pair(directory) as pair:
        for node in pair.nodes:
            _use(node)
        time.sleep(SETTLE)
        found = {role: _pss(getattr(pair, role)) for role in ("active", "standby")}
    return {
        role: {"processes_mb": sizes, "total_mb": round(sum(sizes.values()), 1)}
        for role, sizes in found.items()
    }


def _use(node: Node) -> None:
    if node.role() == "active":
        with node.api() as api:
            for path in ("/sites/", "/rfps/", "/changes/"):
                api.get(path).raise_for_status()


def _pss(node: Node) -> dict[str, float]:
    return {name: pss_mb(pid) for name, pid in sorted(node.pids().items())}


def pss_mb(pid: int) -> float:
    """Proportional set size of a process in MB."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    found = re.search(r"^Pss:\s+(\d+) kB", text, re.MULTILINE)
    return round(int(found[1]) / 1024, 1) if found else 0.0
