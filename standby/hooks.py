"""What the runtime is told by those above it, which it never imports."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

_configured: Callable[[], int] = lambda: 0  # noqa: E731
_connected: Callable[[], int] = lambda: 0  # noqa: E731
_after_promotion: list[Callable[[], object]] = []
_each_second: list[Callable[[], object]] = []
_when_told: dict[str, Callable[[Mapping[str, Any]], object]] = {}


def count_rfps(*, configured: Callable[[], int], connected: Callable[[], int]) -> None:
    """Register how base stations are counted: all that are configured, and those connected here."""
    global _configured, _connected
    _configured, _connected = configured, connected


def while_active(
    *,
    after_promotion: Callable[[], object] | None = None,
    each_second: Callable[[], object] | None = None,
) -> None:
    """Register work of the active OMM: once when its gate has opened, and about every second.

    It runs in the runtime's writing thread and must be short; a failure is only logged.
    """
    if after_promotion is not None:
        _after_promotion.append(after_promotion)
    if each_second is not None:
        _each_second.append(each_second)


def when_told(word: str, work: Callable[[Mapping[str, Any]], object]) -> None:
    """Register what is done when the other OMM tells ``word`` (``standby.actions.tell_peer``).

    It runs in the thread that writes events, so it may write the second database; it raises
    ValueError for a body that makes no sense.
    """
    _when_told[word] = work


def told(word: str, body: Mapping[str, Any]) -> bool:
    """Do what is registered for ``word``; False when nothing is (another version told it)."""
    work = _when_told.get(word)
    if work is not None:
        work(body)
    return work is not None


def promoted() -> None:
    """Run what apps want done when this OMM has become active."""
    for work in _after_promotion:
        work()


def tick() -> None:
    """Run what apps want done about every second on the active OMM."""
    for work in _each_second:
        work()


def rfps_configured() -> int:
    """Base stations that are configured."""
    return _configured()


def rfps_connected() -> int:
    """Base stations that are connected to this OMM now."""
    return _connected()
