"""On the path of a node whose wall clock can be set: it is off by what a file says.

The kernel has one wall clock for all namespaces, and it is not ours to set. So this shifts what
Python tells: ``time.time``, ``time.time_ns`` and ``datetime.now``. Time in C (SQLite, TLS, dates of
files) is not shifted; nothing in the pair is decided by it.
"""

import datetime as dt
import mmap
import os
import struct
import time
from collections.abc import Callable
from typing import Any


def _shift(path: str) -> None:
    with open(path, "r+b") as file:  # noqa: PTH123 (no import that is not needed)
        shared = mmap.mmap(file.fileno(), 8)

    def offset() -> float:
        return float(struct.unpack("d", shared[:8])[0])

    real, real_ns = time.time, time.time_ns
    time.time = lambda: real() + offset()
    time.time_ns = lambda: real_ns() + int(offset() * 1e9)
    dt.datetime = _shifted(dt.datetime, offset)  # type: ignore[misc]


def _shifted(real: Any, offset: Callable[[], float]) -> Any:
    class Kind(type):
        """What C makes is the real kind; it counts as this one."""

        def __instancecheck__(cls, instance: object) -> bool:
            return isinstance(instance, real)

        def __subclasscheck__(cls, subclass: type) -> bool:
            return issubclass(subclass, real)

    class Shifted(real, metaclass=Kind):  # type: ignore[misc]
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return real.now(tz) + dt.timedelta(seconds=offset())

    Shifted.__name__ = Shifted.__qualname__ = "datetime"
    Shifted.__module__ = "datetime"
    return Shifted


if "CHAOS_CLOCK" in os.environ:
    _shift(os.environ["CHAOS_CLOCK"])
