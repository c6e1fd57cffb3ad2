"""TCP and TLS below the peer channel: sockets, handshakes, and who is at the other end."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from typing import Any

from standby.link.frames import CHUNK, LinkAuthError
from standby.link.tls import LinkContext, peer_node_name

_KEEPALIVE = (
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 2),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
    (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 5000),
)

LARGEST_SEGMENT = 1180
"""Bytes of TCP in a packet: no longer than the longest heartbeat. Over a line that drops longer
packets without a word nothing that the OMMs say to each other may be lost for its length.
"""


def socket_address(host: str, port: int) -> tuple[socket.AddressFamily, Any]:
    """Family and address of a numeric host; raises OSError for a name."""
    flags = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)
    return found[0][0], found[0][4]


def keep_short(unconnected: socket.socket) -> None:
    """Packets both ways that pass wherever heartbeats pass. Before it connects or listens."""
    with contextlib.suppress(OSError):  # a system that forbids it sends what the line bears
        unconnected.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, LARGEST_SEGMENT)


def tune(connection: socket.socket) -> None:
    """Non-blocking, without delay for small messages; a vanished host is noticed in seconds."""
    connection.settimeout(0)
    for level, option, value in _KEEPALIVE:
        connection.setsockopt(level, option, value)


async def open_tls(
    connection: socket.socket, context: LinkContext, *, server: bool, timeout: float
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Handshake over a connected socket, which is closed if that fails."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=2 * CHUNK)
    protocol = asyncio.StreamReaderProtocol(reader)
    opening = loop.create_task(_handshake(connection, protocol, context, server, timeout))
    try:
        transport = await asyncio.shield(opening)
    except asyncio.CancelledError:
        _give_up(opening, connection)
        raise
    except BaseException:
        connection.close()
        raise
    return reader, asyncio.StreamWriter(transport, protocol, reader, loop)


async def _handshake(
    connection: socket.socket,
    protocol: asyncio.StreamReaderProtocol,
    context: LinkContext,
    server: bool,  # noqa: FBT001
    timeout: float,
) -> asyncio.Transport:
    loop = asyncio.get_running_loop()
    if server:
        transport, _ = await loop.connect_accepted_socket(
            lambda: protocol, connection, ssl=context, ssl_handshake_timeout=timeout
        )
    else:
        transport, _ = await loop.create_connection(
            lambda: protocol,
            sock=connection,
            ssl=context,
            server_hostname="",
            ssl_handshake_timeout=timeout,
        )
    return transport


def _give_up(opening: asyncio.Task[asyncio.Transport], connection: socket.socket) -> None:
    """End a handshake whose caller has gone.

    Its transport may be ready at this very moment, so only it may close the socket: a number
    that is free again while the loop still knows the transport makes the next connection fail.
    """

    def abort(ended: asyncio.Task[asyncio.Transport]) -> None:
        if not ended.cancelled() and ended.exception() is None:
            ended.result().abort()

    opening.add_done_callback(abort)
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


def checked_peer(writer: asyncio.StreamWriter, context: LinkContext) -> str:
    """The other side's node id; raises LinkAuthError when it is not the one we expect."""
    node = peer_node_name(writer.get_extra_info("ssl_object"))
    if not node or node == context.node:
        raise LinkAuthError(f"the other side says that it is {node or 'nobody'}")
    if context.expected_peer is not None and node != context.expected_peer:
        raise LinkAuthError(f"{node} answers instead of {context.expected_peer}")
    return node


def refused_by_tls(error: OSError) -> bool:
    """Whether TLS said no, as opposed to a connection that just ended."""
    ended = isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError)
    return isinstance(error, ssl.SSLError) and not ended
