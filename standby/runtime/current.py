"""The runtime of this process, for the tasks that run beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from standby.runtime.core import PairRuntime

_current: PairRuntime | None = None


def set_current(runtime: PairRuntime | None) -> None:
    """Make ``runtime`` the one of this process."""
    global _current  # noqa: PLW0603
    _current = runtime


def current() -> PairRuntime | None:
    """The runtime of this process; None outside the standby worker."""
    return _current
