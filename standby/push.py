"""Wake open pages through the channel layer; a push that fails never fails its caller."""

from __future__ import annotations

import asyncio
import logging
import threading
from functools import cache
from typing import Any

from channels.layers import get_channel_layer

GROUP = "status"
PUSH_TIMEOUT = 0.5
"""Seconds; a Redis that hangs would keep the sender for five."""

log = logging.getLogger(__name__)


class PushCount:
    """How many pushes of this process went out and how many were lost."""

    def __init__(self) -> None:
        self.sent = 0
        self.failed = 0


count = PushCount()


def publish(kind: str, payload: dict[str, Any] | None = None) -> None:
    """Tell every web process of this node that something of ``kind`` changed.

    Receivers read the news themselves, so a lost push costs them at most a moment. Takes at
    most half a second, never raises. Not for use inside an event loop: see ``publish_async``.
    """
    try:
        sending = asyncio.run_coroutine_threadsafe(publish_async(kind, payload), _sender_loop())
        sending.result(2 * PUSH_TIMEOUT)
    except Exception:
        count.failed += 1
        log.debug("a push to open pages was lost", exc_info=True)


async def publish_async(kind: str, payload: dict[str, Any] | None = None) -> None:
    """``publish`` for coroutines."""
    message = {"type": "status.changed", "kind": kind, "payload": payload or {}}
    try:
        layer = get_channel_layer()
        if layer is None:
            return
        await asyncio.wait_for(layer.group_send(GROUP, message), PUSH_TIMEOUT)
    except Exception as problem:  # noqa: BLE001 - whatever a broken Redis raises
        count.failed += 1
        log.debug("a push to open pages was lost: %r", problem)
    else:
        count.sent += 1


@cache
def _sender_loop() -> asyncio.AbstractEventLoop:
    """One loop in a thread of its own for the whole process: the layer keeps its connection."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="push", daemon=True).start()
    return loop
