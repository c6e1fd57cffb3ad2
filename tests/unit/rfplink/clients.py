"""A base station for tests: speaks the wire from its own side, with none of the server's code."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from cryptography.hazmat.decrepit.ciphers.algorithms import Blowfish
from cryptography.hazmat.primitives.ciphers import Cipher, modes

STARTS = {0x110: 0x70, 0x104: 0x64, 0xF4: 0x64}
"""Where the software's version begins, by the length of the introduction."""


def introduction(
    length: int = 0x110,
    *,
    mac: str = "003042000001",
    software: bytes = b"8.1-DK12",
    protocol: int = 0x00080201,
) -> bytes:
    """The payload of a SYS_INIT."""
    payload = bytearray(length)
    payload[0:4] = bytes.fromhex("0000000D")
    payload[8:14] = bytes.fromhex(mac)
    payload[0x14:0x18] = bytes.fromhex("00000138")
    payload[0x58:0x5C] = protocol.to_bytes(4, "big")
    start = STARTS[length]
    payload[start : start + len(software)] = software
    return bytes(payload)


def vector(salt: str, challenge: bytes, start: int) -> bytes:
    """A starting vector: the salt with eight bytes of the challenge."""
    return bytes(octet ^ challenge[start + i] for i, octet in enumerate(bytes.fromhex(salt)))


def to_omm(key: bytes, challenge: bytes) -> Cipher[modes.CBC]:
    """How a base station encrypts."""
    return Cipher(Blowfish(key[8:64]), modes.CBC(vector("68E8364BE9C234C1", challenge, 7)))


def to_rfp(key: bytes, challenge: bytes) -> Cipher[modes.CBC]:
    """How a base station decrypts."""
    return Cipher(Blowfish(key[0:56]), modes.CBC(vector("DFE66571FAC45A42", challenge, 23)))


class LetGo(Exception):
    """The OMM closed the connection; ``said`` are the frames it sent in clear before."""

    def __init__(self, said: list[tuple[int, bytes]]) -> None:
        super().__init__(said)
        self.said = said


@dataclass
class Station:
    """One base station and its connection."""

    mac: str = "003042000001"
    key: bytes | None = None
    said: list[tuple[int, bytes]] = field(default_factory=list)

    async def connect(self, address: str, port: int) -> None:
        """Open the connection and read the challenge."""
        self.reader, self.writer = await asyncio.open_connection(address, port)
        kind, self.challenge = await self.clear_frame()
        assert (kind, len(self.challenge)) == (0x012D, 32)

    async def clear_frame(self) -> tuple[int, bytes]:
        """The next frame that is not encrypted; raises LetGo at the end."""
        try:
            head = await self.reader.readexactly(4)
            payload = await self.reader.readexactly(int.from_bytes(head[2:], "big"))
        except (asyncio.IncompleteReadError, ConnectionError):
            raise LetGo(self.said) from None
        self.said.append((int.from_bytes(head[:2], "big"), payload))
        return self.said[-1]

    async def introduce(self, **kwargs: object) -> None:
        """Send SYS_INIT and read until the ACK; keeps a key that is handed out."""
        payload = introduction(mac=self.mac, **kwargs)  # type: ignore[arg-type]
        self.writer.write(b"\x01\x20" + len(payload).to_bytes(2, "big") + payload)
        while (frame := await self.clear_frame())[0] != 0x0001:
            if frame[0] == 0x0124:
                self.key = frame[1]

    def prove(self, key: bytes | None = None) -> None:
        """Send SYS_ENCRYPTION_CONF under a key."""
        used = key or self.key
        assert used is not None
        self._sealer = to_omm(used, self.challenge).encryptor()
        self._opener = to_rfp(used, self.challenge).decryptor()
        self.send("0126000000000000")

    def send(self, plain: str) -> None:
        """Send whole blocks, given in hex."""
        self.writer.write(self._sealer.update(bytes.fromhex(plain)))

    def beat(self) -> None:
        """Send a heartbeat: up for 15 s."""
        self.send("00030008983A000020A1070000000000")

    async def frame(self) -> tuple[int, bytes]:
        """The next encrypted frame; raises LetGo at the end."""
        try:
            head = self._opener.update(await self.reader.readexactly(8))
            length = int.from_bytes(head[2:4], "big")
            rest = ((4 + length + 7) & ~7) - 8
            body = head[4:] + self._opener.update(await self.reader.readexactly(rest))
        except (asyncio.IncompleteReadError, ConnectionError):
            raise LetGo(self.said) from None
        return int.from_bytes(head[:2], "big"), body[:length]

    async def join(self, address: str, port: int) -> None:
        """Everything up to the last frame of the welcome."""
        await self.connect(address, port)
        await self.introduce()
        self.prove()
        while (await self.frame())[0] != 0x0134:
            pass

    async def ended(self) -> None:
        """Wait until the OMM has closed the connection."""
        try:
            while await self.reader.read(4096):
                pass
        except ConnectionError:
            pass
        self.writer.close()
