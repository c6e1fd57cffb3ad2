"""The sockets of the base stations' link: who connects, who is served, who is let go and why.

What a base station may do is not decided here: the ``Desk`` knows keys and settings. The server
keeps the rules of the line itself: limits, deadlines, one connection for each base station.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections import Counter
from collections.abc import Awaitable, Coroutine, Iterable
from dataclasses import dataclass
from typing import Any, Protocol, cast

from rfps.link import wire
from rfps.link.cipher import new_challenge
from rfps.link.session import Admission, NoProof, Session, Stage

log = logging.getLogger("rfps.link")

BACKLOG = 4096
"""Connections that the kernel keeps waiting: after a fail-over all base stations come at once."""
TICK = 0.25
"""Seconds between two looks at the deadlines."""
MAX_SEALED = 4 * (wire.HEADER + wire.MAX_PAYLOAD)
"""Bytes that may wait to be sent to one base station; more, and it does not read."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What the server puts up with; seconds and connections."""

    interval: int
    """Between two heartbeats; three missed ones end the connection."""
    handshake: float = 10.0
    """For the introduction, and again for the proof."""
    half_open: int = 64
    """Connections of one address that have not proved a key yet."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a base station is not let in."""

    code: str
    """unknown, captured, too_old, not_safe_yet, ..."""
    for_good: bool = False
    """It need not try again (its software is too old); else it comes back after some seconds."""


class Link:
    """One connection of a base station, as the desk sees it."""

    __slots__ = (
        "address",
        "beats",
        "heard_at",
        "introduction",
        "key",
        "since",
        "unknown",
        "uptime",
    )

    def __init__(self, address: str, now: float) -> None:
        self.address = address
        self.since = now
        """When it connected, on the loop's clock."""
        self.heard_at = now
        self.introduction: wire.Introduction | None = None
        self.key: bytes | None = None
        self.uptime: float | None = None
        """Seconds, as the last heartbeat says."""
        self.beats = 0
        self.unknown = 0
        """Messages of types that are not understood; they do no harm."""

    @property
    def mac(self) -> str:
        """Of a base station that has introduced itself; else empty."""
        return self.introduction.mac if self.introduction else ""


class Desk(Protocol):
    """Decides about base stations, and is told what becomes of them. Runs in the server's loop."""

    def admission(
        self, introduction: wire.Introduction, address: str
    ) -> Awaitable[Admission | Refusal]:
        """Whether this base station may come in, and with which keys."""

    def proved(self, link: Link) -> Awaitable[wire.Welcome | Refusal]:
        """The base station holds ``link.key``: what it is told, once that is kept durably."""

    def connected(self, link: Link) -> None:
        """It is served from now on."""

    def heard(self, link: Link) -> None:
        """A heartbeat came."""

    def lost(self, link: Link, reason: str) -> None:
        """A connection that was served is over."""

    def refused(self, link: Link, reason: str) -> None:
        """A connection ended before it was served; ``link`` may not have introduced itself."""


class Connection(asyncio.Protocol):
    """Joins a socket and a session."""

    def __init__(self, server: RfpServer) -> None:
        self._server = server
        self._session = Session(new_challenge())
        self._task: asyncio.Task[None] | None = None
        self.transport: asyncio.Transport | None = None
        self.link: Link
        self.deadline: float | None = None
        """Until when the handshake must have come a step further; None once it is served."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the challenge, unless this address has too many connections half open."""
        self.transport = cast("asyncio.Transport", transport)
        now = self._server.now()
        peer = transport.get_extra_info("peername")
        self.link = Link(peer[0] if peer else "", now)
        self.deadline = now + self._server.limits.handshake
        if not self._server.enter(self):
            self.end("half_open")
            return
        self.write(self._session.opening())

    def data_received(self, data: bytes) -> None:
        """Feed the session; whatever is wrong ends this connection and nothing else."""
        if self.transport is None:
            return
        before = self._session.stage
        try:
            frames = self._session.feed(data)
        except NoProof:
            self.end("no_proof")
            return
        except wire.WireProblem as problem:
            self.end(f"bad_frame: {problem}")
            return
        if before is not self._session.stage:
            self._go_on()
        if frames or before is Stage.SERVED:
            self._hear(frames)

    def _go_on(self) -> None:
        if self._session.stage is Stage.ADMISSION:
            self.link.introduction = self._session.introduction
            self._begin(self._ask())
        elif self._session.stage is Stage.SERVED:
            self._begin(self._welcome())

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        self.deadline = self._server.now() + self._server.limits.handshake
        self._task = asyncio.create_task(work)
        self._task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        """A fault of ours ends the connection and is logged, whatever it is."""
        if task.cancelled() or task.exception() is None:
            return
        log.error("%s cannot be served", self.link.mac, exc_info=task.exception())
        self.end("our_fault")

    async def _ask(self) -> None:
        introduction = self.link.introduction
        if introduction is None:
            return
        verdict = await self._server.desk.admission(introduction, self.link.address)
        if self.transport is None:
            return
        if isinstance(verdict, Refusal):
            self.write(self._session.refuse(for_good=verdict.for_good))
            self.end(verdict.code)
            return
        self.deadline = self._server.now() + self._server.limits.handshake
        self.write(self._session.admit(verdict))

    async def _welcome(self) -> None:
        self.link.key = self._session.key
        answer = await self._server.desk.proved(self.link)
        if self.transport is None:
            return
        if isinstance(answer, Refusal):
            self.end(answer.code)
            return
        self.write(self._session.send(*answer.frames()))
        self._server.serve(self)

    def _hear(self, frames: Iterable[wire.Frame]) -> None:
        link = self.link
        link.heard_at = self._server.now()
        for frame in frames:
            if frame.kind == wire.Kind.HEARTBEAT:
                link.beats += 1
                link.uptime = wire.read_uptime(frame.payload)
                self._server.desk.heard(link)
            else:
                link.unknown += 1

    def send(self, *frames: wire.Frame) -> None:
        """Encrypt and send; a base station that does not read is let go."""
        self.write(self._session.send(*frames))

    def write(self, data: bytes) -> None:
        """Send bytes as they are."""
        if self.transport is None:
            return
        self.transport.write(data)
        if self.transport.get_write_buffer_size() > MAX_SEALED:
            self.end("does_not_read")

    def end(self, reason: str) -> None:
        """Close the connection; what was written before still goes out."""
        transport, self.transport = self.transport, None
        if transport is None:
            return
        if self._task is not None and self._task is not asyncio.current_task():
            self._task.cancel()
        self._session.close()
        self._server.leave(self, reason)
        if reason in _AT_ONCE:
            transport.abort()
        else:
            transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """The other side closed, or the line broke."""
        self.end("closed")

    def eof_received(self) -> bool:
        """A base station that closes its half is gone."""
        return False


_AT_ONCE = {"role_lost", "silent", "does_not_read", "half_open"}


class RfpServer:
    """Serves base stations while open; every connection ends when it closes."""

    def __init__(self, desk: Desk, limits: Limits) -> None:
        self.desk = desk
        self.limits = limits
        self._loop = asyncio.get_running_loop()
        self._listener: asyncio.Server | None = None
        self._ticking: asyncio.Task[None] | None = None
        self._all: set[Connection] = set()
        self._half_open: Counter[str] = Counter()
        self._served: dict[str, Connection] = {}

    def now(self) -> float:
        """Seconds of the loop's clock."""
        return self._loop.time()

    @property
    def is_open(self) -> bool:
        """True while base stations can connect."""
        return self._listener is not None

    @property
    def served(self) -> int:
        """How many base stations are served now."""
        return len(self._served)

    @property
    def half_open(self) -> int:
        """Connections that have not proved a key yet."""
        return self._half_open.total()

    def find(self, mac: str) -> Connection | None:
        """The connection of a base station that is served."""
        return self._served.get(mac)

    async def open(self, address: str, port: int) -> None:
        """Listen; raises OSError when the address cannot be had."""
        if self._listener is not None:
            return
        listener = _listening_socket(address, port)
        self._listener = await self._loop.create_server(
            lambda: Connection(self), sock=listener, backlog=BACKLOG
        )
        self._ticking = asyncio.create_task(self._watch())

    def close(self) -> None:
        """Close the port and every connection at once."""
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.close()
        if self._ticking is not None:
            self._ticking.cancel()
            self._ticking = None
        for connection in list(self._all):
            connection.end("role_lost")

    # --- called by connections --------------------------------------------------------------------

    def enter(self, connection: Connection) -> bool:
        """Count a new connection in; False when its address has too many that proved nothing."""
        self._all.add(connection)
        self._half_open[connection.link.address] += 1
        return self._half_open[connection.link.address] <= self.limits.half_open

    def serve(self, connection: Connection) -> None:
        """From now on this connection is the one of its base station."""
        link = connection.link
        self._leave_half_open(link.address)
        former = self._served.get(link.mac)
        self._served[link.mac] = connection
        if former is not None:
            former.end("replaced")
        connection.deadline = None
        link.heard_at = self.now()
        self.desk.connected(link)

    def leave(self, connection: Connection, reason: str) -> None:
        """Count a connection out that is about to be closed."""
        self._all.discard(connection)
        link = connection.link
        if connection.deadline is None:
            if self._served.get(link.mac) is connection:
                del self._served[link.mac]
            self.desk.lost(link, reason)
        else:
            self._leave_half_open(link.address)
            self.desk.refused(link, reason)

    def _leave_half_open(self, address: str) -> None:
        self._half_open[address] -= 1
        if self._half_open[address] <= 0:
            del self._half_open[address]

    async def _watch(self) -> None:
        """End connections that ran out of time."""
        while True:
            await asyncio.sleep(TICK)
            now = self.now()
            silent = now - 3 * self.limits.interval
            for connection in list(self._all):
                if connection.deadline is not None:
                    if now > connection.deadline:
                        connection.end("too_slow")
                elif connection.link.heard_at < silent:
                    connection.end("silent")


def _listening_socket(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            with contextlib.suppress(OSError):
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.setblocking(False)
        listener.bind((address, port))
    except OSError:
        listener.close()
        raise
    return listener
