"""The end of the peer's process is seen at once, whatever happened to earlier connections."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

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


@asynccontextmanager
async def far_away(port: int, delay: float) -> AsyncIterator[tuple[int, Callable[[], None]]]:
    """A port from which every byte takes ``delay`` seconds to ``port`` and back, and a way to stop
    passing anything on.
    """
    silent = False

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                await asyncio.sleep(delay)
                if not silent:
                    writer.write(data)
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(HOST, port)
        await asyncio.gather(carry(reader, back), carry(there, writer))

    def silence() -> None:
        nonlocal silent
        silent = not silent

    server = await asyncio.start_server(serve, HOST, 0)
    try:
        yield server.sockets[0].getsockname()[1], silence
    finally:
        server.close()


@asynccontextmanager
async def linked(delay: float) -> AsyncIterator[tuple[PeerLink, Callable[[], None]]]:
    server = ChannelServer()
    accept, mine = server_context(SECRET, "node-b"), client_context(SECRET, "node-a")
    await server.start([HOST], 0, lambda: accept, answer, lambda _kind: None)
    async with far_away(server.port, delay) as (port, silence):
        link = PeerLink(((HOST, HOST),), port, lambda: mine)
        task = asyncio.create_task(link.run())
        try:
            yield link, silence
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await server.close()


@pytest.mark.asyncio
async def test_a_line_of_long_delays_gets_its_connection() -> None:
    """0.4 s there and back: a handshake takes longer than the first try waits."""
    async with linked(0.2) as (link, _silence):
        up = asyncio.Event()
        link.on_up = up.set
        await asyncio.wait_for(up.wait(), T)
        assert await link.request({"type": "ping"}, T) == {"type": "pong"}
        assert await link.ask_aside({"type": "ping"}, T) == {"type": "pong"}


@pytest.mark.asyncio
async def test_after_a_silence_dialling_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long the last try into the silence would have waited."""
    monkeypatch.setattr(peerlink, "CONNECT_TIMEOUT", 60.0)
    monkeypatch.setattr(peerlink, "LONGEST_DIAL", 60.0)
    async with linked(0.0) as (link, silence):
        silence()
        up = asyncio.Event()
        link.on_up = up.set
        await asyncio.sleep(0.1)
        assert not up.is_set()
        silence()
        link.drop()
        await asyncio.wait_for(up.wait(), T)
