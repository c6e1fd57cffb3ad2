"""A DHCP client as base stations are: raw frames, no broadcast flag, few options asked for."""

from __future__ import annotations

import os
import socket
import struct
import time
from dataclasses import dataclass, field

DISCOVER, OFFER, REQUEST, ACK = 1, 2, 3, 5
ASKED = bytes((1, 3, 132, 150, 224, 225, 226))
COOKIE = bytes.fromhex("63825363")
ETH_IP = 0x0800


@dataclass
class Answer:
    """An OFFER or ACK: the address, and the options by number, as they stood on the wire."""

    address: str
    options: dict[int, bytes] = field(default_factory=dict)


def _checksum(data: bytes) -> int:
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def _packet(mac: bytes, xid: bytes, options: bytes) -> bytes:
    """A whole Ethernet frame from 0.0.0.0 to everybody."""
    bootp = bytes((1, 1, 6, 0)) + xid + bytes(20) + mac.ljust(16, b"\0") + bytes(192)
    payload = bootp + COOKIE + options + b"\xff"
    udp = struct.pack("!4H", 68, 67, 8 + len(payload), 0) + payload
    head = struct.pack(
        "!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 1, 0, 64, 17, 0, bytes(4), b"\xff" * 4
    )
    head = head[:10] + struct.pack("!H", _checksum(head)) + head[12:]
    return b"\xff" * 6 + mac + struct.pack("!H", ETH_IP) + head + udp


def _option(code: int, value: bytes) -> bytes:
    return bytes((code, len(value))) + value


def _read(frame: bytes, xid: bytes, kind: int) -> Answer | None:
    """The answer in a frame, if it is one of this kind to this exchange."""
    if len(frame) < 282 or frame[12:14] != b"\x08\x00" or frame[23] != 17:
        return None
    udp = frame[14 + 4 * (frame[14] & 0x0F) :]
    if udp[2:4] != b"\x00\x44" or udp[12:16] != xid or udp[244:248] != COOKIE:
        return None
    options: dict[int, bytes] = {}
    rest = udp[248:]
    while rest and rest[0] != 0xFF:
        if rest[0] == 0:
            rest = rest[1:]
            continue
        options[rest[0]] = options.get(rest[0], b"") + rest[2 : 2 + rest[1]]
        rest = rest[2 + rest[1] :]
    if options.get(53) != bytes((kind,)):
        return None
    return Answer(socket.inet_ntoa(udp[24:28]), options)


class Client:
    """One device on an interface of the namespace that the calling thread is in."""

    def __init__(self, interface: str, mac: str, vendor_class: str) -> None:
        self._mac = bytes.fromhex(mac.replace(":", ""))
        self._vendor = vendor_class.encode()
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_IP))
        self._socket.bind((interface, ETH_IP))

    def close(self) -> None:
        self._socket.close()

    def offer(self, patience: float = 5.0) -> Answer | None:
        """Ask for an address; None when nobody offers one in time."""
        return self._exchange(DISCOVER, OFFER, b"", patience)

    def lease(self, patience: float = 5.0) -> tuple[Answer, Answer]:
        """The offer and what was acknowledged; raises AssertionError without either."""
        offer = self.offer(patience)
        assert offer is not None, "no offer"
        wanted = _option(50, socket.inet_aton(offer.address)) + _option(54, offer.options[54])
        ack = self._exchange(REQUEST, ACK, wanted, patience)
        assert ack is not None, "no acknowledgement"
        return offer, ack

    def _exchange(self, ask: int, wanted: int, more: bytes, patience: float) -> Answer | None:
        xid = os.urandom(4)
        options = _option(53, bytes((ask,))) + more
        options += _option(60, self._vendor) + _option(55, ASKED)
        end = time.monotonic() + patience
        resend = 0.0
        while (now := time.monotonic()) < end:
            if now >= resend:
                self._socket.send(_packet(self._mac, xid, options))
                resend = now + 1.0
            self._socket.settimeout(max(0.01, min(end, resend) - now))
            try:
                frame = self._socket.recv(4096)
            except TimeoutError:
                continue
            answer = _read(frame, xid, wanted)
            if answer is not None:
                return answer
        return None
