"""Looking at leases and the status endpoint in fine steps, without costing the machine much."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import threading
import time
from types import TracebackType
from typing import Any, Self

from standby.lease import Lease, LeaseReader, boot_time
from tests.pair import Node, Pair

BEAT = 0.1
STEP = 0.0005
"""Seconds between two looks."""


def punctual() -> None:
    """Let the calling thread run whenever it wants to, where that is permitted."""
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(1))


def lease_reader(node: Node) -> LeaseReader:
    return LeaseReader(node.data / "run" / "lease", BEAT)


def valid(reader: LeaseReader) -> Lease | None:
    """The lease when it counts."""
    view = reader.read()
    return view.lease if view.valid else None


def status(node: Node, timeout: float = 2.0) -> dict[str, Any]:
    """The status document by HTTP; empty when there is no answer."""
    line = http.client.HTTPConnection(node.address, node.web_port, timeout=timeout)
    try:
        line.request("GET", "/api/v1/status/")
        found: dict[str, Any] = json.loads(line.getresponse().read())
    except (OSError, ValueError, http.client.HTTPException):
        return {}
    finally:
        line.close()
    return found


class GateWatch:
    """Records the times without any open gate on either OMM while the block runs."""

    def __init__(self, pair: Pair) -> None:
        self.closed: list[tuple[float, float]] = []
        """(last time seen open, first time seen open again), boot time."""
        self.both_open = 0
        """Looks at which both OMMs accepted changes: must stay 0."""
        self._readers = [lease_reader(node) for node in pair.nodes]
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        punctual()  # it must not measure its own waiting
        open_at, was_open = boot_time(), True
        while not self._stop.is_set():
            before = boot_time()
            count = sum(1 for each in self._readers if (held := valid(each)) and held.gate_open)
            now = boot_time()
            if count == 2:
                self.both_open += 1
            if count:
                if not was_open:
                    self.closed.append((open_at, now))
                open_at = before
            was_open = bool(count)
            time.sleep(STEP)

    def wait_moved(self, within: float) -> None:
        """Wait until a gate was open again after none was."""
        deadline = boot_time() + within
        while not self.closed:
            if boot_time() > deadline:
                raise RuntimeError("no OMM has taken the role over")
            time.sleep(0.02)

    def longest(self) -> float:
        """Seconds of the longest time without an open gate."""
        return max((end - begin for begin, end in self.closed), default=0.0)
