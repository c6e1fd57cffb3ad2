"""The heartbeat sockets: datagrams out on every path, authenticated statements in."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from standby.domain.facts import Heartbeat
from standby.link.datagram import BadDatagram, DatagramCodec

log = logging.getLogger(__name__)

RECEIVE_SIZE = 2048
AT_ONCE = 64
"""Datagrams taken from one socket before the loop goes on."""


@dataclass(slots=True)
class Path:
    """One pair of addresses that heartbeats travel between."""

    own: str
    peer: str
    sock: socket.socket
    heard_at: float | None = None
    target: tuple[str, int] = field(default=("", 0))


class Beats:
    """Sends and receives heartbeats; ``on_heard(statement, path)``, ``on_bad(kind, address)``."""

    def __init__(
        self,
        codec: DatagramCodec,
        pairs: tuple[tuple[str, str], ...],
        port: int,
        on_heard: Callable[[Heartbeat, Path], None],
        on_bad: Callable[[str, str], None],
        clock: Callable[[], float],
    ) -> None:
        self.counters: Counter[str] = Counter()
        self.paths: list[Path] = []
        self.longest_gap = 0.0
        self.sent_at: float | None = None
        self._codec = codec
        self._pairs = pairs
        self._port = port
        self._on_heard = on_heard
        self._on_bad = on_bad
        self._clock = clock

    def open(self) -> None:
        """Bind every path; raises OSError naming the address that cannot be bound."""
        loop = asyncio.get_running_loop()
        for own, peer in self._pairs:
            family = socket.AF_INET6 if ":" in own else socket.AF_INET
            sock = socket.socket(family, socket.SOCK_DGRAM)
            sock.setblocking(False)
            sock.bind((own, self._port))
            path = Path(own, peer, sock, target=(peer, self._port))
            self.paths.append(path)
            loop.add_reader(sock.fileno(), self._readable, path)

    def close(self) -> None:
        """Close every path."""
        for path in self.paths:
            asyncio.get_running_loop().remove_reader(path.sock.fileno())
            path.sock.close()
        self.paths.clear()

    def send(self, statement: Heartbeat) -> None:
        """Send one statement on every path; a path that fails is counted, not raised."""
        data = self._codec.encode(statement)
        now = self._clock()
        if self.sent_at is not None:
            self.longest_gap = max(self.longest_gap, now - self.sent_at)
        self.sent_at = now
        for path in self.paths:
            try:
                path.sock.sendto(data, path.target)
            except OSError as error:
                self.counters[f"send {error.errno}"] += 1

    def drain(self) -> None:
        """Throw away what waits in the sockets."""
        for path in self.paths:
            while True:
                try:
                    path.sock.recv(RECEIVE_SIZE)
                except OSError:
                    break
                self.counters["drained"] += 1

    def _readable(self, path: Path) -> None:
        for _ in range(AT_ONCE):
            try:
                data, sender = path.sock.recvfrom(RECEIVE_SIZE)
            except OSError:
                return
            self._take(data, str(sender[0]), path)

    def _take(self, data: bytes, sender: str, path: Path) -> None:
        try:
            statement = self._codec.decode(data)
        except BadDatagram as bad:
            self.counters[bad.kind] += 1
            self._on_bad(bad.kind, sender)
            return
        self.counters["good"] += 1
        self._on_heard(statement, path)
