"""The end of the peer's process is seen at once, whatever happened to earlier connections."""

import asyncio
import time

import pytest

from standby.link.channel import ChannelServer
from standby.link.tls import client_context, server_context
from standby.runtime import peerlink
from standby.runtime.peerlink import PeerLink

SECRET = b"s" * 32
HOST = "127.0.0.1"
T = 5.0


async def answer(_node: str, _message: dict[str, object]) -> dict[str, object]:
    return {"type": "pong"}


@pytest.mark.asyncio
async def test_a_drop_before_the_connection_does_not_delay_the_verdict(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(peerlink, "REDIAL_PAUSE", 60.0)
    server = ChannelServer()
    context, mine = server_context(SECRET, "node-b"), client_context(SECRET, "node-a")
    await server.start([HOST], 0, lambda: context, answer, lambda _kind: None)
    link = PeerLink(((HOST, HOST),), server.port, lambda: mine)
    up, refused = asyncio.Event(), asyncio.Event()
    link.on_up, link.on_refused = up.set, refused.set
    link.drop()
    task = asyncio.create_task(link.run())
    try:
        await asyncio.wait_for(up.wait(), T)
        with server._listeners[0].dup():  # the listener of a dying process goes last
            await server.close()
            await asyncio.sleep(0.05)
        ended = time.monotonic()
        await asyncio.wait_for(refused.wait(), T)
        assert time.monotonic() - ended < 0.2
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await server.close()


@pytest.mark.asyncio
async def test_the_channel_takes_another_path_when_one_does_not_answer() -> None:
    """The first path has nobody listening; afterwards the order is what the heartbeats tell."""
    second, third = "127.0.0.3", "127.0.0.4"
    server = ChannelServer()
    accept, mine = server_context(SECRET, "node-b"), client_context(SECRET, "node-a")
    await server.start([second, third], 0, lambda: accept, answer, lambda _kind: None)
    paths = ((HOST, HOST), (HOST, second), (HOST, third))
    link = PeerLink(paths, server.port, lambda: mine)
    up = asyncio.Event()
    link.on_up = up.set
    task = asyncio.create_task(link.run())
    try:
        await asyncio.wait_for(up.wait(), T)
        assert link.route == (HOST, second)
        assert await link.request({"type": "ping"}) == {"type": "pong"}
        up.clear()
        link.routes = lambda: paths[::-1]
        link.drop()
        await asyncio.wait_for(up.wait(), T)
        assert link.route == (HOST, third)
        assert await link.ask_aside({"type": "ping"}, T) == {"type": "pong"}
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await server.close()


@pytest.mark.asyncio
async def test_one_path_that_does_not_refuse_keeps_the_peer_from_counting_as_dead() -> None:
    """Evidence "refused" needs every path; here one still accepts."""
    second = "127.0.0.3"
    server = ChannelServer()
    accept, mine = server_context(SECRET, "node-b"), client_context(SECRET, "node-a")
    await server.start([second], 0, lambda: accept, answer, lambda _kind: None)
    link = PeerLink(((HOST, HOST), (HOST, second)), server.port, lambda: mine)
    try:
        assert await link._refuses(HOST, HOST)
        assert not await link._all_refuse()
    finally:
        await server.close()
    assert await link._all_refuse()
