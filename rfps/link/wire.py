"""What goes over the line between a base station and the active OMM: frames and their contents.

Facts of the wire (docs/rfp-link.md); nothing here knows sockets, keys or the database. A frame is
a type (u16), the length of its payload (u16) and the payload, big endian.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from ipaddress import IPv4Address

HEADER = 4
"""Bytes before the payload: type and length."""
CHALLENGE = 32
"""Bytes of the challenge in SYS_AUTHENTICATE."""
MAX_PAYLOAD = 0xFFFF


class Kind(IntEnum):
    """The types of frames that the OMM sends or understands; any other is counted and ignored."""

    ACK = 0x0001
    NACK = 0x0002
    HEARTBEAT = 0x0003
    IP_OPTIONS = 0x0101
    LED = 0x0102
    HEARTBEAT_INTERVAL = 0x0105
    SYSLOG = 0x0107
    OMM_CONTROL = 0x010C
    INIT = 0x0120
    RESET = 0x0121
    STREAM_INFO = 0x0123
    AUTH_KEY = 0x0124
    RE_ENROLMENT = 0x0125
    ENCRYPTION_CONF = 0x0126
    AUTHENTICATE = 0x012D
    LICENSE_TIMER = 0x0134


class Led(IntEnum):
    """Colours of a light of the base station."""

    OFF = 0
    GREEN = 1
    GREEN_FLASHING = 2
    GREEN_ORANGE = 3
    GREEN_RED = 4
    RED = 5
    ORANGE = 6


class WireProblem(ValueError):
    """What came cannot be a frame of a base station; the text says why, the link is closed."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One message: its type as it came, and its payload."""

    kind: int
    payload: bytes = b""

    def encode(self) -> bytes:
        """Header and payload; raises ValueError for more than 65,535 bytes of payload."""
        if len(self.payload) > MAX_PAYLOAD:
            raise ValueError(f"a payload of {len(self.payload)} bytes is too long")
        return header(self.kind, len(self.payload)) + self.payload


def header(kind: int, length: int) -> bytes:
    """Type and length of the payload, as they stand before it."""
    return kind.to_bytes(2, "big") + length.to_bytes(2, "big")


def split_header(data: bytes | bytearray) -> tuple[int, int]:
    """Type and length of the payload, from the first four bytes."""
    return int.from_bytes(data[0:2], "big"), int.from_bytes(data[2:4], "big")


# --- SYS_INIT: how a base station introduces itself -----------------------------------------------


@dataclass(frozen=True, slots=True)
class _Layout:
    software: slice


_LAYOUTS = {
    0x110: _Layout(slice(0x70, 0x100)),
    0x104: _Layout(slice(0x64, 0xF4)),
    0xF4: _Layout(slice(0x64, 0xE4)),
}
INIT_LENGTHS = frozenset(_LAYOUTS)
"""Lengths of the payload of a SYS_INIT; its form goes by them, not by the protocol."""
OLDEST_PROTOCOL = 0x00080000
"""Base stations with an older software hold no key of their own and are refused."""

_MODELS = {
    0x01: "RFP 31",
    0x02: "RFP 33",
    0x03: "RFP 41",
    0x04: "RFP 32",
    0x05: "RFP 32 US",
    0x06: "RFP 34",
    0x07: "RFP 34 US",
    0x08: "RFP 42",
    0x09: "RFP 42 US",
    0x0B: "RFP 35",
    0x0C: "RFP 36",
    0x0D: "RFP 43",
    0x0E: "RFP 37",
    0x10: "RFP 44",
    0x11: "RFP 45",
    0x12: "RFP 47",
    0x13: "RFP 48",
    0x14: "PC ECM",
    0x15: "PC",
}
_VARIANTS = {0x0000: "", 0x1000: " L", 0x2000: " SL"}

_CAPABILITIES = {
    0x08: "normal power",
    0x10: "indoor",
    0x20: "WLAN",
    0x100: "encryption",
    0x200: "frequency shift",
    0x400: "low power",
    0x10000: "WLAN DFS",
}


def hardware_name(number: int) -> str:
    """The model as the vendor names it; a number that is not known is shown as one."""
    model = _MODELS.get(number & 0x0FFF)
    variant = _VARIANTS.get(number & ~0x0FFF)
    if model is None or variant is None:
        return f"0x{number:08X}"
    return model + variant


@dataclass(frozen=True, slots=True)
class Introduction:
    """What a base station says about itself, unproved, before anything is encrypted."""

    mac: str
    """Upper case with colons."""
    hardware: int
    capabilities: int
    protocol: int
    software: str
    """Printable characters only; may be empty."""

    @property
    def hardware_type(self) -> str:
        """The model's name."""
        return hardware_name(self.hardware)

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the capability bits that are known."""
        return tuple(name for bit, name in _CAPABILITIES.items() if self.capabilities & bit)

    @property
    def too_old(self) -> bool:
        """True for software that cannot hold a key of its own."""
        return self.protocol < OLDEST_PROTOCOL


def read_introduction(payload: bytes) -> Introduction:
    """Read the payload of a SYS_INIT; raises WireProblem when its length is none of the known."""
    layout = _LAYOUTS.get(len(payload))
    if layout is None:
        raise WireProblem(f"SYS_INIT of {len(payload)} bytes")
    text = payload[layout.software].split(b"\0", 1)[0].decode("ascii", "replace")
    return Introduction(
        mac=":".join(f"{octet:02X}" for octet in payload[8:14]),
        hardware=int.from_bytes(payload[0:4], "big"),
        capabilities=int.from_bytes(payload[0x14:0x18], "big"),
        protocol=int.from_bytes(payload[0x58:0x5C], "big"),
        software="".join(c for c in text if c.isascii() and c.isprintable()).strip(),
    )


class IntroductionReader:
    """Gathers the one frame that may come before the ACK; refuses all else by its header."""

    def __init__(self) -> None:
        self._gathered = b""

    def feed(self, data: bytes) -> Introduction | None:
        """Take what came; the introduction once it is whole.

        Raises WireProblem for another type, a length that no SYS_INIT has, or bytes after it.
        """
        self._gathered += data
        if len(self._gathered) < HEADER:
            return None
        kind, length = split_header(self._gathered)
        if kind != Kind.INIT:
            raise WireProblem(f"type 0x{kind:04X} before SYS_INIT")
        if length not in INIT_LENGTHS:
            raise WireProblem(f"SYS_INIT of {length} bytes")
        if len(self._gathered) < HEADER + length:
            return None
        if len(self._gathered) > HEADER + length:
            raise WireProblem("data before the ACK")
        return read_introduction(self._gathered[HEADER:])


# --- what the OMM sends ---------------------------------------------------------------------------

ACK = Frame(Kind.ACK, bytes.fromhex("0120FFFF01000000"))
"""Acknowledges SYS_INIT."""
COME_BACK = Frame(Kind.RESET, bytes.fromhex("02000000"))
"""Refused for now: the base station restarts and tries again after some seconds."""
GO_AWAY = Frame(Kind.NACK, bytes.fromhex("0120FFFF04000004"))
"""Refused for good: SYS_INIT with invalid parameters."""


def authenticate(challenge: bytes) -> Frame:
    """The first frame of every connection; 32 bytes never used before."""
    if len(challenge) != CHALLENGE:
        raise ValueError(f"a challenge of {len(challenge)} bytes")
    return Frame(Kind.AUTHENTICATE, challenge)


def led(number: int, colour: int) -> Frame:
    """Light ``number`` (0 to 3) in a colour (Led, or another value the base station may know)."""
    if not 0 <= number <= 3:
        raise ValueError(f"light {number}")
    return Frame(Kind.LED, bytes((number, colour, 0, 0)))


def heartbeat_interval(seconds: int) -> Frame:
    """How often the base station shall report, 1 to 255 seconds."""
    if not 1 <= seconds <= 255:
        raise ValueError(f"a heartbeat every {seconds} s")
    return Frame(Kind.HEARTBEAT_INTERVAL, bytes((seconds, 0, 0, 0)))


def syslog(address: IPv4Address | None, port: int = 514) -> Frame:
    """Where the base station shall send its log to; None switches it off."""
    if address is None:
        return Frame(Kind.SYSLOG, bytes(20))
    mapped = bytes(10) + b"\xff\xff" + address.packed
    return Frame(Kind.SYSLOG, mapped + port.to_bytes(2, "big") + bytes(2))


@dataclass(frozen=True, slots=True)
class Welcome:
    """What a base station is told once it has proved its key."""

    interval: int
    """Seconds between two heartbeats."""
    syslog_address: IPv4Address | None = None
    syslog_port: int = 514
    enrolled_now: bool = False
    """True when this connection gave it its key."""

    def frames(self) -> list[Frame]:
        """The frames, in the order that base stations expect."""
        return [
            Frame(Kind.OMM_CONTROL, bytes(4)),
            Frame(Kind.IP_OPTIONS, bytes.fromhex("B8B8200606000000")),
            heartbeat_interval(self.interval),
            Frame(Kind.STREAM_INFO, bytes.fromhex("01000000")),
            led(1, Led.GREEN_ORANGE if self.enrolled_now else Led.GREEN),
            syslog(self.syslog_address, self.syslog_port),
            Frame(Kind.LICENSE_TIMER, bytes.fromhex("FFFFFFFF") + bytes(16)),
        ]


def read_uptime(payload: bytes) -> float | None:
    """Seconds since the base station started, from a heartbeat; None when it does not say.

    The counter of milliseconds wraps after 49.7 days.
    """
    if len(payload) < 8:
        return None
    milliseconds = int.from_bytes(payload[0:4], "little")
    nanoseconds = int.from_bytes(payload[4:8], "little")
    return milliseconds / 1000 + nanoseconds / 1_000_000_000
