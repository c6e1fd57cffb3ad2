"""The files of a running node: the lock that makes it the only one, and the process list."""

import contextlib
import fcntl
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from omm_portal.node.process import kill_and_wait, start_ticks

GUARD = "guard"
LEFTOVER_SECONDS = 5.0


class AlreadyRunning(RuntimeError):
    """Another supervisor runs on this data directory; the message names its pid."""


def take_lock(run_dir: Path) -> int:
    """Become the only supervisor of a data directory; the descriptor holds the lock.

    Raises AlreadyRunning.
    """
    run_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(run_dir / "omm.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        pid = os.read(descriptor, 32).decode().strip() or "unknown"
        os.close(descriptor)
        raise AlreadyRunning(f"an OMM runs on {run_dir.parent} already: pid {pid}") from None
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    return descriptor


class ProcessList:
    """``pids.json``: every process of the node, replaced as a whole at each change."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._rows: dict[str, dict[str, Any]] = {}

    def add(self, name: str, pid: int) -> None:
        """A process has started."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        row = {"name": name, "pid": pid, "started": now, "start_ticks": start_ticks(pid)}
        self._rows[name] = row
        self._write()

    def remove(self, name: str) -> None:
        """A process has ended."""
        if self._rows.pop(name, None) is not None:
            self._write()

    def clear(self) -> None:
        """The node has stopped: no list is left."""
        self._rows.clear()
        self._path.unlink(missing_ok=True)

    def _write(self) -> None:
        draft = self._path.with_suffix(".tmp")
        # A full disk must not stop the supervisor: the list is only a help for outsiders.
        with contextlib.suppress(OSError):
            draft.write_text(json.dumps(list(self._rows.values()), indent=1), encoding="utf-8")
            draft.replace(self._path)


def read_process_list(path: Path) -> list[dict[str, Any]]:
    """The rows of ``pids.json``; empty when there is none or it cannot be understood."""
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def end_leftovers(path: Path) -> list[str]:
    """Kill what an earlier run left; the names of what would not end. The caller holds the lock."""
    stubborn = []
    rows = sorted(read_process_list(path), key=lambda row: row.get("name") == GUARD)
    for row in rows:  # the guard last: it may still be at work
        pid, ticks = row.get("pid"), row.get("start_ticks")
        if not isinstance(pid, int) or not isinstance(ticks, int) or pid == os.getpid():
            continue
        if not kill_and_wait(pid, ticks, LEFTOVER_SECONDS):
            stubborn.append(f"{row.get('name')} (pid {pid})")
    path.unlink(missing_ok=True)
    return stubborn
