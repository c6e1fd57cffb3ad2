"""Child processes that cannot outlive this one, and what is left of earlier ones."""

import contextlib
import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

PR_SET_PDEATHSIG = 1
_TICKS_AFTER_NAME = 19  # field 22 of /proc/PID/stat, counted after the process name
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True)
class ChildSpec:
    """How one child is started and how long it gets to end, in seconds."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    stop_seconds: float


def boot_time() -> float:
    """Seconds since the kernel started, suspension included."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def _tie_to(parent: int) -> Callable[[], None]:
    """What a new child runs before its program: it dies with ``parent``, however that ends."""

    def tie() -> None:
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # the parent died before the line above
            os._exit(1)

    return tie


def spawn(
    spec: ChildSpec, output: IO[bytes] | int, environment: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """Start a child in a process group of its own, tied to this process' life.

    ``environment`` replaces this process' own one beneath the child's additions.
    Call it from the main thread: the kernel ties the child to the *thread* that started it.
    """
    return subprocess.Popen(
        spec.command,
        env={**(os.environ if environment is None else environment), **spec.environment},
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        process_group=0,
        preexec_fn=_tie_to(os.getpid()),  # noqa: PLW1509 (it takes no lock)
    )


def signal_group(leader: int, number: int) -> None:
    """Signal a child and everything it started; nothing happens when all have ended."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, number)


def start_ticks(pid: int) -> int | None:
    """When a process started, in kernel ticks: with its pid it names one process for ever.

    None when there is no such process, or only its zombie.
    """
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else int(fields[_TICKS_AFTER_NAME])


def kill_and_wait(pid: int, ticks: int, seconds: float) -> bool:
    """SIGKILL the process that started at ``ticks`` and wait; True when it is gone."""
    deadline = time.monotonic() + seconds
    while start_ticks(pid) == ticks:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True
