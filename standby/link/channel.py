"""The peer channel: messages between the two OMMs over mutual TLS.

Every request has exactly one answer and answers come in the order of the requests. A frame that is
too long or not understood closes the link and is counted, nothing else. Keep messages around CHUNK
bytes: encoding and decoding run in the loop that also sends heartbeats.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from collections import deque

from standby.link.frames import (
    CHUNK,
    MAX_MESSAGE,
    BadFrame,
    LinkAuthError,
    LinkDown,
    LinkError,
    LinkRefused,
    LinkRemoteError,
    LinkTimeout,
    Message,
    encode_frame,
    read_frame,
)
from standby.link.server import ChannelServer
from standby.link.streams import (
    checked_peer,
    keep_short,
    open_tls,
    refused_by_tls,
    socket_address,
    tune,
)
from standby.link.tls import LinkContext

__all__ = [
    "CHUNK",
    "MAX_MESSAGE",
    "BadFrame",
    "ChannelClient",
    "ChannelServer",
    "LinkAuthError",
    "LinkDown",
    "LinkError",
    "LinkRefused",
    "LinkRemoteError",
    "LinkTimeout",
    "Message",
]


class ChannelClient:
    """Our side of a connection to the peer. A task always reads, so the end is seen at once."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, node: str, limit: int
    ) -> None:
        self.peer_node = node
        self.closed = asyncio.Event()
        """Set as soon as the connection has ended, whoever ended it."""
        self.why_closed = ""
        self._reader = reader
        self._writer = writer
        self._limit = limit
        self._waiting: deque[asyncio.Future[Message]] = deque()
        self._task = asyncio.create_task(self._read())

    @classmethod
    async def connect(
        cls,
        host: str,
        port: int,
        context: LinkContext,
        source: str,
        timeout: float = 0.3,
        limit: int = MAX_MESSAGE,
    ) -> ChannelClient:
        """Dial the peer from address ``source`` ("" = any); ``timeout`` seconds in all.

        Raises LinkRefused, LinkAuthError, else LinkDown.
        """
        try:
            async with asyncio.timeout(timeout):
                connection = await _dial(host, port, source)
                return await cls._greet(connection, context, timeout, limit)
        except TimeoutError:
            raise LinkDown(f"no answer from {host} within {timeout:g} s") from None
        except OSError as error:
            raise _dial_error(host, error) from None
        except BadFrame as error:
            raise LinkDown(f"{host} speaks nonsense ({error.kind})") from None

    @classmethod
    async def _greet(
        cls, connection: socket.socket, context: LinkContext, timeout: float, limit: int
    ) -> ChannelClient:
        reader, writer = await open_tls(connection, context, server=False, timeout=timeout)
        try:
            node = checked_peer(writer, context)
            greeting = await read_frame(reader, limit)
        except BaseException:
            writer.transport.abort()
            raise
        if greeting["type"] != "welcome":
            writer.transport.abort()
            raise LinkAuthError(str(greeting.get("reason", "not welcome")))
        return cls(reader, writer, node, limit)

    async def request(self, message: Message, timeout: float) -> Message:
        """Send a message and wait for its answer, ``timeout`` seconds in all.

        Raises LinkTimeout, LinkDown when the connection ends, LinkRemoteError when the peer's
        handler failed, ValueError for a message that is too long.
        """
        frame = encode_frame(message, self._limit)
        if self.closed.is_set():
            raise LinkDown(self.why_closed)
        answer: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._waiting.append(answer)
        try:
            async with asyncio.timeout(timeout):
                self._writer.write(frame)
                await self._writer.drain()
                found = await answer
        except TimeoutError:
            raise LinkTimeout(f"no answer to {message['type']!r} within {timeout:g} s") from None
        except OSError as error:
            raise LinkDown(f"the connection ended ({error})") from None
        finally:
            answer.cancel()  # a late answer finds its place taken and is dropped
        if found["type"] == "error":
            raise LinkRemoteError(str(found.get("reason", "")))
        return found

    async def close(self) -> None:
        """End the connection at once; open requests raise LinkDown."""
        self._end("closed by us")
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    async def _read(self) -> None:
        try:
            while True:
                self._deliver(await read_frame(self._reader, self._limit))
        except (LinkError, OSError) as error:
            self._end(str(error))
        finally:
            self._end("closed by us")

    def _deliver(self, message: Message) -> None:
        if not self._waiting:
            raise BadFrame("schema")
        answer = self._waiting.popleft()
        if not answer.done():
            answer.set_result(message)

    def _end(self, why: str) -> None:
        if self.closed.is_set():
            return
        self.why_closed = why
        self.closed.set()
        self._writer.transport.abort()
        for answer in self._waiting:
            if not answer.done():
                answer.set_exception(LinkDown(why))
        self._waiting.clear()


async def _dial(host: str, port: int, source: str) -> socket.socket:
    """A connected socket whose own address is ``source``; raises OSError."""
    family, name = socket_address(host, port)
    connection = socket.socket(family, socket.SOCK_STREAM)
    try:
        tune(connection)
        keep_short(connection)
        if source:
            connection.bind(socket_address(source, 0)[1])
        await asyncio.get_running_loop().sock_connect(connection, name)
    except BaseException:
        connection.close()
        raise
    return connection


def _dial_error(host: str, error: OSError) -> LinkError:
    if refused_by_tls(error):
        return LinkAuthError(f"{host} does not hold our pair secret ({error.strerror or error})")
    if error.errno == errno.ECONNREFUSED:
        return LinkRefused(f"{host} refuses connections")
    return LinkDown(f"{host} cannot be reached ({error})")
