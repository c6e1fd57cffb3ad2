"""A handshake whose caller gives up, at any moment, leaves nothing behind in the loop."""

import asyncio
import contextlib
import random

import pytest

from standby.link.channel import ChannelClient, ChannelServer, LinkError, Message
from standby.link.tls import client_context, server_context

HOST = "127.0.0.1"
SECRET = b"a pair secret that is long enough for it"


async def welcome(_peer: str, message: Message) -> Message:
    return message


@pytest.mark.asyncio
async def test_giving_up_at_any_moment_never_spoils_the_next_connection() -> None:
    """The old way closed the socket beneath a transport that was just ready: its number was
    given to the next socket, which the loop then refused."""
    chance = random.Random(1)
    server = ChannelServer()
    accepting = server_context(SECRET, "server")
    await server.start([HOST], 0, lambda: accepting, welcome, lambda _kind: None)
    context = client_context(SECRET, "client")
    try:
        for _ in range(150):
            with contextlib.suppress(LinkError):
                timeout = chance.uniform(0.001, 0.03)
                client = await ChannelClient.connect(HOST, server.port, context, HOST, timeout)
                await client.close()
        client = await ChannelClient.connect(HOST, server.port, context, HOST, 5)
        assert await client.request({"type": "hello"}, 5) == {"type": "hello"}
        await client.close()
    finally:
        await server.close()
    transports = asyncio.get_running_loop()._transports.values()  # type: ignore[attr-defined]
    assert not [each for each in transports if each._sock is not None and each._sock.fileno() < 0]
