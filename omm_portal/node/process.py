"""Child processes that cannot outlive this one, and what is left of earlier ones."""

import contextlib
import ctypes
import os
import resource
import signal
import subprocess
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

FILES = 65_536
PR_SET_PDEATHSIG, PR_SET_NAME, PR_SET_CHILD_SUBREAPER = 1, 15, 36
# Fields 22, 48 and 49 of /proc/PID/stat, counted after the process name.
_TICKS, _ARGUMENTS_START, _ARGUMENTS_END = 19, 45, 46
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True)
class ChildSpec:
    """How one child is started and how long it gets to end, in seconds."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    stop_seconds: float


class Running:
    """A child of this process that runs or waits to be reaped."""

    def __init__(self, pid: int, popen: subprocess.Popen[bytes] | None = None) -> None:
        self.pid = pid
        self._popen = popen  # it reaps its process itself if nobody keeps it

    def has_ended(self) -> bool:
        """True when the child is a zombie; its number is still its own."""
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def reap(self) -> int:
        """Let a child that has ended go; its exit code, or minus the signal's number."""
        if self._popen is not None:
            return self._popen.wait()
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def reap_orphans(known: Collection[int | None]) -> None:
    """Let zombies go that are nobody's, until a ``known`` child's is met: that is reaped next."""
    with contextlib.suppress(ChildProcessError):
        while found := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            if found.si_pid in known:
                return
            os.waitpid(found.si_pid, 0)


def boot_time() -> float:
    """Seconds since the kernel started, suspension included."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def tie_to(parent: int) -> None:
    """Die with ``parent``, however that ends; call it in the child."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # the parent died before the line above
        os._exit(1)


def adopt_orphans() -> None:
    """Become the parent of descendants whose own parent ends."""
    _libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def allow_many_files() -> None:
    """Let this process and its children open enough files for a socket of every open page.

    Many systems begin with a soft limit of 1024, which few more than 1,000 pages would use up.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


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
        preexec_fn=tied_to(os.getpid()),  # noqa: PLW1509 (it takes no lock)
    )


def tied_to(parent: int) -> Callable[[], None]:
    """What a new process runs before its program: see tie_to()."""
    return lambda: tie_to(parent)


def signal_group(leader: int, number: int) -> None:
    """Signal a child and everything it started; nothing happens when all have ended."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, number)


def start_ticks(pid: int) -> int | None:
    """When a process started, in kernel ticks: with its pid it names one process for ever.

    None when there is no such process, or only its zombie.
    """
    try:
        fields = _stat(f"/proc/{pid}/stat")
    except OSError:
        return None
    return None if fields[0] in "ZX" else int(fields[_TICKS])


def _stat(path: str) -> list[str]:
    text = Path(path).read_text(encoding="utf-8", errors="replace")
    return text.rpartition(")")[2].split()


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


def set_title(name: str, title: str) -> None:
    """Show what this process is in ``ps`` and ``top``; ``title`` is cut to the room there is."""
    _libc.prctl(PR_SET_NAME, name.encode()[:15], 0, 0, 0)
    fields = _stat("/proc/self/stat")
    start, end = int(fields[_ARGUMENTS_START]), int(fields[_ARGUMENTS_END])
    if 0 < start < end:
        text = title.encode()[: end - start - 1]
        ctypes.memset(start, 0, end - start)
        ctypes.memmove(start, text, len(text))
