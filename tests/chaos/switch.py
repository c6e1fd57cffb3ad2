"""The cable: an Ethernet switch in user space that loses, delays, doubles and drops frames.

``python -m tests.chaos.switch PORT...`` runs in the namespace that the hosts' cables end in. It
reads one JSON command a line and answers each with one line; it ends with its input. The kernels
that this runs on need not have netem.
"""

from __future__ import annotations

import heapq
import itertools
import json
import os
import random
import selectors
import socket
import struct
import sys
from dataclasses import dataclass, field
from typing import Any

from standby.lease import boot_time
from tests.bench.watch import punctual

ALL_FRAMES = 3
ETHERNET = 14
LONGEST = 65600
AT_ONCE = 32
BROADCAST = b"\xff" * 6
MULTICAST = 1
IPV4, UDP = b"\x08\x00", 17
LONG_SILENCE = 0.5
"""Seconds without a heartbeat after which the switch takes a note."""


@dataclass
class Way:
    """What happens to frames from one port to another; all is well unless it says otherwise."""

    loss: float = 0.0
    """The share of frames that is lost."""
    delay: tuple[float, float] = (0.0, 0.0)
    """Seconds, drawn for each frame by itself: frames overtake one another."""
    double: float = 0.0
    """The share of frames that arrives twice."""
    longest: int = 0
    """Bytes of an IP packet; longer ones vanish without a word. 0: no limit."""
    cut: bool = False
    every: float = 0.0
    """Seconds from one outage to the next, 0: none."""
    outage: float = 0.0
    """Seconds that each of them lasts."""
    since: float = field(default_factory=boot_time)

    def is_cut(self, now: float) -> bool:
        """Nothing passes at this moment. A period ends with its outage."""
        if not self.every:
            return self.cut
        return self.cut or (now - self.since) % self.every >= self.every - self.outage


@dataclass
class Ear:
    """When the last heartbeat was delivered on one way."""

    at: float = 0.0
    longest: float = 0.0
    silences: list[tuple[float, float]] = field(default_factory=list)

    def heard(self, now: float) -> None:
        gap = now - self.at if self.at else 0.0
        self.at = now
        self.longest = max(self.longest, gap)
        if gap > LONG_SILENCE:
            self.silences.append((round(now - gap, 3), round(gap, 3)))


class Switch:
    """Forwards between its ports; hosts are known by the last byte of their MAC address."""

    def __init__(self, ports: list[str]) -> None:
        self._socks = [_open(port) for port in ports]
        self._ways = {
            (source, target): Way()
            for source in range(len(ports))
            for target in range(len(ports))
            if source != target
        }
        self._ears: dict[tuple[int, int], Ear] = {}
        self._heartbeat_port = b""
        self._chance = random.Random(0)
        self._waiting: list[tuple[float, int, int, int, bytes]] = []
        self._number = itertools.count()
        self._late = 0.0
        self._passed = self._lost = 0

    def run(self) -> None:
        """Forward until the input ends."""
        with selectors.DefaultSelector() as selector:
            for number, sock in enumerate(self._socks):
                selector.register(sock, selectors.EVENT_READ, number)
            selector.register(sys.stdin, selectors.EVENT_READ, None)
            while True:
                for key, _ in selector.select(self._patience()):
                    if key.data is not None:
                        self._receive(key.data)
                    elif not self._command(sys.stdin.readline()):
                        return
                self._deliver()

    def _patience(self) -> float | None:
        return max(0.0, self._waiting[0][0] - boot_time()) if self._waiting else None

    # --- frames ---------------------------------------------------------------------------------

    def _receive(self, source: int) -> None:
        for _ in range(AT_ONCE):
            try:
                frame, (_, _, kind, *_) = self._socks[source].recvfrom(LONGEST)
            except OSError:  # nothing more, or the cable is out
                return
            if kind == socket.PACKET_OUTGOING:
                continue
            if frame[:6] == BROADCAST:
                for target in range(len(self._socks)):
                    if target != source:
                        self._forward(source, target, frame)
            elif not frame[0] & MULTICAST and 0 < frame[5] <= len(self._socks):
                self._forward(source, frame[5] - 1, frame)

    def _forward(self, source: int, target: int, frame: bytes) -> None:
        if source == target:
            return
        way, now, chance = self._ways[source, target], boot_time(), self._chance.random
        too_long = way.longest and len(frame) - ETHERNET > way.longest
        if too_long or way.is_cut(now) or (way.loss and chance() < way.loss):
            self._lost += 1
            return
        for _ in range(2 if way.double and chance() < way.double else 1):
            due = now + (self._chance.uniform(*way.delay) if way.delay[1] else 0.0)
            heapq.heappush(self._waiting, (due, next(self._number), source, target, frame))

    def _deliver(self) -> None:
        while self._waiting and self._waiting[0][0] <= (now := boot_time()):
            due, _, source, target, frame = heapq.heappop(self._waiting)
            try:
                self._socks[target].send(frame)
            except OSError:  # the cable is out, or the host does not take it
                self._lost += 1
                continue
            self._late = max(self._late, now - due)
            self._passed += 1
            if self._is_heartbeat(frame):
                self._ears.setdefault((source, target), Ear()).heard(now)

    def _is_heartbeat(self, frame: bytes) -> bool:
        if frame[12:14] != IPV4 or frame[23] != UDP:
            return False
        start = ETHERNET + (frame[14] & 15) * 4
        return frame[start + 2 : start + 4] == self._heartbeat_port

    # --- commands -------------------------------------------------------------------------------

    def _command(self, line: str) -> bool:
        if not line:
            return False
        message: dict[str, Any] = json.loads(line)
        answer = getattr(self, f"do_{message.pop('do')}")(**message)
        sys.stdout.write(json.dumps({"at": boot_time(), **(answer or {})}) + "\n")
        sys.stdout.flush()
        return True

    def do_begin(self, seed: int, heartbeat_port: int) -> None:
        """Everything passes; chance begins anew, and so do the counters."""
        self._chance = random.Random(seed)
        self._heartbeat_port = struct.pack("!H", heartbeat_port)
        self._ways = {pair: Way() for pair in self._ways}
        self._ears = {}
        self._late, self._passed, self._lost = 0.0, 0, 0

    def do_way(self, source: int, target: int, **what: Any) -> None:
        """What happens from one port to another from now on."""
        self._ways[source, target] = Way(**what)

    def do_count(self) -> dict[str, Any]:
        """What has happened since ``begin``."""
        return {
            "passed": self._passed,
            "lost": self._lost,
            "late_ms": round(1000 * self._late, 1),
            "longest_silence": {
                f"{a}>{b}": round(e.longest, 3) for (a, b), e in self._ears.items()
            },
            "silences": {f"{a}>{b}": e.silences for (a, b), e in self._ears.items()},
        }


def _open(port: str) -> socket.socket:
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ALL_FRAMES))
    sock.bind((port, ALL_FRAMES))
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 * 2**20)
    sock.setblocking(False)
    return sock


def main() -> None:
    punctual()  # the cable is not what a busy machine slows down
    os.set_blocking(sys.stdin.fileno(), True)
    Switch(sys.argv[1:]).run()


if __name__ == "__main__":
    main()
