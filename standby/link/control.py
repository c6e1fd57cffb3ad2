"""The node's own control line: JSON lines over a Unix socket, for processes of this node only.

One request and one answer a line; the socket file may be opened by its owner alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import socket
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, cast

from standby.domain.sentence import pack, unpack

log = logging.getLogger(__name__)

MAX_LINE = 1024 * 1024
"""Longest request or answer in bytes."""
NOTIFY_BOUND = 0.05
"""Seconds that a notification may cost its caller at most."""
_SUN_PATH = 107
_RETRY_PAUSE = 0.002

_FAILED = {"ok": False, "reason": "internal error, see the log"}

Handler = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]


class ControlError(Exception):
    """The other process gave no usable answer."""


class ControlUnavailable(ControlError):
    """Nobody listens on the control line."""


class ControlTimeout(ControlError):
    """No answer in time; whether the request was carried out is not known."""


@contextlib.contextmanager
def _bindable(path: Path) -> Iterator[str]:
    """A name for ``path`` that fits into a socket address, whatever its length."""
    plain = os.fspath(path)
    if len(os.fsencode(plain)) <= _SUN_PATH:
        yield plain
        return
    directory = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{directory}/{path.name}"
    finally:
        os.close(directory)


class _Nonsense(ValueError):
    """A line that is not a message."""


class ControlServer:
    """Answers control requests with what ``handler`` makes of them.

    A handler's exception is logged and answered with ``{"ok": false, "reason": ...}``. A request
    is carried out even if its sender has gone meanwhile.
    """

    def __init__(self, path: Path, handler: Handler) -> None:
        self.bad_requests = 0
        self._path = path
        self._handler = handler
        self._server: asyncio.Server | None = None
        self._inode = 0
        self.tasks: set[asyncio.Task[None]] = set()
        self.connections: set[_ControlProtocol] = set()

    async def start(self) -> None:
        """Listen; a socket file left by an earlier process is replaced. Raises OSError."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        listener = self._listener()
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: _ControlProtocol(self), sock=listener, backlog=1024
        )

    def _listener(self) -> socket.socket:
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._path.unlink(missing_ok=True)
            with _bindable(self._path) as name:
                listener.bind(name)
            # Nobody can connect before the socket listens, so the mode is right in time.
            self._path.chmod(0o600)
            self._inode = self._path.stat().st_ino
            listener.settimeout(0)
        except BaseException:
            listener.close()
            raise
        return listener

    async def close(self) -> None:
        """Stop listening, end what is under way, remove the socket file."""
        if self._server is None:
            return
        self._server.close()
        self._server = None
        for connection in list(self.connections):
            connection.abort()
        for task in list(self.tasks):
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        await asyncio.sleep(0)  # lets the loop give the aborted sockets back
        with contextlib.suppress(OSError):
            if self._path.stat().st_ino == self._inode:
                self._path.unlink()

    def spawn(self, connection: _ControlProtocol, line: bytes) -> None:
        task = asyncio.get_running_loop().create_task(self._answer(connection, line))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _answer(self, connection: _ControlProtocol, line: bytes) -> None:
        try:
            data = _encode(await self._result(line))
        except (TypeError, ValueError):
            log.exception("the answer to a control request is no JSON")
            data = _encode(_FAILED)
        connection.answer(data)

    async def _result(self, line: bytes) -> dict[str, Any]:
        try:
            message = _decode(line)
        except ValueError as error:
            self.bad_requests += 1
            return {"ok": False, "reason": f"not understood: {error}"}
        try:
            return await self._handler(message)
        except Exception:
            log.exception("control request %r failed", message.get("command"))
            return dict(_FAILED)


class _ControlProtocol(asyncio.Protocol):
    """One connection: lines are answered one after the other, in their order."""

    def __init__(self, server: ControlServer) -> None:
        self._server = server
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._busy = False
        self._ended = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._server.connections.add(self)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if len(self._buffer) > MAX_LINE:
            self._server.bad_requests += 1
            self.abort()
            return
        self._next()

    def eof_received(self) -> bool:
        # The sender may still wait for its answer.
        self._ended = True
        return self._busy

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._server.connections.discard(self)

    def answer(self, data: bytes) -> None:
        self._busy = False
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)
            self._next()
            if self._ended and not self._busy:
                self._transport.close()

    def abort(self) -> None:
        self._buffer.clear()
        if self._transport is not None:
            self._transport.abort()

    def _next(self) -> None:
        end = self._buffer.find(b"\n")
        if self._busy or end < 0:
            return
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        self._busy = True
        self._server.spawn(self, line)


def _encode(message: dict[str, Any]) -> bytes:
    return json.dumps(pack(message), separators=(",", ":")).encode() + b"\n"


def _decode(line: bytes) -> dict[str, Any]:
    try:
        message = json.loads(line)
    except RecursionError:
        raise _Nonsense("nested too deeply") from None
    if not isinstance(message, dict):
        raise _Nonsense("not an object")
    found: dict[str, Any] = unpack(message)
    return found


def call(path: Path, message: dict[str, Any], timeout: float) -> dict[str, Any]:
    """Send one request and wait for its answer, ``timeout`` seconds in all.

    Raises ControlUnavailable, ControlTimeout or, for nonsense, ControlError.
    """
    deadline = time.monotonic() + timeout
    try:
        with _connected(path, deadline) as line:
            _send(line, _encode(message), deadline)
            return _decode(_receive(line, deadline))
    except TimeoutError:
        raise ControlTimeout(f"no answer within {timeout:g} s") from None
    except ValueError as error:
        raise ControlError(f"the answer is not understood: {error}") from None
    except (ConnectionError, FileNotFoundError) as error:
        raise ControlUnavailable(f"nobody answers at {path} ({error.strerror})") from None
    except OSError as error:
        raise ControlError(f"{path}: {error}") from None


def notify(path: Path, message: dict[str, Any], bound: float = NOTIFY_BOUND) -> bool:
    """Send a request whose answer nobody waits for; never raises, costs ``bound`` seconds at most.

    False when it could not even be sent.
    """
    deadline = time.monotonic() + bound
    try:
        with _connected(path, deadline) as line:
            _send(line, _encode(message), deadline)
    except (OSError, ValueError, TypeError):
        return False
    return True


async def acall(path: Path, message: dict[str, Any], timeout: float) -> dict[str, Any]:
    """``call`` for a running event loop, in a thread of its own; the same errors."""
    return await asyncio.to_thread(call, path, message, timeout)


def _remaining(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


@contextlib.contextmanager
def _connected(path: Path, deadline: float) -> Iterator[socket.socket]:
    with _bindable(path) as name:
        line = _connect(name, deadline)
    with line:
        yield line


def _connect(name: str, deadline: float) -> socket.socket:
    """A Unix socket that is not connected at once refuses with EAGAIN (queue full): try again."""
    while True:
        line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            line.settimeout(_remaining(deadline))
            line.connect(name)
        except BlockingIOError:
            line.close()
            time.sleep(min(_RETRY_PAUSE, _remaining(deadline)))
        except BaseException:
            line.close()
            raise
        else:
            return line


def _send(line: socket.socket, data: bytes, deadline: float) -> None:
    line.settimeout(_remaining(deadline))
    line.sendall(data)


def _receive(line: socket.socket, deadline: float) -> bytes:
    """One line; raises ConnectionError when the other side ends before it is whole."""
    data = bytearray()
    while b"\n" not in data:
        line.settimeout(_remaining(deadline))
        part = line.recv(65536)
        if not part:
            raise ConnectionResetError(0, "closed without an answer")
        data += part
        if len(data) > MAX_LINE:
            raise ValueError("too long")
    return bytes(data[: data.index(b"\n")])
