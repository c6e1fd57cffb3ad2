"""Names to addresses without ever blocking, and with the last answer when DNS is down."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import socket
import threading
from concurrent.futures import Future
from typing import Any

log = logging.getLogger(__name__)

_MAX_NAMES = 32


class Resolver:
    """Looks names up in threads of its own, one at a time for each name.

    A lookup that hangs holds up nobody but itself. Thread-safe; any event loop may use it.
    """

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._known: dict[str, list[str]] = {}
        self._pending: dict[str, Future[list[str]]] = {}

    async def resolve(self, host: str, timeout: float) -> list[str]:
        """The addresses of a host; those known from before when ``timeout`` seconds do not
        bring better ones; empty when there are none.
        """
        if is_address(host):
            return [host]
        future = asyncio.wrap_future(self._look_up(host))
        done, _ = await asyncio.wait({future}, timeout=timeout)
        found = future.result() if done else []
        return found or self._known.get(host, [])

    def _look_up(self, host: str) -> Future[list[str]]:
        with self._mutex:
            pending = self._pending.get(host)
            if pending is not None:
                return pending
            future: Future[list[str]] = Future()
            # Waiters cancel their own wrapper; the lookup itself cannot be cancelled.
            future.set_running_or_notify_cancel()
            self._pending[host] = future
        # A daemon thread: a lookup that hangs must not keep the process from ending.
        thread = threading.Thread(target=self._work, args=(host, future), daemon=True)
        thread.start()
        return future

    def _work(self, host: str, future: Future[list[str]]) -> None:
        found = _addresses(host)
        with self._mutex:
            del self._pending[host]
            if found:
                if len(self._known) >= _MAX_NAMES:
                    self._known.pop(next(iter(self._known)))
                self._known[host] = found
        future.set_result(found)


def is_address(host: str) -> bool:
    """Whether this is an IP address and no name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _addresses(host: str) -> list[str]:
    try:
        answers: list[Any] = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        log.info("%s cannot be resolved: %s", host, error)
        return []
    return list(dict.fromkeys(str(answer[4][0]) for answer in answers))
