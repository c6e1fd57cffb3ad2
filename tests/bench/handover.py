"""Planned leaving: how long does neither OMM accept changes, while short changes are made?"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from standby.lease import boot_time
from standby.link import control
from tests.bench.failover import SETTLE
from tests.bench.stats import summary
from tests.bench.watch import GateWatch
from tests.bench.writing import steady_writers
from tests.pair import PATIENCE, Node, Pair, running_pair

AFTER = 0.5
"""Seconds that are watched after the other OMM accepts changes."""


def switch_over(victim: Node) -> None:
    """A person asks the active OMM to hand over."""
    message = {"command": "switchover", "actor": "bench"}
    path = victim.data / "run" / "control.sock"
    threading.Thread(target=control.call, args=(path, message, 10.0), daemon=True).start()


def terminate(victim: Node) -> None:
    """SIGTERM to the supervisor."""
    os.kill(victim.pids()["supervisor"], signal.SIGTERM)


def measure(directory: Path, rounds: int, leave: Callable[[Node], None]) -> dict[str, Any]:
    """Hand over in turn, healing the pair between."""
    gaps, pauses, both = [], [], 0
    with running_pair(directory) as pair, steady_writers(pair) as commits:
        for _ in range(rounds):
            victim, heir = _quiet(pair)
            began = boot_time()
            with GateWatch(pair) as watch:
                leave(victim)
                watch.wait_moved(PATIENCE)
                time.sleep(AFTER)
            heir.wait("active")
            gaps.append(watch.longest())
            both += watch.both_open
            pauses.append(commits.longest_pause(began - SETTLE / 2, boot_time()))
            if leave is terminate and victim.process is not None:
                victim.process.wait(30)
            pair.heal()
    return {
        "no_gate": summary(gaps),
        "no_commit": summary(pauses),
        "both_open": both,
        "samples_ms": [round(1000 * gap, 1) for gap in gaps],
    }


def _quiet(pair: Pair) -> tuple[Node, Node]:
    pair.heal()
    time.sleep(SETTLE)
    return pair.active, pair.standby


KINDS = {
    "switchover": partial(measure, leave=switch_over),
    "sigterm": partial(measure, leave=terminate),
}
