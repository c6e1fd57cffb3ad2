"""The listening side of the peer channel."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable

from standby.link.frames import (
    MAX_MESSAGE,
    BadFrame,
    LinkAuthError,
    LinkDown,
    Message,
    encode_frame,
    read_frame,
)
from standby.link.streams import (
    checked_peer,
    keep_short,
    open_tls,
    refused_by_tls,
    socket_address,
    tune,
)
from standby.link.tls import LinkContext

log = logging.getLogger(__name__)

Handler = Callable[[str, Message], Awaitable[Message | None]]

HANDSHAKE_TIMEOUT = 2.0
MAX_HALF_OPEN = 16
MAX_CONNECTIONS = 16
BACKLOG = 64
LISTEN_PAUSE = 5.0
"""Seconds after which an address that could not be listened on is tried again."""


class ChannelServer:
    """Listens for the peer and answers its requests one after the other.

    ``handler(peer_node, message)`` gives the answer or None for an empty one; ``on_bad(kind)`` is
    told of everything that was turned away: "busy", "handshake" (not finished), "auth",
    "oversized", "schema".
    """

    def __init__(self, *, limit: int = MAX_MESSAGE) -> None:
        self.port = 0
        self.half_open = 0
        self.bad: dict[str, int] = {}
        self._limit = limit
        self._context: Callable[[], LinkContext]
        self._handler: Handler
        self._on_bad: Callable[[str], None]
        self._listeners: list[socket.socket] = []
        self._acceptors: list[asyncio.Task[None]] = []
        self._connections: dict[asyncio.Task[None], asyncio.StreamWriter | None] = {}

    async def start(
        self,
        addresses: list[str],
        port: int,
        context: Callable[[], LinkContext],
        handler: Handler,
        on_bad: Callable[[str], None],
    ) -> None:
        """Listen on every address (port 0: any free one, see ``port``).

        Raises OSError for the first one; a further one that this host does not have at the moment
        is tried again and again.
        ``context`` is asked at every connection: the pair secret may be changing.
        """
        self._context, self._handler, self._on_bad = context, handler, on_bad
        self.port = port
        first, *further = addresses
        self._listen_on(first)
        missing = [address for address in further if not self._can_listen(address)]
        if missing:
            self._acceptors.append(asyncio.create_task(self._listen_later(missing)))

    def _listen_on(self, address: str) -> None:
        listener = self._listen(address)
        self._listeners.append(listener)
        self._acceptors.append(asyncio.create_task(self._accept(listener)))

    def _can_listen(self, address: str) -> bool:
        try:
            self._listen_on(address)
        except OSError as error:
            log.warning("cannot listen on %s: %s", address, error)
            return False
        return True

    async def _listen_later(self, addresses: list[str]) -> None:
        while addresses:
            await asyncio.sleep(LISTEN_PAUSE)
            addresses = [address for address in addresses if not self._can_listen(address)]

    def _listen(self, address: str) -> socket.socket:
        family, name = socket_address(address, self.port)
        listener = socket.socket(family, socket.SOCK_STREAM)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            keep_short(listener)
            listener.bind(name)
            listener.listen(BACKLOG)
            listener.settimeout(0)
        except BaseException:
            listener.close()
            raise
        self.port = self.port or listener.getsockname()[1]
        return listener

    async def close(self) -> None:
        """Stop listening and drop every connection; handlers under way are cancelled."""
        tasks = [*self._acceptors, *self._connections]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for listener in self._listeners:
            listener.close()
        self._listeners, self._acceptors = [], []

    async def _accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, _address = await loop.sock_accept(listener)
            except (OSError, RuntimeError) as error:
                # The connection was gone already, this process has no descriptors left, or the
                # loop still knows the number of a socket that has just been closed.
                log.warning("cannot accept a connection: %s", error)
                await asyncio.sleep(0.1)
                continue
            if self.half_open >= MAX_HALF_OPEN:
                connection.close()
                self._count("busy")
                continue
            self.half_open += 1
            task = loop.create_task(self._serve(connection))
            self._connections[task] = None
            task.add_done_callback(self._connections.pop)

    def _count(self, kind: str) -> None:
        self.bad[kind] = self.bad.get(kind, 0) + 1
        self._on_bad(kind)

    async def _serve(self, connection: socket.socket) -> None:
        """One connection from its first byte to its end; never raises."""
        try:
            opened = await self._open(connection)
        finally:
            self.half_open -= 1
        if opened is None:
            return
        reader, writer, node = opened
        self._admit(writer)
        try:
            await self._converse(reader, writer, node)
        except (LinkDown, OSError):
            pass
        except BadFrame as error:
            self._count(error.kind)
        except Exception:
            log.exception("the connection of %s failed", node)
        finally:
            writer.transport.abort()

    async def _open(
        self, connection: socket.socket
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, str] | None:
        context = self._context()
        try:
            tune(connection)
            reader, writer = await open_tls(
                connection, context, server=True, timeout=HANDSHAKE_TIMEOUT
            )
        except OSError as error:
            connection.close()
            self._count("auth" if refused_by_tls(error) else "handshake")
            return None
        try:
            return reader, writer, checked_peer(writer, context)
        except LinkAuthError as error:
            # It holds the secret, so it may be told why it does not get in.
            writer.write(encode_frame({"type": "refused", "reason": str(error)}))
            writer.close()
            self._count("auth")
            return None

    def _admit(self, writer: asyncio.StreamWriter) -> None:
        """Keep the number of connections bounded: the oldest one makes room."""
        admitted = [each for each in self._connections.values() if each is not None]
        if len(admitted) >= MAX_CONNECTIONS:
            admitted[0].transport.abort()
        if task := asyncio.current_task():
            del self._connections[task]
            self._connections[task] = writer

    async def _converse(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, node: str
    ) -> None:
        # TLS 1.3 lets a client believe it is in before it is checked; only this word proves it.
        await self._send(writer, {"type": "welcome"})
        while True:
            message = await read_frame(reader, self._limit)
            await self._send(writer, await self._answer(node, message))

    async def _answer(self, node: str, message: Message) -> Message:
        try:
            return await self._handler(node, message) or {"type": "none"}
        except Exception:
            log.exception("message %r of %s failed", message["type"], node)
            return {"type": "error", "reason": "internal error"}

    async def _send(self, writer: asyncio.StreamWriter, message: Message) -> None:
        writer.write(encode_frame(message, self._limit))
        await writer.drain()
