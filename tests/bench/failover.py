"""From the first kill() to the role stamp in the other OMM's lease."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from standby.lease import boot_time
from tests.bench.stats import summary
from tests.bench.watch import STEP, lease_reader, punctual, status
from tests.pair import PATIENCE, Node, Pair, running_pair

SETTLE = 1.0
"""Seconds of quiet before each strike."""


def strike(victim: Node, heir: Node, sig: signal.Signals, names: tuple[str, ...]) -> dict[str, Any]:
    """Hit the active OMM; what the heir needed until its role, its gate and its first answer."""
    reader = lease_reader(heir)
    term = reader.read().lease.term  # type: ignore[union-attr]
    t0 = boot_time()
    victim.send(sig, *names)
    role = gate = 0.0
    while not gate and boot_time() < t0 + PATIENCE:
        held = reader.read().lease
        if held is not None and held.role.value == "active":
            role = role or held.role_since - t0
            if held.gate_open:
                gate = boot_time() - t0
                break
        time.sleep(STEP)
    seen = status(heir)
    answered = boot_time() - t0
    node = seen.get("node", {})
    if not gate or node.get("role") != "active" or node.get("term", 0) <= term:
        raise RuntimeError(f"{heir.name} did not take over: {seen}")
    return {"role": role, "gate": gate, "answered": answered, "reason": seen["reason"]}


def promptly(work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Do it in a thread that runs whenever it wants: it must not measure its own waiting."""
    with ThreadPoolExecutor(1, initializer=punctual) as thread:
        return thread.submit(work).result()


def measure(
    directory: Path, rounds: int, sig: signal.Signals, names: tuple[str, ...]
) -> dict[str, Any]:
    """Strike in turn, healing the pair between."""
    found = []
    with running_pair(directory) as pair:
        for _ in range(rounds):
            victim, heir = _quiet(pair)
            found.append(promptly(partial(strike, victim, heir, sig, names)))
            if sig is signal.SIGKILL and not names:
                victim.kill()
            pair.heal()
    reasons = sorted({each["reason"] for each in found})
    return {
        "role": summary([each["role"] for each in found]),
        "gate": summary([each["gate"] for each in found]),
        "answered": summary([each["answered"] for each in found]),
        "reasons": reasons,
        "samples_ms": [round(1000 * each["role"], 1) for each in found],
    }


def _quiet(pair: Pair) -> tuple[Node, Node]:
    pair.wait_healthy()
    time.sleep(SETTLE)
    return pair.active, pair.standby


KINDS = {
    "sigkill_all": partial(measure, sig=signal.SIGKILL, names=()),
    "sigkill_standby_worker": partial(measure, sig=signal.SIGKILL, names=("standby",)),
    "sigstop_all": partial(measure, sig=signal.SIGSTOP, names=()),
}
