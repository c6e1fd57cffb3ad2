"""What the node's processes log, shown in readable lines on the supervisor's terminal."""

import contextlib
import os
import queue
import sys
import threading
from pathlib import Path
from typing import IO, TextIO

from omm_portal.node.logs import readable

QUEUE_LINES = 2000
CHUNK = 65536
FLUSH_SECONDS = 1.0


class Terminal:
    """Prints from a thread of its own: a terminal or pipe that takes nothing delays nobody.

    Lines that find the queue full are dropped.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._queue: queue.Queue[str | None] = queue.Queue(QUEUE_LINES)
        self._thread = threading.Thread(target=self._print, name="terminal", daemon=True)
        self._thread.start()

    def show(self, line: str) -> None:
        """Print one line some time soon."""
        with contextlib.suppress(queue.Full):
            self._queue.put_nowait(line)

    def close(self) -> None:
        """Print what is queued, for a second at most."""
        with contextlib.suppress(queue.Full):
            self._queue.put_nowait(None)
        self._thread.join(FLUSH_SECONDS)

    def _print(self) -> None:
        while (line := self._queue.get()) is not None:
            with contextlib.suppress(OSError, ValueError):
                self._stream.write(line + "\n")
                self._stream.flush()


class LogTail:
    """Follows one log file through its rotations, from its end at the time of creation."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[bytes] | None = None
        self._rest = b""
        with contextlib.suppress(OSError):
            self._file = path.open("rb")
            self._file.seek(0, os.SEEK_END)

    def lines(self) -> list[str]:
        """The whole lines that were written since the last call."""
        try:
            data = self._read()
        except OSError:
            return []
        *whole, self._rest = (self._rest + data).split(b"\n")
        return [line.decode("utf-8", "replace") for line in whole]

    def _read(self) -> bytes:
        if self._file is None:
            self._file = self._path.open("rb")
        data = self._file.read(CHUNK)
        if not data and self._was_replaced():
            self._file.close()
            self._file = self._path.open("rb")
            data = self._file.read(CHUNK)
        return data

    def _was_replaced(self) -> bool:
        if self._file is None:
            return True
        now, then = self._path.stat(), os.fstat(self._file.fileno())
        return now.st_ino != then.st_ino or now.st_size < self._file.tell()


class LogView:
    """The logs and raw output of all processes, merged on one terminal."""

    def __init__(self, log_dir: Path, names: tuple[str, ...], terminal: Terminal) -> None:
        self._terminal = terminal
        self._tails = {name: LogTail(log_dir / f"{name}.log") for name in names}
        self._outputs = {name: LogTail(log_dir / f"{name}.out") for name in names}

    def pump(self) -> None:
        """Show what is new."""
        for tail in self._tails.values():
            for line in tail.lines():
                self._terminal.show(readable(line))
        for name, tail in self._outputs.items():
            for line in tail.lines():
                self._terminal.show(f"{name}: {line}")


def stderr_terminal() -> Terminal:
    """The terminal that the supervisor was started on."""
    return Terminal(sys.stderr)
