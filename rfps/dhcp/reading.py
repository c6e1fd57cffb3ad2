"""Reading configurations of DHCP servers as far as base stations are concerned.

Each reader looks for option 43, in one piece or as single sub-options, for option 224, for what
makes a server send them unasked, and for what limits them to base stations.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from typing import Any

from rfps.dhcp.option43 import END, BadOption, SubOption, from_hex
from standby.domain.sentence import Sentence, say


class Unreadable(ValueError):
    """The text is no configuration that is known; ``text`` says so."""

    def __init__(self, text: Sentence) -> None:
        super().__init__(text)
        self.text = text


@dataclass(slots=True)
class Read:
    """What a configuration has for base stations."""

    server: str
    option43: bytes | None = None
    """As it would be on the wire; None when there is none."""
    magic: str | None = None
    """Option 224."""
    not_forced: list[int] = field(default_factory=list)
    """Options that only those get who ask for them."""
    is_scoped: bool = True
    """False when nothing limits the options to base stations."""
    mistakes: list[Sentence] = field(default_factory=list)


def read(text: str) -> Read:
    """Read a configuration; raises Unreadable when no server's is recognised."""
    for recognise, reader in _READERS:
        if recognise(text):
            return reader(text)
    raise Unreadable(
        say("neither option 43 in hexadecimal nor a configuration of a known DHCP server")
    )


def _without_comments(text: str, *marks: str) -> str:
    """Lines that are comments as a whole are left out."""
    lines = text.splitlines()
    return "\n".join(line for line in lines if not line.strip().startswith(marks))


def _joined(parts: list[SubOption]) -> bytes | None:
    return b"".join(part.octets for part in parts) if parts else None


def _part(found: Read, code: int, octets: bytes) -> list[SubOption]:
    """The sub-option, unless no server could send it."""
    if code <= 255 and len(octets) <= 255:
        return [SubOption(0, code, octets)]
    found.mistakes.append(say("sub-option %(code)s cannot be sent", code=code))
    return []


def _hex(found: Read, text: str) -> bytes | None:
    try:
        return from_hex(text)
    except BadOption as problem:
        found.mistakes.append(say("option 43: %(problem)s", problem=problem.text))
        return None


# --- ISC dhcpd ------------------------------------------------------------------------------------

_DHCPD_CODE = re.compile(r"option\s+([\w.-]+)\s+code\s+(\d+)\s*=\s*([\w -]+?)\s*;")
_DHCPD_VALUE = re.compile(r"\boption\s+([\w.-]+)\s+((?:\"[^\"\n]{0,500}\"|[^;\"]){1,2000});")
_DHCPD_FORCE = re.compile(r"dhcp-parameter-request-list\s*=?\s*concat\s*\(([^)]*)\)")


def _read_dhcpd(text: str) -> Read:
    found = Read("dhcpd")
    body = _without_comments(text, "#", "//")
    defined = {name: (int(code), kind) for name, code, kind in _DHCPD_CODE.findall(body)}
    defined["vendor-encapsulated-options"] = (43, "string")
    parts: list[SubOption] = []
    for name, words in _DHCPD_VALUE.findall(_DHCPD_CODE.sub("", body)):
        if name not in defined:
            continue
        code, kind = defined[name]
        value = words.strip()
        if name == "vendor-encapsulated-options":
            found.option43 = _dhcpd_octets(found, value)
        elif code == 224 and "." not in name:
            found.magic = value.strip('"')
        elif "." in name:
            octets = _typed(found, name, kind, value)
            if octets is not None:
                parts += _part(found, code, octets)
    found.option43 = found.option43 or _joined(parts)
    forced = {
        int(word, 16)
        for words in _DHCPD_FORCE.findall(body)
        for word in words.replace(" ", "").split(",")
        if re.fullmatch(r"[0-9a-fA-F]{1,2}", word)
    }
    found.not_forced = [code for code in (43,) if code not in forced]
    found.is_scoped = "vendor-class-identifier" in body
    return found


def _dhcpd_octets(found: Read, value: str) -> bytes | None:
    return value.strip('"').encode() if value.startswith('"') else _hex(found, value)


def _typed(found: Read, name: str, kind: str, value: str) -> bytes | None:
    """A value as its declared type puts it on the wire."""
    try:
        if kind == "ip-address":
            return b"".join(IPv4Address(each.strip()).packed for each in value.split(","))
        width = re.search(r"integer\s+(8|16|32)", kind)
        if width:
            return int(value).to_bytes(int(width.group(1)) // 8, "big")
    except (ValueError, OverflowError):
        found.mistakes.append(say("%(name)s: %(value)s cannot be sent", name=name, value=value))
        return None
    return value.strip('"').encode()


# --- dnsmasq --------------------------------------------------------------------------------------

_DNSMASQ_OPTION = re.compile(r"^\s*dhcp-option(-force)?\s*=\s*(.+?)\s*$", re.MULTILINE)


def _read_dnsmasq(text: str) -> Read:
    found = Read("dnsmasq")
    body = _without_comments(text, "#")
    parts: list[SubOption] = []
    whole: bytes | None = None
    scoped = []
    for force, words in _DNSMASQ_OPTION.findall(body):
        tags, code, inner, value = _dnsmasq_words(words)
        if code not in {43, 224}:
            continue
        scoped.append(bool(tags))
        if not force and code not in found.not_forced and not inner.startswith("vendor"):
            found.not_forced.append(code)
        if code == 224:
            found.magic = value.strip('"')
        elif inner:
            sub = int(inner.partition(":")[2]) if inner.partition(":")[2].isdecimal() else 0
            octets = dnsmasq_value(value)
            if not octets:
                found.mistakes.append(say("sub-option %(code)s has no value", code=sub))
            parts = _part(found, sub, octets) + parts
        else:
            whole = _hex(found, value)
    if whole is not None and parts:
        found.mistakes.append(say("option 43 is there in one piece and as sub-options"))
    found.option43 = whole or _joined(parts)
    if parts and whole is None and found.option43 is not None:
        found.option43 += bytes((END,))
    found.is_scoped = all(scoped)
    return found


def _dnsmasq_words(words: str) -> tuple[list[str], int, str, str]:
    """Tags, option, ``encap:`` or ``vendor:`` with the sub-option, and the value."""
    tags: list[str] = []
    code, inner = 0, ""
    rest = words
    while rest:
        word, _, after = rest.partition(",")
        word = word.strip()
        if word.startswith("tag:"):
            tags.append(word)
        elif word.startswith(("encap:43", "vendor:")):
            kind = word.partition(":")[0]
            code, inner = 43, kind
            if kind == "vendor":
                tags.append(word)
        elif word.isdecimal() and not code:
            return tags, int(word), "", after.strip()
        elif word.isdecimal():
            return tags, code, f"{inner}:{word}", after.strip()
        else:
            return tags, code, inner, rest.strip()
        rest = after
    return tags, code, inner, ""


def dnsmasq_value(value: str) -> bytes:
    """A value as dnsmasq sends it: numbers in the fewest bytes unless a letter tells their size."""
    if value.startswith('"'):
        return value.strip('"').encode()
    try:
        return b"".join(IPv4Address(each.strip()).packed for each in value.split(","))
    except ValueError:
        pass
    if re.fullmatch(r"([0-9A-Fa-f]{2}:)+[0-9A-Fa-f]{2}", value):
        return bytes.fromhex(value.replace(":", ""))
    sized = re.fullmatch(r"(\d+)([bsi]?)", value)
    if sized is None:
        return value.encode()
    number, size = int(sized.group(1)), {"b": 1, "s": 2, "i": 4}.get(sized.group(2))
    fewest = next(count for count in (1, 2, 4) if number < 256**count or count == 4)
    octets = size or fewest
    return (number % (1 << (8 * octets))).to_bytes(octets, "big")


# --- Kea ------------------------------------------------------------------------------------------


def _read_kea(text: str) -> Read:
    found = Read("kea")
    content = _json(text)
    found.is_scoped = bool(_objects(content, "client-classes"))
    names, kinds = _kea_definitions(content)
    parts: list[SubOption] = []
    has_entry = False
    for each in _objects(content, "option-data"):
        name, data = str(each.get("name", "")), str(each.get("data", ""))
        code = each.get("code", names.get(name))
        if name in kinds:
            octets = _kea_value(found, name, kinds[name][1], data)
            parts += _part(found, kinds[name][0], octets) if octets is not None else []
        elif code in {43, 224}:
            _kea_option(found, int(code), data, each)
            has_entry = has_entry or (code == 43 and not data)
    if found.option43 is None and parts:
        if has_entry:
            found.option43 = _joined(sorted(parts, key=lambda part: part.code))
        else:
            found.mistakes.append(
                say("sub-options alone are not sent: option 43 needs an entry without data")
            )
    return found


def _kea_definitions(content: Any) -> tuple[dict[str, int], dict[str, tuple[int, str]]]:
    """Numbers of options by name, and numbers and types of sub-options by name."""
    names = {"vendor-encapsulated-options": 43}
    kinds: dict[str, tuple[int, str]] = {}
    for each in _objects(content, "option-def"):
        name, code = str(each.get("name")), each.get("code")
        if not isinstance(code, int) or not 0 <= code <= 255:
            continue
        if each.get("space", "dhcp4") == "dhcp4":
            names[name] = code
        else:
            kinds[name] = (code, str(each.get("type")))
    return names, kinds


def _kea_option(found: Read, code: int, data: str, option: dict[str, Any]) -> None:
    if option.get("always-send") is not True:
        found.not_forced.append(code)
    if code == 224:
        is_text = bool(option.get("csv-format", True))
        found.magic = _kea_text(data) if is_text else _hex_or_text(f"0x{data}")
    elif data:
        found.option43 = _hex(found, data)


def _json(text: str) -> Any:
    bare = re.sub(r"/\*.*?\*/", "", _without_comments(text, "#", "//"), flags=re.DOTALL)
    bare = re.sub(r"\s//[^\"\n]*$", "", bare, flags=re.MULTILINE)
    for attempt in (bare, "{" + bare.strip().rstrip(",") + "}"):
        try:
            return json.loads(attempt)
        except (ValueError, RecursionError):
            continue
    raise Unreadable(say("this looks like Kea's configuration, but it is no valid JSON"))


def _objects(content: Any, key: str) -> list[dict[str, Any]]:
    """All members of lists that stand anywhere under ``key``."""
    return list(_walk(content, key))


def _walk(content: Any, key: str) -> Iterator[dict[str, Any]]:
    waiting = [content]
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict):
            inner = each.get(key)
            if isinstance(inner, list):
                yield from (item for item in inner if isinstance(item, dict))
            waiting += each.values()
        elif isinstance(each, list):
            waiting += each


def _kea_value(found: Read, name: str, kind: str, data: str) -> bytes | None:
    if kind == "ipv4-address":
        return _typed(found, name, "ip-address", data)
    if kind.startswith("uint"):
        return _typed(found, name, f"integer {kind.removeprefix('uint')}", data)
    return _kea_text(data).encode()


def _kea_text(data: str) -> str:
    """A comma that is not escaped ends the text."""
    return re.split(r"(?<!\\),", data)[0].replace("\\,", ",")


# --- MikroTik and Windows -------------------------------------------------------------------------

_MIKROTIK = re.compile(r"code=(43|224)\b[^\n]*?value=(\"[^\"]*\"|'[^']*'|\S+)")
_WINDOWS = re.compile(r"-OptionId\s+(43|224)\b[^\n]*?-Value\s+('[^']*'|\"[^\"]*\"|[^\s|]+)")


def _read_mikrotik(text: str) -> Read:
    found = Read("mikrotik", is_scoped="option-set" in text)
    rows = 0
    for line in _without_comments(text, "#").splitlines():
        for code, value in _MIKROTIK.findall(line):
            bare = value.strip("\"'")
            if code == "43":
                rows += 1
                found.option43 = found.option43 or _hex(found, bare)
            else:
                found.magic = _hex_or_text(bare)
            if "force=yes" not in line:
                found.not_forced.append(int(code))
    if rows > 1:
        found.mistakes.append(say("several rows for option 43: put all sub-options into one"))
    return found


def _read_windows(text: str) -> Read:
    found = Read("windows", is_scoped="-PolicyName" in text or "-VendorClass" in text)
    for code, value in _WINDOWS.findall(_without_comments(text, "#")):
        bare = value.strip("\"'")
        if code == "43":
            found.option43 = _hex(found, bare.replace("0x", "").replace("0X", ""))
        else:
            found.magic = bare
    return found


def _hex_or_text(value: str) -> str:
    if not value.startswith("0x"):
        return value
    try:
        return from_hex(value).decode("ascii", "replace")
    except BadOption:
        return value


_READERS: tuple[tuple[Callable[[str], object], Callable[[str], Read]], ...] = (
    (re.compile(r"-OptionId|Add-DhcpServerv4").search, _read_windows),
    (re.compile(r"/ip dhcp-server|code=\d+ .*value=|value=\S+ .*code=\d+").search, _read_mikrotik),
    (re.compile(r'"(option-data|option-def|Dhcp4)"').search, _read_kea),
    (re.compile(r"^\s*dhcp-(option|match|range|host)", re.MULTILINE).search, _read_dnsmasq),
    (re.compile(r"\boption\s+[\w.-]+\s.*;").search, _read_dhcpd),
)
