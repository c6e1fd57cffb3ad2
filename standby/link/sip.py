"""Does the SIP proxy answer? Any SIP answer, an error code too, means that it is reachable."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
import ssl
from collections.abc import Coroutine
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

from standby.link.resolve import Resolver
from standby.link.sip_messages import MAX_MESSAGE, SipRequest, parse

_FIRST_RESEND = 0.5  # RFC 3261's T1
_MAX_ADDRESSES = 4
_TRANSPORTS = {
    "UDP": ("UDP",),
    "TCP": ("TCP",),
    "UDPAndTCP": ("UDP", "TCP"),
    "TLS": ("TLS",),
    "PersistentTLS": ("TLS",),
}
_resolver = Resolver()


@dataclass(frozen=True, slots=True)
class SipTarget:
    """A SIP server as configured.

    ``transport`` is a value of SipTransport. ``method`` is "OPTIONS" or "REGISTER"; empty means
    OPTIONS and, with a ``check_number``, REGISTER for that number as well.
    """

    server: str
    port: int = 5060
    transport: str = "UDP"
    check_number: str = ""
    method: str = ""

    def requests(self) -> list[SipRequest]:
        """What to ask the server, over every transport."""
        methods = [self.method or "OPTIONS"]
        if self.check_number and not self.method:
            methods.append("REGISTER")
        return [
            SipRequest(method, self.server, self.port, transport, self.check_number)
            for method in methods
            for transport in _TRANSPORTS.get(self.transport, ("UDP",))
        ]


async def probe(target: SipTarget, source: str, timeout: float) -> bool:
    """Whether the server gave any SIP answer within ``timeout`` seconds, name lookup included.

    Asks from address ``source`` ("" = any), over all transports and addresses of the server at
    once; never raises for what the network or the server does.
    """
    try:
        async with asyncio.timeout(timeout):
            addresses = await _resolver.resolve(target.server, 0.8 * timeout)
            attempts = [
                _attempt(request, address, source)
                for address in _usable(addresses, source)
                for request in target.requests()
            ]
            return await _any_true(attempts)
    except TimeoutError:
        return False


async def probe_any(targets: list[SipTarget], source: str, timeout: float) -> bool:
    """Whether any of the servers answered; False without any."""
    return await _any_true([probe(target, source, timeout) for target in targets])


def _usable(addresses: list[str], source: str) -> list[str]:
    """The addresses that can be reached from ``source``: those of its family."""
    if source:
        version = ipaddress.ip_address(source).version
        addresses = [each for each in addresses if ipaddress.ip_address(each).version == version]
    return addresses[:_MAX_ADDRESSES]


async def _any_true(attempts: list[Coroutine[Any, Any, bool]]) -> bool:
    """True as soon as one attempt is; the others are cancelled."""
    tasks = [asyncio.create_task(each) for each in attempts]
    try:
        for finished in asyncio.as_completed(tasks):
            if await finished:
                return True
        return False
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _attempt(request: SipRequest, address: str, source: str) -> bool:
    try:
        if request.transport == "UDP":
            return await _over_udp(request, address, source)
        return await _over_stream(request, address, source)
    except (OSError, ValueError, OverflowError):
        return False


class _Answers(asyncio.DatagramProtocol):
    """Waits for a datagram that answers ``request``."""

    def __init__(self, request: SipRequest) -> None:
        self.arrived = asyncio.Event()
        self._request = request

    def datagram_received(self, data: bytes, addr: object) -> None:
        if self._request.answered_by(parse(data)):
            self.arrived.set()

    def error_received(self, exc: Exception) -> None:
        """A port that is closed now may be open at the next try."""


async def _over_udp(request: SipRequest, address: str, source: str) -> bool:
    """Send and send again, ever slower, until an answer arrives or this is cancelled."""
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_datagram_endpoint(
        lambda: _Answers(request),
        local_addr=(source, 0) if source else None,
        remote_addr=(address, request.port),
    )
    try:
        host, port = transport.get_extra_info("sockname")[:2]
        message = request.encode(host, port)
        pause = _FIRST_RESEND / 4
        while True:
            transport.sendto(message)
            with contextlib.suppress(TimeoutError):
                return await asyncio.wait_for(protocol.arrived.wait(), pause)
            pause = min(2 * pause, 4.0)
    finally:
        transport.close()


async def _over_stream(request: SipRequest, address: str, source: str) -> bool:
    secure = request.transport == "TLS"
    reader, writer = await asyncio.open_connection(
        address,
        request.port,
        local_addr=(source, 0) if source else None,
        ssl=_unverified() if secure else None,
        server_hostname=request.domain if secure else None,
    )
    try:
        own = cast("socket.socket", writer.get_extra_info("socket")).getsockname()
        writer.write(request.encode(own[0], own[1]))
        return await _answered(reader, request)
    finally:
        writer.transport.abort()


async def _answered(reader: asyncio.StreamReader, request: SipRequest) -> bool:
    """Read until the answer's headers are there or the server ends the connection."""
    data = b""
    while len(data) <= MAX_MESSAGE:
        part = await reader.read(4096)
        if not part:
            return False
        data += part
        while b"\r\n\r\n" in data.lstrip(b"\r\n"):
            head, _, rest = data.lstrip(b"\r\n").partition(b"\r\n\r\n")
            if request.answered_by(parse(head + b"\r\n\r\n")):
                return True
            data = rest
    return False


@cache
def _unverified() -> ssl.SSLContext:
    """For asking whether anybody answers: no certificate is too bad and no protocol too old."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    with contextlib.suppress(ssl.SSLError):
        context.set_ciphers("ALL:@SECLEVEL=0")
    return context
