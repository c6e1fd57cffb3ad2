"""One supervised child: started, watched, started again with back-off, stopped with a deadline."""

import asyncio
import contextlib
import logging
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from omm_portal.node.process import ChildSpec, Running, boot_time, signal_group

log = logging.getLogger("omm.supervisor")

PAUSES = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0)
"""Seconds before each restart; the last one counts for all further ones."""
STEADY_SECONDS = 10.0
"""A child that ran for so long starts again without a pause."""
KILL_SECONDS = 2.0
OUTPUT_BYTES = 5_000_000


class Child:
    """One child process of the node; everything here runs in the supervisor's main thread.

    ``launch`` starts the process. ``changed(name, pid, group)`` is told of every start, and with
    pid None of every end.
    """

    def __init__(
        self,
        spec: ChildSpec,
        log_dir: Path,
        launch: Callable[[ChildSpec, IO[bytes] | int], Running],
        changed: Callable[[str, int | None, int], None],
    ) -> None:
        self.spec = spec
        self.started_at = 0.0
        self.restarts = 0
        self._output = log_dir / f"{spec.name}.out"
        self._start = launch
        self._changed = changed
        self._process: Running | None = None
        self._ended = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None
        self._failures = 0

    @property
    def pid(self) -> int | None:
        """The running process, or None."""
        return self._process.pid if self._process else None

    @property
    def wanted(self) -> bool:
        """True from start() to stop()."""
        return self._keeper is not None

    def start(self) -> None:
        """Run the child and keep it running."""
        self._failures = 0
        self._launch()
        self._keeper = asyncio.create_task(self._keep())

    async def _keep(self) -> None:
        while True:
            await self._ended.wait()
            pause = self._next_pause()
            log.warning("%s ended; it starts again in %.2f s", self.spec.name, pause)
            await asyncio.sleep(pause)
            self.restarts += 1
            self._launch()

    def _next_pause(self) -> float:
        if boot_time() - self.started_at > STEADY_SECONDS:
            self._failures = 0
        pause = PAUSES[min(self._failures, len(PAUSES) - 1)]
        self._failures += 1
        return pause

    def _launch(self) -> None:
        self.started_at = boot_time()
        try:
            with self._open_output() as output:
                self._process = self._start(self.spec, output)
        except OSError as problem:
            log.error("%s cannot be started: %s", self.spec.name, problem)  # noqa: TRY400
            self._ended.set()
            return
        self._ended.clear()
        self._changed(self.spec.name, self._process.pid, self._process.pid)
        log.info("%s started, pid %d", self.spec.name, self._process.pid)

    @contextlib.contextmanager
    def _open_output(self) -> Iterator[IO[bytes] | int]:
        """The file of what the child prints; nothing is kept when the disk takes no more."""
        try:
            if self._output.exists() and self._output.stat().st_size > OUTPUT_BYTES:
                self._output.write_bytes(b"")
            handle = self._output.open("ab")
        except OSError:
            yield subprocess.DEVNULL
            return
        with handle:
            yield handle

    def reap(self) -> None:
        """Notice the child's end, if it ended, and end everything it has left behind."""
        process = self._process
        if process is None or not process.has_ended():
            return
        signal_group(process.pid, signal.SIGKILL)  # before its number can be given to others
        self._changed(self.spec.name, None, process.pid)
        log.info("%s has ended: %s", self.spec.name, describe_end(process.reap()))
        self._process = None
        self._ended.set()

    def kill(self) -> None:
        """End the child and what it started, at once; it is started again if it is wanted."""
        if self._process is not None:
            signal_group(self._process.pid, signal.SIGKILL)

    async def stop(self) -> None:
        """Ask the child to end, kill it at its deadline, and do not start it again."""
        if self._keeper is not None:
            self._keeper.cancel()
            self._keeper = None
        if self._process is None:
            return
        os.kill(self._process.pid, signal.SIGTERM)
        if await self._wait_for_end(self.spec.stop_seconds):
            return
        log.warning("%s did not end in time and is killed", self.spec.name)
        self.kill()
        if not await self._wait_for_end(KILL_SECONDS):
            log.error("%s cannot be killed (waiting for a device?)", self.spec.name)

    async def _wait_for_end(self, seconds: float) -> bool:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._ended.wait(), seconds)
        return self._ended.is_set()


def describe_end(code: int) -> str:
    """An exit status in words."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"
