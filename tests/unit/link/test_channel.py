"""The peer channel: who gets in, what comes back, and how its end is seen."""

import asyncio
import json
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from standby.link import server as server_module
from standby.link import tls
from standby.link.channel import (
    BadFrame,
    ChannelClient,
    ChannelServer,
    LinkAuthError,
    LinkDown,
    LinkError,
    LinkRefused,
    LinkRemoteError,
    LinkTimeout,
)
from standby.link.datagram import MAX_DATAGRAM
from standby.link.frames import decode_body, encode_frame, read_frame
from standby.link.keys import ca_key
from standby.link.tls import client_context, server_context

SECRET, OTHER = b"s" * 32, b"o" * 32
LIMIT = 64 * 1024
TCP_AND_IPV6, UDP_AND_IPV6 = 20 + 40, 8 + 40
T = 5.0


async def echo(node: str, message: dict[str, Any]) -> dict[str, Any] | None:
    if message["type"] == "fail":
        raise RuntimeError("on purpose")
    if message["type"] == "slow":
        await asyncio.sleep(message["seconds"])
    if message["type"] == "silent":
        return None
    return {"type": "echo", "node": node, "got": message}


@asynccontextmanager
async def served(
    addresses: tuple[str, ...] = ("127.0.0.1",),
    secret: bytes = SECRET,
    expected: str | None = None,
) -> AsyncIterator[ChannelServer]:
    server = ChannelServer(limit=LIMIT)
    bad: list[str] = []
    context = server_context(secret, "node-a", expected)
    await server.start(list(addresses), 0, lambda: context, echo, bad.append)
    try:
        yield server
        assert len(bad) == sum(server.bad.values())
    finally:
        await server.close()


async def dial(
    server: ChannelServer,
    *,
    host: str = "127.0.0.1",
    secret: bytes = SECRET,
    node: str = "node-b",
    expected: str | None = "node-a",
) -> ChannelClient:
    context = client_context(secret, node, expected)
    return await ChannelClient.connect(host, server.port, context, host, T, LIMIT)


@pytest.mark.parametrize("server_speaks", [SECRET, OTHER])
@pytest.mark.parametrize("client_speaks", [SECRET, OTHER])
async def test_while_the_secret_changes_both_get_in(
    server_speaks: bytes, client_speaks: bytes
) -> None:
    both = (SECRET, OTHER)
    accepting = server_context(server_speaks, "node-a", trusted=both)
    server = ChannelServer(limit=LIMIT)
    await server.start(["127.0.0.1"], 0, lambda: accepting, echo, lambda _kind: None)
    try:
        dialling = client_context(client_speaks, "node-b", "node-a", trusted=both)
        client = await ChannelClient.connect(
            "127.0.0.1", server.port, dialling, "127.0.0.1", T, LIMIT
        )
        await client.close()
        stranger = client_context(
            b"x" * 40, "node-b", "node-a", trusted=both
        )  # trusting, not trusted
        with pytest.raises(LinkError):
            await ChannelClient.connect("127.0.0.1", server.port, stranger, "127.0.0.1", T, LIMIT)
    finally:
        await server.close()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(T):
        while not condition():  # noqa: ASYNC110 - what is counted sends no event
            await asyncio.sleep(0.005)


async def until_bad(server: ChannelServer, kind: str, count: int = 1) -> None:
    await until(lambda: server.bad.get(kind, 0) >= count)


async def raw_tls(server: ChannelServer) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A peer that holds the secret and sends what it likes."""
    reader, writer = await asyncio.open_connection(
        "127.0.0.1",
        server.port,
        ssl=client_context(SECRET, "node-b"),
        server_hostname="",
    )
    assert (await read_frame(reader))["type"] == "welcome"
    return reader, writer


@pytest.mark.asyncio
async def test_a_request_gets_the_answer_of_the_peer() -> None:
    async with served() as server:
        client = await dial(server)
        assert client.peer_node == "node-a"
        answer = await client.request({"type": "hello", "text": "ü"}, T)
        assert answer["node"] == "node-b"
        assert answer["got"] == {"type": "hello", "text": "ü"}
        assert (await client.request({"type": "silent"}, T)) == {"type": "none"}
        await client.close()
        assert client.closed.is_set()
        assert server.bad == {}


@pytest.mark.asyncio
async def test_requests_at_once_get_their_own_answers() -> None:
    async with served() as server:
        client = await dial(server)
        answers = await asyncio.gather(
            *(client.request({"type": "n", "n": n, "fill": "x" * 5000}, T) for n in range(50))
        )
        assert [answer["got"]["n"] for answer in answers] == list(range(50))
        await client.close()


@pytest.mark.asyncio
async def test_a_late_answer_is_not_taken_for_another() -> None:
    async with served() as server:
        client = await dial(server)
        with pytest.raises(LinkTimeout):
            await client.request({"type": "slow", "seconds": 0.1}, 0.01)
        assert (await client.request({"type": "b"}, T))["got"]["type"] == "b"
        await client.close()


@pytest.mark.asyncio
async def test_a_handlers_failure_leaves_the_link_up() -> None:
    async with served() as server:
        client = await dial(server)
        with pytest.raises(LinkRemoteError, match="internal error"):
            await client.request({"type": "fail"}, T)
        assert (await client.request({"type": "b"}, T))["type"] == "echo"
        await client.close()


@pytest.mark.asyncio
async def test_ipv6_and_several_addresses() -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6")
    async with served(("127.0.0.1", "127.0.0.2", "::1")) as server:
        for host in ("127.0.0.1", "127.0.0.2", "::1"):
            client = await dial(server, host=host)
            assert (await client.request({"type": "x"}, T))["type"] == "echo"
            await client.close()


@pytest.mark.asyncio
async def test_the_own_address_is_the_source() -> None:
    async with served() as server:
        context = client_context(SECRET, "node-b")
        client = await ChannelClient.connect("127.0.0.1", server.port, context, "127.0.0.2", T)
        assert client._writer.get_extra_info("sockname")[0] == "127.0.0.2"
        assert client._writer.get_extra_info("socket").getsockopt(
            socket.IPPROTO_TCP, socket.TCP_NODELAY
        )
        await client.close()


@pytest.mark.asyncio
async def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    context = client_context(SECRET, "node-b")
    with pytest.raises(LinkRefused):
        await ChannelClient.connect("127.0.0.1", port, context, "127.0.0.1")


@pytest.mark.asyncio
async def test_a_listener_that_stands_still_is_down_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        start = time.monotonic()
        with pytest.raises(LinkDown, match="no answer"):
            await ChannelClient.connect(
                "127.0.0.1",
                listener.getsockname()[1],
                client_context(SECRET, "node-b"),
                "127.0.0.1",
                0.2,
            )
        assert time.monotonic() - start < 1.5


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "wrong",
    [
        {"secret": b"t" * 32},
        {"expected": "node-c"},
        {"node": "node-a", "expected": None},
    ],
    ids=["secret", "server-name", "own-name"],
)
async def test_strangers_are_told_apart(wrong: dict[str, Any]) -> None:
    async with served() as server:
        with pytest.raises(LinkAuthError):
            await dial(server, **wrong)
        client = await dial(server)
        assert (await client.request({"type": "x"}, T))["type"] == "echo"
        await client.close()


@pytest.mark.asyncio
async def test_a_client_that_is_not_the_expected_peer_is_told_so() -> None:
    async with served(expected="node-c") as server:
        with pytest.raises(LinkAuthError, match="node-b answers instead of node-c"):
            await dial(server)
        await until_bad(server, "auth")


@pytest.mark.asyncio
async def test_a_client_without_a_certificate_gets_nothing() -> None:
    async with served() as server:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        data = b""
        with suppress(OSError):
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port, ssl=context)
            writer.write(encode_frame({"type": "hello"}))
            data = await reader.read()
            writer.close()
        assert data == b""
        await until_bad(server, "auth")


@pytest.mark.asyncio
async def test_older_tls_is_refused() -> None:
    async with served() as server:
        context = client_context(SECRET, "node-b")
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        with pytest.raises(LinkError):
            await ChannelClient.connect("127.0.0.1", server.port, context, "127.0.0.1", T)
        await until_bad(server, "auth")


@pytest.mark.asyncio
async def test_a_clock_that_is_wrong_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Certificates that are over, or not yet valid by this clock, still prove the secret."""
    past = (datetime(1990, 1, 1, tzinfo=UTC), datetime(1991, 1, 1, tzinfo=UTC))
    expired = tls.issue(ca_key(SECRET), "node-b", past)
    monkeypatch.setattr(tls, "issue", lambda *_: expired)
    context = client_context(SECRET, "node-b")
    monkeypatch.undo()
    async with served() as server:
        client = await ChannelClient.connect("127.0.0.1", server.port, context, "127.0.0.1", T)
        assert (await client.request({"type": "x"}, T))["node"] == "node-b"
        await client.close()


@pytest.mark.asyncio
@pytest.mark.parametrize("noise", [b"GET / HTTP/1.1\r\n\r\n", b"\0" * 600, b"\x16\x03\x01\xff\xff"])
async def test_noise_before_tls_is_counted_and_nothing_else(
    noise: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "HANDSHAKE_TIMEOUT", 0.2)
    async with served() as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(noise)
        with suppress(OSError):
            assert not (await reader.read()).startswith(b"\0\0")
        writer.close()
        await until(lambda: bool(server.bad) and not server.half_open)
        client = await dial(server)
        await client.close()


@pytest.mark.asyncio
async def test_half_open_connections_are_few_and_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "HANDSHAKE_TIMEOUT", 0.3)
    async with served() as server:
        silent = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(20)]
        await until_bad(server, "busy", 4)
        assert server.half_open == 16
        await until_bad(server, "handshake", 16)
        assert server.half_open == 0
        client = await dial(server)
        await client.close()
        for _reader, writer in silent:
            writer.close()


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("frame", "kind"),
    [
        ((LIMIT + 1).to_bytes(4, "big"), "oversized"),
        (b"\xff\xff\xff\xff", "oversized"),
        (b"\0\0\0\x02{}", "schema"),
        (b"\0\0\0\x02[]", "schema"),
        (b"\0\0\0\x00", "schema"),
        (b"\0\0\0\x01\xff", "schema"),
        (b"\0\0\0\x0a" + b'{"type":1}', "schema"),
    ],
)
async def test_a_bad_frame_closes_the_link_and_nothing_else(frame: bytes, kind: str) -> None:
    async with served() as server:
        other = await dial(server)
        reader, writer = await raw_tls(server)
        writer.write(frame)
        with suppress(OSError):
            assert await reader.read() == b""
        writer.close()
        assert server.bad == {kind: 1}
        assert (await other.request({"type": "x"}, T))["type"] == "echo"
        await other.close()


@given(st.binary(max_size=200))
def test_a_body_is_a_message_or_a_bad_frame(body: bytes) -> None:
    with suppress(BadFrame):
        assert isinstance(decode_body(body)["type"], str)


@given(st.dictionaries(st.text(max_size=5), st.none() | st.integers() | st.text(max_size=20)))
def test_any_message_travels(fields: dict[str, Any]) -> None:
    message = fields | {"type": "x"}
    frame = encode_frame(message)
    assert int.from_bytes(frame[:4], "big") == len(frame) - 4
    assert decode_body(frame[4:]) == message


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"a":' * 50_000])
def test_deep_nesting_is_a_bad_frame(body: bytes) -> None:
    with pytest.raises(BadFrame):
        decode_body(body)


@pytest.mark.asyncio
async def test_too_long_a_request_is_not_sent() -> None:
    async with served() as server:
        client = await dial(server)
        with pytest.raises(ValueError, match="too long"):
            await client.request({"type": "x", "fill": "x" * LIMIT}, T)
        assert (await client.request({"type": "x"}, T))["type"] == "echo"
        await client.close()


@pytest.mark.asyncio
async def test_a_bad_answer_closes_the_client() -> None:
    async def nonsense(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(encode_frame({"type": "welcome"}))
        await reader.readexactly(4)
        writer.write(b"\0\0\0\x02[]")
        await writer.drain()
        writer.close()

    context = server_context(SECRET, "node-a")
    server = await asyncio.start_server(nonsense, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    client = await ChannelClient.connect(
        "127.0.0.1", port, client_context(SECRET, "node-b"), "127.0.0.1", T
    )
    with pytest.raises(LinkDown):
        await client.request({"type": "x"}, T)
    assert client.closed.is_set()
    with pytest.raises(LinkDown):
        await client.request({"type": "x"}, T)
    server.close()


@pytest.mark.asyncio
async def test_closing_the_server_is_seen_at_once() -> None:
    async with served() as server:
        client = await dial(server)
        waiting = asyncio.create_task(client.request({"type": "slow", "seconds": 60}, 60))
        await asyncio.sleep(0.05)
        await server.close()
        async with asyncio.timeout(1):
            await client.closed.wait()
            with pytest.raises(LinkDown):
                await waiting
        with pytest.raises(LinkRefused):
            await dial(server)


@pytest.mark.asyncio
async def test_connections_of_the_peer_are_bounded() -> None:
    """A peer that dials again and again costs the oldest connections."""
    async with served() as server:
        clients = [await dial(server) for _ in range(server_module.MAX_CONNECTIONS + 2)]
        async with asyncio.timeout(T):
            await clients[0].closed.wait()
            await clients[1].closed.wait()
        assert (await clients[-1].request({"type": "x"}, T))["type"] == "echo"
        assert not clients[2].closed.is_set()
        for client in clients:
            await client.close()


PEER_PROCESS = """
import asyncio, sys
from standby.link.channel import ChannelServer
from standby.link.tls import server_context

async def handler(node, message):
    return {"type": "ok"}

async def main():
    server = ChannelServer()
    context = server_context(b"s" * 32, "node-a")
    await server.start(["127.0.0.1"], 0, lambda: context, handler, print)
    print(server.port, flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


def start_peer() -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", PEER_PROCESS], stdout=subprocess.PIPE)


@pytest.mark.asyncio
async def test_the_peers_death_is_seen_within_a_moment() -> None:
    delays = []
    for _ in range(3):
        process = start_peer()
        try:
            assert process.stdout is not None
            port = int(process.stdout.readline())
            client = await ChannelClient.connect(
                "127.0.0.1", port, client_context(SECRET, "node-b"), "127.0.0.1", T
            )
            assert await client.request({"type": "x"}, T) == {"type": "ok"}
            process.kill()
            await asyncio.to_thread(process.wait)
            dead = time.monotonic()
            async with asyncio.timeout(1):
                await client.closed.wait()
            delays.append(time.monotonic() - dead)
            with pytest.raises(LinkRefused):
                await ChannelClient.connect(
                    "127.0.0.1", port, client_context(SECRET, "node-b"), "127.0.0.1", T
                )
        finally:
            process.kill()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()
    assert min(delays) < 0.01, delays


@pytest.mark.asyncio
async def test_a_message_costs_little() -> None:
    async with served() as server:
        client = await dial(server)
        message = json.loads(json.dumps({"type": "ack", "term": 3, "seq": 120, "hash": "a" * 64}))
        start = time.perf_counter()
        for _ in range(200):
            await client.request(message, T)
        each = (time.perf_counter() - start) / 200
        await client.close()
        assert each < 5e-3, f"{each * 1e6:.0f} us a request, both ends together"


async def test_packets_are_no_longer_than_heartbeats() -> None:
    """Where heartbeats pass the channel must pass too: some lines drop what is longer, silently."""
    async with served() as server:
        client = await dial(server)
        ours = client._writer.get_extra_info("socket")
        (theirs,) = [w.get_extra_info("socket") for w in server._connections.values() if w]
        for end in (ours, theirs):
            segment = end.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG)
            assert segment + TCP_AND_IPV6 <= MAX_DATAGRAM + UDP_AND_IPV6
        await client.close()
