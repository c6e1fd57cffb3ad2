"""A thread with an asyncio loop of its own, and the work that runs in it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import Future
from typing import Any

from standby.runtime.priority import urgent_thread

log = logging.getLogger(__name__)

STOP_WAIT = 5.0


class LoopHost:
    """Base of what lives in a loop of its own: ``_open``, ``_workers`` and ``_close`` say what.

    A worker that fails ends the whole; ``failure`` says why. Background work may fail alone.
    """

    def __init__(self, name: str) -> None:
        self.ready = threading.Event()
        self.failure: BaseException | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._stopping: asyncio.Event | None = None
        self._tasks: list[asyncio.Task[Any]] = []
        self._background: set[asyncio.Task[None]] = set()

    async def _open(self) -> None:
        raise NotImplementedError

    def _workers(self) -> list[Coroutine[Any, Any, None]]:
        raise NotImplementedError

    async def _close(self) -> None:
        raise NotImplementedError

    def _ended(self) -> None:
        """The very last act of the thread."""

    def start(self, timeout: float = 30.0) -> None:
        """Start the loop's thread; returns when it beats. Raises what made it fail."""
        self._thread.start()
        self.ready.wait(timeout)
        if self.failure is not None:
            raise self.failure

    def stop(self) -> None:
        """End the loop; safe to call twice and from any thread."""
        if self._stopping is not None:
            self.soon(self._stopping.set)
        self._thread.join(STOP_WAIT)

    def join(self) -> None:
        """Wait until the loop has ended."""
        self._thread.join()

    def call(self, work: Callable[[], Coroutine[Any, Any, Any]]) -> Future[Any]:
        """Run a coroutine in the runtime's loop, from another thread."""
        if self._loop is None:
            raise RuntimeError("the pair runtime does not run")
        return asyncio.run_coroutine_threadsafe(work(), self._loop)

    def soon(self, work: Callable[[], object]) -> None:
        """Call ``work`` in the loop; from any thread, returns at once, ignored after the end."""
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(work)

    def _run(self) -> None:
        urgent_thread()
        try:
            asyncio.run(self._main())
        except BaseException as error:
            self.failure = error
            log.critical("%s ended: %s", self._thread.name, error, exc_info=True)
        finally:
            self._ended()
            self.ready.set()

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        await self._open()
        self._tasks = [self._task(work) for work in self._workers()]
        self.ready.set()
        try:
            await self._stopping.wait()
        finally:
            await self._cancel()
            await self._close()

    async def _cancel(self) -> None:
        tasks = [*self._tasks, *self._background]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _task(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        task.add_done_callback(self._task_ended)
        return task

    def _task_ended(self, task: asyncio.Task[None]) -> None:
        if task.cancelled() or task.exception() is None:
            return
        log.critical("a part of %s failed", self._thread.name, exc_info=task.exception())
        self.failure = task.exception()
        if self._stopping is not None:
            self._stopping.set()

    def in_loop(self, work: Awaitable[None]) -> None:
        """Start background work in the loop; its failure is logged."""

        async def guarded() -> None:
            try:
                await work
            except Exception:
                log.exception("background work of %s failed", self._thread.name)

        task = asyncio.get_running_loop().create_task(guarded())
        self._background.add(task)
        task.add_done_callback(self._background.discard)
