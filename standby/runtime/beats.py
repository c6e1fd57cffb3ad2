"""The heartbeat sockets: datagrams out on every path, authenticated statements in."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from standby.domain.facts import Heartbeat
from standby.domain.paths import PathEar, PathEars
from standby.link.datagram import BadDatagram, DatagramCodec

log = logging.getLogger(__name__)

RECEIVE_SIZE = 2048
AT_ONCE = 64
"""Datagrams taken from one socket before the loop goes on."""
BIND_PAUSE = 1.0
"""Seconds after which an address that this host does not have at the moment is tried again."""


@dataclass(slots=True)
class Path:
    """One pair of addresses that heartbeats travel between; no socket: its address is missing."""

    ear: PathEar
    port: int
    sock: socket.socket | None = None

    @property
    def target(self) -> tuple[str, int]:
        """Where its heartbeats go."""
        return (self.ear.peer, self.port)


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
        self.ears = PathEars([PathEar(own, peer) for own, peer in pairs])
        self._bind_at = 0.0
        self._codec = codec
        self._port = port
        self._on_heard = on_heard
        self._on_bad = on_bad
        self._clock = clock

    def open(self) -> None:
        """Bind every path; raises OSError when the main one's own address cannot be bound."""
        self.paths = [Path(ear, self._port) for ear in self.ears.ears]
        if self.paths:
            self._bind(self.paths[0])
        self._bind_missing()

    def _bind(self, path: Path) -> None:
        family = socket.AF_INET6 if ":" in path.ear.own else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_DGRAM)
        try:
            sock.setblocking(False)
            sock.bind((path.ear.own, self._port))
        except BaseException:
            sock.close()
            raise
        path.sock = sock
        asyncio.get_running_loop().add_reader(sock.fileno(), self._readable, path)

    def _bind_missing(self) -> None:
        """A further path whose interface is down must not keep the OMM from working."""
        self._bind_at = self._clock() + BIND_PAUSE
        for path in self.paths:
            if path.sock is None:
                try:
                    self._bind(path)
                except OSError as error:
                    self.counters[f"bind {error.errno}"] += 1

    def close(self) -> None:
        """Close every path."""
        for path in self.paths:
            if path.sock is not None:
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
        if now >= self._bind_at:
            self._bind_missing()
        for path in self.paths:
            if path.sock is None:
                continue
            try:
                path.sock.sendto(data, path.target)
            except OSError as error:
                self.counters[f"send {error.errno}"] += 1

    def drain(self) -> None:
        """Throw away what waits in the sockets."""
        for sock in [path.sock for path in self.paths if path.sock is not None]:
            while True:
                try:
                    sock.recv(RECEIVE_SIZE)
                except OSError:
                    break
                self.counters["drained"] += 1

    def _readable(self, path: Path) -> None:
        for _ in range(AT_ONCE):
            if path.sock is None:
                return
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
