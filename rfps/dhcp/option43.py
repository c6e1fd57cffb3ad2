"""DHCP option 43 of base stations: what they are told, as bytes, and bytes as what they mean.

The option is a list of sub-options: code (1 byte), length (1 byte), value. One encoder serves
every DHCP server, because all of them send a value given in hexadecimal exactly as it stands,
while each has its own idea of the order of single sub-options.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from ipaddress import IPv4Address

from standby.domain.sentence import Sentence, say

LONGEST = 200
"""Bytes: servers drop, cut or spread longer values, each in its own way."""
END = 0xFF
PAD = 0x00
MAGIC = "OpenMobilitySIP-DECT"
"""Option 224: without it a base station ignores the offer."""
MAGICS = ("OpenMobility", MAGIC)
"""The values of option 224 that base stations accept."""
VENDOR_CLASS = "OpenMobility"
"""What option 60 of a base station begins with."""


class Code(IntEnum):
    """The sub-options that base stations know."""

    CONFIG_URL = 2
    FIRST_OMM = 10
    SYSLOG_ADDRESS = 14
    SYSLOG_PORT = 15
    COUNTRY = 17
    NTP_NAME = 18
    SECOND_OMM = 19


@dataclass(frozen=True, slots=True)
class Told:
    """What base stations are told; None or an empty text: nothing about it."""

    first_omm: IPv4Address
    second_omm: IPv4Address | None = None
    syslog_address: IPv4Address | None = None
    syslog_port: int = 514
    country: int | None = None
    """Number of the tone scheme."""
    ntp_name: str = ""
    config_url: str = ""


@dataclass(frozen=True, slots=True)
class SubOption:
    """One entry of option 43, at ``start`` of its bytes."""

    start: int
    code: int
    value: bytes

    @property
    def octets(self) -> bytes:
        """Code, length and value."""
        return bytes((self.code, len(self.value))) + self.value


class BadOption(ValueError):
    """Bytes that are no option 43, or values that do not fit into one; ``text`` says why."""

    def __init__(self, text: Sentence) -> None:
        super().__init__(text)
        self.text = text


def encode(told: Told) -> bytes:
    """The bytes of option 43; raises BadOption when they would be too many for some server."""
    parts: list[tuple[Code, bytes]] = [(Code.FIRST_OMM, told.first_omm.packed)]
    if told.second_omm is not None:
        parts.append((Code.SECOND_OMM, told.second_omm.packed))
    if told.syslog_address is not None:
        parts.append((Code.SYSLOG_ADDRESS, told.syslog_address.packed))
        parts.append((Code.SYSLOG_PORT, told.syslog_port.to_bytes(2, "big")))
    if told.country is not None:
        parts.append((Code.COUNTRY, told.country.to_bytes(2, "big")))
    if told.ntp_name:
        parts.append((Code.NTP_NAME, _text(told.ntp_name, say("NTP server"))))
    if told.config_url:
        parts.append((Code.CONFIG_URL, _text(told.config_url, say("configuration URL"))))
    encoded = b"".join(SubOption(0, code, value).octets for code, value in parts)
    if len(encoded) > LONGEST:
        raise BadOption(
            say(
                "option 43 would have %(count)s bytes, more than %(most)s",
                count=len(encoded),
                most=LONGEST,
            )
        )
    return encoded


def _text(text: str, name: Sentence) -> bytes:
    if not text.isascii() or len(text) > LONGEST:
        raise BadOption(
            say(
                "%(name)s: ASCII only, and at most %(most)s characters",
                name=name,
                most=LONGEST,
            )
        )
    return text.encode()


def decode(octets: bytes) -> list[SubOption]:
    """The sub-options in their order; what follows an end mark is not read, as by base stations.

    Raises BadOption for a sub-option that is longer than what is left.
    """
    found = []
    at = 0
    while at < len(octets) and octets[at] != END:
        if octets[at] == PAD:
            at += 1
            continue
        if at + 2 > len(octets) or at + 2 + octets[at + 1] > len(octets):
            raise BadOption(
                say("sub-option %(code)s at byte %(at)s is cut off", code=octets[at], at=at + 1)
            )
        end = at + 2 + octets[at + 1]
        found.append(SubOption(at, octets[at], octets[at + 2 : end]))
        at = end
    return found


def from_hex(text: str) -> bytes:
    """Bytes from hexadecimal digits, with ``0x``, colons, blanks, commas or dashes between them."""
    digits = text.strip().removeprefix("0x").removeprefix("0X")
    for separator in (":", " ", "-", ",", ".", "\n", "\r", "\t"):
        digits = digits.replace(separator, "")
    try:
        return bytes.fromhex(digits)
    except ValueError:
        raise BadOption(say("these are not pairs of hexadecimal digits")) from None


# --- what a base station understands --------------------------------------------------------------


def _address(value: bytes) -> str:
    if len(value) != 4:
        raise BadOption(say("an address of %(count)s bytes", count=len(value)))
    return str(IPv4Address(value))


def _number(value: bytes) -> str:
    if len(value) != 2:
        raise BadOption(say("a number of %(count)s bytes instead of 2", count=len(value)))
    return str(int.from_bytes(value, "big"))


def _name(value: bytes) -> str:
    try:
        text = value.decode("ascii")
    except UnicodeDecodeError:
        text = ""
    if not text or not text.isprintable():
        raise BadOption(say("a text that is empty or cannot be printed"))
    return text


_READERS: dict[int, Callable[[bytes], str]] = {
    Code.CONFIG_URL: _name,
    Code.FIRST_OMM: _address,
    Code.SYSLOG_ADDRESS: _address,
    Code.SYSLOG_PORT: _number,
    Code.COUNTRY: _number,
    Code.NTP_NAME: _name,
    Code.SECOND_OMM: _address,
}


@dataclass(frozen=True, slots=True)
class Understood:
    """One sub-option as a base station reads it."""

    part: SubOption
    code: Code | None
    """None: base stations do not know it."""
    value: str
    """Empty when there is a ``problem``."""
    problem: Sentence | None = None


def understand(octets: bytes) -> list[Understood]:
    """Each sub-option with its meaning or what is wrong with it; raises BadOption like decode."""
    return [_understood(part) for part in decode(octets)]


def _understood(part: SubOption) -> Understood:
    reader = _READERS.get(part.code)
    if reader is None:
        return Understood(part, None, part.value.hex())
    try:
        return Understood(part, Code(part.code), reader(part.value))
    except BadOption as problem:
        return Understood(part, Code(part.code), "", problem.text)
