"""The supervisor's side of the nursery: asks it for children, and does without it when it must."""

import contextlib
import json
import logging
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from typing import IO

from omm_portal.node import nursery
from omm_portal.node.process import ChildSpec, Running, spawn, tied_to

log = logging.getLogger("omm.supervisor")

BIRTH_SECONDS = 1.0


class Births:
    """Starts children, through the nursery where that works, else as new programs."""

    def __init__(self, line: socket.socket | None = None, pid: int | None = None) -> None:
        self.nursery: Running | None = Running(pid) if pid is not None else None
        self._line = line
        self._is_ready = False

    @classmethod
    def inherited(cls, line_fd: int, pid: int) -> "Births":
        """The nursery that ``manage.py omm`` forked before it became the supervisor."""
        os.set_inheritable(line_fd, False)
        return cls(socket.socket(fileno=line_fd), pid)

    def start_nursery(self) -> int:
        """Start a nursery from nothing, its pid; it helps once it has imported everything."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            popen = subprocess.Popen(
                [sys.executable, "-m", nursery.__name__, "--line-fd", str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                process_group=0,
                preexec_fn=tied_to(os.getpid()),  # noqa: PLW1509 (it takes no lock)
            )
        self._line, self._is_ready = ours, False
        self.nursery = Running(popen.pid, popen)
        return popen.pid

    def nursery_ended(self) -> None:
        """The nursery was reaped."""
        self.nursery = None
        self._forget()

    def start(self, spec: ChildSpec, output: IO[bytes] | int) -> Running:
        """Start one child, tied to this process; raises OSError when that is not possible."""
        if self._line is not None and spec.command[0] == sys.executable and self._ready():
            with contextlib.suppress(OSError, ValueError):
                return self._ask(self._line, spec, output)
            self.end()  # it hangs or has died: a new one is started when it is reaped
        popen = spawn(spec, output)
        return Running(popen.pid, popen)

    def end(self) -> None:
        """No more births from this nursery."""
        self._forget()
        if self.nursery is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.nursery.pid, signal.SIGKILL)

    def _forget(self) -> None:
        if self._line is not None:
            self._line.close()
        self._line, self._is_ready = None, False

    def _ready(self) -> bool:
        """True once the nursery has said that it has imported everything."""
        if self._line is None or self._is_ready:
            return self._is_ready
        self._line.settimeout(0.0)
        with contextlib.suppress(OSError):
            self._is_ready = self._line.recv(16) == b"ready"
        return self._is_ready

    def wait_ready(self) -> None:
        """Wait for the first word of a nursery that has imported everything already."""
        if self._line is not None:
            self._line.settimeout(BIRTH_SECONDS)
            with contextlib.suppress(OSError):
                self._is_ready = self._line.recv(16) == b"ready"

    def _ask(self, line: socket.socket, spec: ChildSpec, output: IO[bytes] | int) -> Running:
        """One birth. A child that comes too late for us finds its go-pipe closed and ends."""
        request = {
            "name": spec.name,
            "command": spec.command,
            "environment": dict(spec.environment),
        }
        reader, writer = os.pipe()
        try:
            with _descriptor(output) as target:
                line.settimeout(BIRTH_SECONDS)
                socket.send_fds(line, [json.dumps(request).encode()], [target, reader])
            pid = int(line.recv(32))
            os.write(writer, nursery.GO)
        finally:
            os.close(reader)
            os.close(writer)
        return Running(pid)


@contextlib.contextmanager
def _descriptor(output: IO[bytes] | int) -> Iterator[int]:
    """The file's descriptor; of the null device for subprocess.DEVNULL."""
    if not isinstance(output, int):
        yield output.fileno()
        return
    descriptor = os.open(os.devnull, os.O_WRONLY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
