"""The pair comes before everything else on its host, as far as the host permits.

A heartbeat that comes late looks like a dead OMM, and a killed process lets go of its sockets only
when its last thread has been scheduled. Without permission all works the same, only less promptly.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

NICE = -10
REALTIME = 1
"""The lowest real-time priority: above every ordinary thread, below the kernel's own."""


def prefer_process() -> None:
    """Prefer every thread of this process, and those that they will start."""
    with contextlib.suppress(OSError):
        for thread in Path("/proc/self/task").iterdir():
            prefer_thread(int(thread.name))


def prefer_thread(thread: int = 0) -> None:
    """Prefer one thread (0: the calling one) to the ordinary ones of other processes."""
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, thread, NICE)


def urgent_thread() -> None:
    """Let the calling thread run whenever it wants to; what it starts is not urgent."""
    with contextlib.suppress(OSError, AttributeError):
        os.sched_setscheduler(0, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(REALTIME))
