"""SIP probes: any real answer counts, anything else does not."""

import asyncio
import re
import socket
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from standby.link import resolve, sip
from standby.link.sip import SipTarget, probe, probe_any
from standby.link.sip_messages import SipRequest, answer, parse
from standby.link.sip_responder import SipResponder
from standby.link.tls import server_context

HOST = "127.0.0.1"


@asynccontextmanager
async def responder(status: int = 200, host: str = HOST) -> AsyncIterator[SipResponder]:
    server = SipResponder(status)
    await server.start(host, 0)
    try:
        yield server
    finally:
        await server.close()


@pytest.mark.asyncio
@pytest.mark.parametrize("transport", ["UDP", "TCP", "UDPAndTCP"])
@pytest.mark.parametrize("status", [100, 200, 302, 401, 404, 503, 603])
async def test_any_status_counts(transport: str, status: int) -> None:
    async with responder(status) as server:
        target = SipTarget(HOST, server.port, transport)
        assert await probe(target, HOST, 2)
        assert set(server.methods) == {"OPTIONS"}


@pytest.mark.asyncio
async def test_a_check_number_is_registered_as_well() -> None:
    async with responder() as server:
        assert await probe(SipTarget(HOST, server.port, "UDP", "100", "REGISTER"), HOST, 2)
        assert server.methods == ["REGISTER"]
        assert await probe(SipTarget(HOST, server.port, "UDP", "100"), HOST, 2)
        methods = {request.method for request in SipTarget(HOST, 1, "UDP", "100").requests()}
        assert methods == {"OPTIONS", "REGISTER"}


@pytest.mark.asyncio
@pytest.mark.parametrize("transport", ["UDP", "TCP", "UDPAndTCP", "TLS", "PersistentTLS"])
async def test_silence_is_no_answer_and_ends_in_time(transport: str) -> None:
    async with responder() as server:
        server.silent = True
        start = time.monotonic()
        assert not await probe(SipTarget(HOST, server.port, transport), HOST, 0.3)
        assert time.monotonic() - start < 2


@pytest.mark.asyncio
@pytest.mark.parametrize("transport", ["UDP", "TCP", "UDPAndTCP", "TLS"])
async def test_nobody_there(transport: str) -> None:
    with socket.create_server((HOST, 0)) as listener:
        port = listener.getsockname()[1]
    assert not await probe(SipTarget(HOST, port, transport), HOST, 0.2)


@pytest.mark.asyncio
async def test_a_lost_datagram_is_sent_again() -> None:
    async with responder() as server:
        server.silent = True
        asyncio.get_running_loop().call_later(0.05, setattr, server, "silent", False)
        assert await probe(SipTarget(HOST, server.port), HOST, 2)
        assert server.requests >= 2


@pytest.mark.asyncio
async def test_ipv6() -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6")
    async with responder(host="::1") as server:
        for transport in ("UDP", "TCP"):
            assert await probe(SipTarget("::1", server.port, transport), "::1", 2)
        assert not await probe(SipTarget("::1", server.port), HOST, 0.2), "the families differ"


class Fixed(asyncio.DatagramProtocol):
    """Answers every datagram with ``make(datagram)`` and keeps where it came from."""

    def __init__(self, make: object) -> None:
        self.make = make
        self.received: list[tuple[bytes, str]] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.received.append((data, addr[0]))
        self.transport.sendto(self.make(data), addr)  # type: ignore[attr-defined,operator]


async def asked(make: object, source: str = HOST) -> tuple[bool, Fixed]:
    loop = asyncio.get_running_loop()
    transport, fixed = await loop.create_datagram_endpoint(
        lambda: Fixed(make), local_addr=(HOST, 0)
    )
    port = transport.get_extra_info("sockname")[1]
    try:
        return await probe(SipTarget(HOST, port), source, 0.2), fixed
    finally:
        transport.close()


def reply(data: bytes) -> bytes:
    request = parse(data)
    assert request is not None
    return answer(request, 486, "Busy Here", (HOST, 5060))


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: b"",
        lambda data: b"hello",
        lambda data: data,
        lambda data: reply(data)[:-2],
        lambda data: re.sub(rb"Call-ID: .", b"Call-ID: z", reply(data)),
        lambda data: reply(data).replace(b"SIP/2.0 486", b"SIP/2.0 999"),
        lambda data: reply(data).replace(b"SIP/2.0 486", b"HTTP/1.1 486"),
        lambda data: reply(data).replace(b"1 OPTIONS", b"1 INVITE"),
        lambda data: re.sub(rb"Via: [^\r]*\r\n", b"", reply(data)),
        lambda data: reply(data).replace(b"To:", b"To"),
    ],
)
async def test_what_is_no_answer_to_us_does_not_count(spoil: object) -> None:
    found, _ = await asked(spoil)
    assert not found


@pytest.mark.asyncio
async def test_short_header_names_and_folded_lines_are_understood() -> None:
    def terse(data: bytes) -> bytes:
        short = reply(data).replace(b"Call-ID:", b"i :").replace(b"Via:", b"v:")
        return short.replace(b"To: ", b"To:\r\n  ")

    found, _ = await asked(terse)
    assert found


@pytest.mark.asyncio
async def test_the_own_address_is_the_source_and_stands_in_the_request() -> None:
    found, server = await asked(reply, "127.0.0.2")
    assert found
    data, source = server.received[0]
    assert source == "127.0.0.2"
    request = parse(data)
    assert request is not None
    assert request.header(b"via").startswith(b"SIP/2.0/UDP 127.0.0.2:")


def test_a_request_has_what_rfc_3261_wants() -> None:
    request = SipRequest("OPTIONS", "pbx.example.org", 5060, "UDP")
    data = request.encode("10.0.0.9", 40000)
    message = parse(data)
    assert message is not None
    assert message.start == b"OPTIONS sip:pbx.example.org:5060 SIP/2.0"
    assert message.header(b"max-forwards") == b"70"
    assert message.header(b"cseq") == b"1 OPTIONS"
    assert message.header(b"content-length") == b"0"
    assert re.fullmatch(
        rb"SIP/2.0/UDP 10.0.0.9:40000;branch=z9hG4bK[0-9a-f]{16};rport", message.header(b"via")
    )
    assert b";tag=" in message.header(b"from")
    assert b";tag=" not in message.header(b"to")
    assert data.endswith(b"\r\n\r\n")


def test_a_register_asks_and_changes_nothing() -> None:
    message = parse(SipRequest("REGISTER", "2001:db8::1", 5060, "TCP", "100").encode("::1", 4))
    assert message is not None
    assert message.start == b"REGISTER sip:[2001:db8::1] SIP/2.0"
    assert message.header(b"to") == b"<sip:100@[2001:db8::1]>"
    assert message.header(b"contact") == b""


def test_no_two_requests_are_alike() -> None:
    first, second = (SipRequest("OPTIONS", "a", 1, "UDP") for _ in range(2))
    assert len({first.call_id, second.call_id}) == len({first.branch, second.branch}) == 2


@pytest.mark.asyncio
@pytest.mark.parametrize("server", ["a\r\nb", "a b", "a>b"])
async def test_a_setting_cannot_add_lines_to_a_request(
    server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ValueError, match="not a SIP server"):
        SipRequest("OPTIONS", server, 5060, "UDP").encode(HOST, 1)
    monkeypatch.setattr(resolve, "_addresses", lambda host: [HOST])
    assert not await probe(SipTarget(server), HOST, 0.2)


@given(st.binary(max_size=300))
def test_the_parser_takes_anything(data: bytes) -> None:
    parse(data)
    parse(b"SIP/2.0 200 OK\r\n" + data + b"\r\n\r\n")


@given(st.binary(max_size=300))
def test_the_responder_takes_anything(data: bytes) -> None:
    server = SipResponder()
    assert server.reply(data, (HOST, 1)) == b""
    server.reply(b"OPTIONS sip:a SIP/2.0\r\n" + data + b"\r\n\r\n", (HOST, 1))


@pytest.mark.asyncio
async def test_a_stream_may_carry_other_things_first() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        data = await reader.readuntil(b"\r\n\r\n")
        writer.write(b"\r\n\r\n" + SipRequest("OPTIONS", "x", 1, "TCP").encode(HOST, 1))
        for byte in reply(data):
            writer.write(bytes([byte]))
        await reader.read()
        writer.close()

    server = await asyncio.start_server(talk, HOST, 0)
    port = server.sockets[0].getsockname()[1]
    assert await probe(SipTarget(HOST, port, "TCP"), HOST, 2)
    server.close()


@pytest.mark.asyncio
async def test_tls_needs_no_valid_certificate() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            writer.write(reply(await reader.readuntil(b"\r\n\r\n")))
            await reader.read()
        writer.close()

    context = server_context(b"s" * 32, "somebody")
    context.verify_mode = sip.ssl.CERT_NONE
    server = await asyncio.start_server(talk, HOST, 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    assert await probe(SipTarget(HOST, port, "TLS"), HOST, 2)
    assert not await probe(SipTarget(HOST, port, "TCP"), HOST, 0.2)
    server.close()


@pytest.mark.asyncio
async def test_a_name_is_resolved() -> None:
    async with responder() as server:
        assert await probe(SipTarget("localhost", server.port), HOST, 2)
    assert not await probe(SipTarget("no-such-host.invalid"), HOST, 0.2)


@pytest.mark.asyncio
async def test_dns_that_hangs_is_bounded_and_the_last_answer_serves(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    release = threading.Event()
    calls = 0

    def slow(host: str) -> list[str]:
        nonlocal calls
        calls += 1
        release.wait(5)
        return [HOST]

    names = resolve.Resolver()
    monkeypatch.setattr(resolve, "_addresses", slow)
    monkeypatch.setattr(sip, "_resolver", names)
    async with responder() as server:
        target = SipTarget("pbx.example.org", server.port)
        start = time.monotonic()
        for _ in range(3):
            assert not await probe(target, HOST, 0.1)
        assert time.monotonic() - start < 1
        assert calls == 1, "a lookup under way is not started again"
        release.set()
        assert await probe(target, HOST, 2)
        release.clear()
        assert await probe(target, HOST, 0.5), "the address known from before serves"
        release.set()


@pytest.mark.asyncio
async def test_a_port_that_is_none_is_no_answer() -> None:
    for transport in ("UDP", "TCP"):
        assert not await probe(SipTarget(HOST, 70000, transport), HOST, 0.2)


@pytest.mark.asyncio
async def test_any_of_several_servers_is_enough() -> None:
    async with responder() as server:
        dead = SipTarget("127.0.0.3", server.port)
        start = time.monotonic()
        assert await probe_any([dead, SipTarget(HOST, server.port)], HOST, 5)
        assert time.monotonic() - start < 2
        assert not await probe_any([dead], HOST, 0.2)
        assert not await probe_any([], HOST, 0.2)


@pytest.mark.asyncio
async def test_unknown_methods_are_answered_404() -> None:
    server = SipResponder()
    data = SipRequest("SUBSCRIBE", "a", 1, "UDP").encode(HOST, 5060)
    message = parse(server.reply(data, ("127.0.0.9", 7)))
    assert message is not None
    assert message.status == 404
    assert b";rport=7;received=127.0.0.9" in message.header(b"via")
    assert b";tag=" in message.header(b"to")
