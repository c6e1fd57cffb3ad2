"""Where the runtime's slow work goes: one thread that writes, one that reads, one that reports.

The heartbeat loop never waits for a database; it awaits these threads. Work of one thread runs in
the order of its submission: closing the fence comes before any applying that was asked later.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from django.db import connections

from standby.runtime import priority

P = ParamSpec("P")
T = TypeVar("T")

log = logging.getLogger(__name__)


class DatabaseThread:
    """One thread with database connections of its own."""

    def __init__(self, name: str) -> None:
        self._executor = ThreadPoolExecutor(
            max_workers=1, thread_name_prefix=name, initializer=priority.prefer_thread
        )
        self.pending = 0
        self.busy_since: float | None = None

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run ``work`` there and await its result; its exception comes through."""
        return await self.begin(work, *args, **kwargs)

    def begin(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> asyncio.Future[T]:
        """Like run(), but its place in the order is that of this call, not of the await."""
        loop = asyncio.get_running_loop()
        return loop.run_in_executor(self._executor, lambda: self._guarded(work, *args, **kwargs))

    def submit(self, work: Callable[[], object]) -> None:
        """Run ``work`` there some time; a failure is logged."""
        try:
            self._executor.submit(self._logged, work)
        except RuntimeError:
            log.debug("the thread has ended")

    def _guarded(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return work(*args, **kwargs)
        except BaseException:
            self._drop_connections()
            raise

    def _logged(self, work: Callable[[], object]) -> None:
        try:
            self._guarded(work)
        except Exception:
            log.exception("background work failed")

    @staticmethod
    def _drop_connections() -> None:
        for connection in connections.all(initialized_only=True):
            try:
                connection.close()
            except Exception:
                log.debug("closing a broken connection failed", exc_info=True)

    def close(self) -> None:
        """Finish what runs, drop what waits."""
        self._executor.submit(self._drop_connections)
        self._executor.shutdown(wait=False, cancel_futures=False)
