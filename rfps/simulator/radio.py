"""What a base station says and understands: its introduction, its key, its half of the ciphers."""

from __future__ import annotations

import struct

from cryptography.hazmat.decrepit.ciphers.algorithms import Blowfish
from cryptography.hazmat.primitives.ciphers import Cipher, modes

ACK, NACK, RESET = 0x0001, 0x0002, 0x0121
HEARTBEAT, INTERVAL = 0x0003, 0x0105
INTRODUCTION, KEY_TOLD, CONFIRM, CHALLENGE = 0x0120, 0x0124, 0x0126, 0x012D
MODEL = 0x0D
"""RFP 43."""
ABLE = 0x138
PROTOCOL = 0x00080201


def message(kind: int, body: bytes = b"") -> bytes:
    """A message with its header, not padded."""
    return struct.pack(">HH", kind, len(body)) + body


def introduction(mac: bytes, software: str) -> bytes:
    """How a base station of release 8.1 introduces itself."""
    body = struct.pack(">II6s6xI", MODEL, 0, mac, ABLE)
    body += bytes(64)
    body += struct.pack(">I", PROTOCOL) + bytes(20)
    body += software.encode("ascii", "replace")[:143].ljust(144, b"\0")
    return message(INTRODUCTION, body + bytes(16))


def uptime(seconds: float) -> bytes:
    """A heartbeat's body: milliseconds, then what is left in nanoseconds, both little endian."""
    milliseconds, rest = divmod(int(seconds * 1_000_000_000), 1_000_000)
    return struct.pack("<II", milliseconds & 0xFFFFFFFF, rest)


def _mixed(one: int, challenge: bytes, first: int) -> bytes:
    other = int.from_bytes(challenge[first : first + 8], "big")
    return (one ^ other).to_bytes(8, "big")


class Mouth:
    """Encrypts what the base station says."""

    def __init__(self, key: bytes, challenge: bytes) -> None:
        start = _mixed(0x68E8364BE9C234C1, challenge, 7)
        self._chain = Cipher(Blowfish(key[8:]), modes.CBC(start)).encryptor()

    def say(self, kind: int, body: bytes = b"", filler: bytes = b"\0") -> bytes:
        """A message, padded to whole blocks."""
        plain = message(kind, body)
        missing = -len(plain) % 8
        return self._chain.update(plain + (filler * 8)[:missing])


class Ear:
    """Decrypts what the OMM says, message by message."""

    def __init__(self, key: bytes, challenge: bytes) -> None:
        start = _mixed(0xDFE66571FAC45A42, challenge, 23)
        self._chain = Cipher(Blowfish(key[:56]), modes.CBC(start)).decryptor()

    def open(self, sealed: bytes) -> bytes:
        """Whole blocks in clear."""
        return self._chain.update(sealed)


def rest_of(first_block: bytes) -> tuple[int, int, int]:
    """Of a message that begins with this block: its type, its length, the bytes still to come."""
    kind, length = struct.unpack(">HH", first_block[:4])
    return kind, length, max(0, (4 + length + 7) // 8 * 8 - 8)
