"""What lower layers are told by apps that the pair does not know (it never imports them)."""

from __future__ import annotations

from collections.abc import Callable

_configured: Callable[[], int] = lambda: 0  # noqa: E731
_connected: Callable[[], int] = lambda: 0  # noqa: E731


def count_rfps(*, configured: Callable[[], int], connected: Callable[[], int]) -> None:
    """Register how base stations are counted: all that are configured, and those connected here."""
    global _configured, _connected
    _configured, _connected = configured, connected


def rfps_configured() -> int:
    """Base stations that are configured."""
    return _configured()


def rfps_connected() -> int:
    """Base stations that are connected to this OMM now."""
    return _connected()
