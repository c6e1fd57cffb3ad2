"""A SIP server that answers requests and does nothing else, for the demo and for tests.

``python -m standby.link.sip_responder --address 127.0.0.1 --port 5060``
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
from typing import Any, cast

from standby.link.sip_messages import MAX_MESSAGE, answer, content_length, parse

_KNOWN = ("OPTIONS", "REGISTER")


class SipResponder:
    """Answers OPTIONS and REGISTER with 200 and other requests with 404, over UDP and TCP.

    ``status`` replaces the 200; ``silent`` keeps it from answering at all; ``requests`` counts.
    """

    def __init__(self, status: int = 200) -> None:
        self.status = status
        self.silent = False
        self.requests = 0
        self.methods: list[str] = []
        self.port = 0
        self._udp: asyncio.DatagramTransport | None = None
        self._tcp: asyncio.Server | None = None
        self._streams: set[asyncio.StreamWriter] = set()

    async def start(self, address: str, port: int = 5060) -> None:
        """Listen (port 0: any free one, see ``port``); raises OSError."""
        self._tcp = await asyncio.start_server(self._converse, address, port)
        self.port = self._tcp.sockets[0].getsockname()[1]
        try:
            self._udp, _ = await asyncio.get_running_loop().create_datagram_endpoint(
                lambda: _Datagrams(self), local_addr=(address, self.port)
            )
        except OSError:
            await self.close()
            raise

    async def close(self) -> None:
        """Stop listening and end every connection."""
        if self._udp is not None:
            self._udp.close()
        if self._tcp is not None:
            self._tcp.close()
        for writer in list(self._streams):
            writer.transport.abort()
        self._udp = self._tcp = None
        await asyncio.sleep(0)

    def reply(self, data: bytes, source: tuple[str, int]) -> bytes:
        """The answer to a message from ``source``; empty when there is none."""
        request = parse(data)
        if request is None or not request.method:
            return b""
        self.requests += 1
        self.methods = [*self.methods[-99:], request.method]
        if self.silent or request.method == "ACK":
            return b""
        if request.method in _KNOWN:
            return answer(request, self.status, "OK" if self.status == 200 else "No", source)
        return answer(request, 404, "Not Found", source)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._streams.add(writer)
        source = writer.get_extra_info("peername")[:2]
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, ValueError):
                while True:
                    writer.write(self.reply(await _next_message(reader), source))
                    await writer.drain()
        except asyncio.LimitOverrunError:
            pass
        finally:
            self._streams.discard(writer)
            writer.transport.abort()


async def _next_message(reader: asyncio.StreamReader) -> bytes:
    """The next request of a stream, body included; raises ValueError for nonsense."""
    head = b""
    while not head.strip():
        head = (await reader.readuntil(b"\r\n\r\n")).lstrip(b"\r\n")
    message = parse(head)
    if message is None or not 0 <= content_length(message) <= MAX_MESSAGE:
        raise ValueError("not a SIP message")
    return head + await reader.readexactly(content_length(message))


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, responder: SipResponder) -> None:
        self._responder = responder
        self._transport: asyncio.DatagramTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        if reply := self._responder.reply(data, (str(addr[0]), int(addr[1]))):
            self._transport.sendto(reply, addr)

    def error_received(self, exc: Exception) -> None:
        """Whoever asked has gone meanwhile."""


async def serve(address: str, port: int) -> None:
    """Answer until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    responder = SipResponder()
    await responder.start(address, port)
    await stop.wait()
    await responder.close()


def main() -> None:
    """The command line of the demo's SIP server."""
    parser = argparse.ArgumentParser(description="Answers SIP requests over UDP and TCP.")
    parser.add_argument("--address", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=5060)
    options = parser.parse_args()
    asyncio.run(serve(options.address, options.port))


if __name__ == "__main__":
    main()
