"""On the path of a node whose wall clock can be set: it is off by what a file says.

The kernel has one wall clock for all namespaces, and it is not ours to set. So this shifts what
Python tells: ``time.time``, ``time.time_ns`` and Django's ``timezone.now``. Time in C (the journal
of SQLite, TLS, file dates) is not shifted; nothing in the pair is decided by it.
"""

import mmap
import os
import struct
import time
from datetime import timedelta


def _shift(path: str) -> None:
    with open(path, "r+b") as file:  # noqa: PTH123 (no import that is not needed)
        shared = mmap.mmap(file.fileno(), 8)

    def offset() -> float:
        return float(struct.unpack("d", shared[:8])[0])

    real, real_ns = time.time, time.time_ns
    time.time = lambda: real() + offset()
    time.time_ns = lambda: real_ns() + int(offset() * 1e9)
    from django.utils import timezone

    now = timezone.now
    timezone.now = lambda: now() + timedelta(seconds=offset())


if "CHAOS_CLOCK" in os.environ:
    _shift(os.environ["CHAOS_CLOCK"])
