"""What the figures were measured on."""

from __future__ import annotations

import os
import platform
import statistics
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

SYNCS = 50
BLOCK = 4096


def facts() -> dict[str, Any]:
    """Cores, processor, memory, Python, kernel, disk and the load before the start."""
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "cores": os.cpu_count(),
        "processor": _processor(),
        "memory_gb": round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30, 1),
        "python": platform.python_version(),
        "kernel": platform.release(),
        "load_before": round(os.getloadavg()[0], 2),
        "busy_before": round(busy(1.0), 2),
        "fsync_ms": fsync_ms(),
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def busy(seconds: float) -> float:
    """Cores that were busy during the next ``seconds``, by anybody."""
    before, began = _idle_ticks(), time.monotonic()
    time.sleep(seconds)
    idle = (_idle_ticks() - before) / os.sysconf("SC_CLK_TCK")
    return max(0.0, (os.cpu_count() or 1) - idle / (time.monotonic() - began))


def _idle_ticks() -> int:
    fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()
    return int(fields[4]) + int(fields[5])


def fsync_ms(directory: Path | None = None) -> float:
    """Median time of writing one block and syncing it, in milliseconds."""
    with tempfile.NamedTemporaryFile(dir=directory) as file:
        took = []
        for number in range(SYNCS):
            began = time.perf_counter()
            os.pwrite(file.fileno(), bytes(BLOCK), number * BLOCK)
            os.fdatasync(file.fileno())
            took.append(time.perf_counter() - began)
    return round(1000 * statistics.median(took), 3)
