"""Heartbeats on the wire: UDP datagrams that only a holder of the pair secret can make.

Layout: ``OMMH``, version (1 byte), length of the node id (1 byte), node id, JSON object, and
HMAC-SHA256 over all of it with the sending node's key. Nothing is looked at before the HMAC is
right, not even the version, so whatever a stranger sends has no effect but a counter.
"""

from __future__ import annotations

import dataclasses
import hmac
import ipaddress
import json
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Literal

from standby.domain.facts import Claim, Head, Heartbeat, Offer, Role, SplitPolicy
from standby.link.keys import heartbeat_key

MAX_DATAGRAM = 1200
"""Bytes; fits into one packet on any path."""
WIRE_VERSION = 1

_MAGIC = b"OMMH"
_TAG = 32
_SHORTEST = len(_MAGIC) + 2 + 1 + _TAG
_NODE_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")

BadKind = Literal["short", "oversized", "version", "auth", "schema", "own"]


class BadDatagram(Exception):
    """A datagram that is not a heartbeat of the peer.

    ``kind`` says why. "version", "schema" and "own" are only said of datagrams that a holder of
    the pair secret made; "auth" also covers what is not ours at all.
    """

    def __init__(self, kind: BadKind) -> None:
        super().__init__(kind)
        self.kind: BadKind = kind


class _Wrong(ValueError):
    """A value outside its bounds."""


@dataclasses.dataclass(frozen=True, slots=True)
class Bound:
    """How one field travels: ``load`` checks a JSON value, ``dump`` makes one."""

    load: Callable[[Any], Any]
    dump: Callable[[Any], Any]


def _same(load: Callable[[Any], Any]) -> Bound:
    return Bound(load, load)


def _flag(value: object) -> bool:
    if value is True or value is False:
        return value
    raise _Wrong


def _integer(low: int, high: int) -> Bound:
    def check(value: object) -> int:
        if type(value) is int and low <= value <= high:
            return value
        raise _Wrong

    return _same(check)


def _number(low: float, high: float) -> Bound:
    def check(value: object) -> float:
        # An int is compared before it becomes a float: huge ones do not fit. NaN fails too.
        if type(value) in (int, float) and low <= value <= high:  # type: ignore[operator]
            return float(value)  # type: ignore[arg-type]
        raise _Wrong

    return _same(check)


def _text(pattern: str) -> Bound:
    matches = re.compile(pattern).fullmatch

    def check(value: object) -> str:
        if isinstance(value, str) and matches(value):
            return value
        raise _Wrong

    return _same(check)


@lru_cache(maxsize=64)
def is_address(text: str) -> bool:
    """True for a numeric IP address."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _address(value: object) -> str:
    if isinstance(value, str) and len(value) <= 64 and (not value or is_address(value)):
        return value
    raise _Wrong


def _word(kind: type[Role | SplitPolicy]) -> Bound:
    words = {member.value: member for member in kind}

    def check(value: object) -> Any:
        if isinstance(value, str) and value in words:
            return words[value]
        raise _Wrong

    return Bound(check, lambda value: check(value).value)


def _optional(bound: Bound) -> Bound:
    return Bound(
        lambda value: None if value is None else bound.load(value),
        lambda value: None if value is None else bound.dump(value),
    )


def _group(kind: type[Any], bounds: dict[str, Bound]) -> Bound:
    """A dataclass as a JSON object, each field within its bounds.

    Names that this version does not know are skipped and fields with a default may be missing,
    so that two nodes stay in contact while one of them is upgraded.
    """
    fields = dataclasses.fields(kind)
    if missing := {field.name for field in fields} ^ bounds.keys():
        raise TypeError(f"standby/link/datagram.py and {kind.__name__} differ in {missing}")
    needed = {
        field.name
        for field in fields
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    }
    loads = [(name, bound.load) for name, bound in bounds.items()]
    dumps = [(name, bound.dump) for name, bound in bounds.items()]

    def load(value: object) -> Any:
        if not isinstance(value, dict) or not needed <= value.keys():
            raise _Wrong
        return kind(**{name: check(value[name]) for name, check in loads if name in value})

    def dump(value: Any) -> dict[str, Any]:
        return {name: check(getattr(value, name)) for name, check in dumps}

    return Bound(load, dump)


_FLAG = _same(_flag)
_COUNT = _integer(0, 2**63 - 1)
_BOOT = _text(r"[A-Za-z0-9._:-]{0,64}")
_NAME = _text(_NODE_ID.pattern)
_HASH = _text(r"[0-9a-f]{64}")
_ADDRESS = _same(_address)

HEAD = _group(
    Head,
    {
        "seq": _COUNT,
        "hash": _HASH,
        "term": _COUNT,
        "lineage": _text(r"[0-9A-Za-z-]{0,36}"),
        "real": _FLAG,
    },
)
CLAIM = _group(
    Claim,
    {
        "term": _COUNT,
        "active_for": _number(0, 1e10),
        "rfps": _integer(0, 1_000_000),
        "policy": _word(SplitPolicy),
        "acked_suffix": _FLAG,
        "noticed": _FLAG,
    },
)
OFFER = _group(Offer, {"successor": _NAME, "term": _COUNT})
HEARTBEAT = _group(
    Heartbeat,
    {
        "node": _NAME,
        "address": _ADDRESS,
        "peer_address": _ADDRESS,
        "boot": _BOOT,
        "counter": _COUNT,
        "echo_boot": _BOOT,
        "echo_counter": _COUNT,
        "hears": _FLAG,
        "role": _word(Role),
        "gate_open": _FLAG,
        "term": _COUNT,
        "head": HEAD,
        "acked_seq": _COUNT,
        "healthy": _FLAG,
        "sip_ok": _optional(_FLAG),
        "yields": _FLAG,
        "barred": _FLAG,
        "rfps": _integer(0, 1_000_000),
        "claim": _optional(CLAIM),
        "offer": _optional(OFFER),
        "probe": _FLAG,
        "contact_timeout": _number(0.001, 3600),
        "wall": _number(0, 1e12),
        "version": _text(r"[\x20-\x7e]{0,32}"),
        "policy": _optional(_word(SplitPolicy)),
    },
)
"""The bounds of every field, in both directions. A new field of Heartbeat gets its line here."""


def _no_constant(text: str) -> Any:
    raise _Wrong(text)


_DECODER = json.JSONDecoder(parse_constant=_no_constant)
_ENCODER = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False)


class DatagramCodec:
    """Makes and reads the heartbeats of one node.

    With a ``previous`` pair secret it understands both, and speaks with the one that the peer was
    last heard with: a peer that knows only one of them is understood and understands.
    """

    def __init__(self, secret: bytes, node: str, previous: bytes = b"") -> None:
        """``node`` is this node's id; raises ValueError when it cannot be one."""
        if not _NODE_ID.fullmatch(node):
            raise ValueError(f"{node!r} is not a node id")
        self.secret = previous or secret
        """The pair secret that the peer is known to know; before it is heard, the older one."""
        self._secrets = tuple(filter(None, (secret, previous)))
        self._node = node
        self._header = _MAGIC + bytes([WIRE_VERSION, len(node)]) + node.encode()
        self._own_keys = {each: heartbeat_key(each, node) for each in self._secrets}
        self._keys: dict[tuple[bytes, bytes], bytes] = {}

    def encode(self, heartbeat: Heartbeat) -> bytes:
        """The datagram, at most MAX_DATAGRAM bytes; raises ValueError for a heartbeat that is
        not this node's or has a field outside its bounds.
        """
        if heartbeat.node != self._node:
            raise ValueError(f"a heartbeat of {heartbeat.node!r} is not ours to send")
        try:
            fields = HEARTBEAT.dump(heartbeat)
        except _Wrong:
            raise ValueError(f"out of bounds: {heartbeat}") from None
        del fields["node"]
        signed = self._header + _ENCODER.encode(fields).encode()
        if len(signed) + _TAG > MAX_DATAGRAM:
            raise ValueError(f"a heartbeat of {len(signed) + _TAG} bytes is too long")
        return signed + hmac.digest(self._own_keys[self.secret], signed, "sha256")

    def decode(self, data: bytes) -> Heartbeat:
        """The peer's heartbeat; raises BadDatagram and nothing else, whatever the bytes are.

        Whether it is fresh is not known here: the echo tells (domain/contact).
        """
        if len(data) > MAX_DATAGRAM:
            raise BadDatagram("oversized")
        if len(data) < _SHORTEST:
            raise BadDatagram("short")
        node, payload = self._authenticated(data)
        if data[len(_MAGIC)] != WIRE_VERSION:
            raise BadDatagram("version")
        if node == self._node:
            raise BadDatagram("own")
        return _parsed(node, payload)

    def _authenticated(self, data: bytes) -> tuple[str, bytes]:
        """Sender and payload of a datagram whose HMAC is right."""
        start = len(_MAGIC) + 2
        end = start + data[start - 1]
        if data[: len(_MAGIC)] != _MAGIC or end > len(data) - _TAG:
            raise BadDatagram("auth")
        raw_node = data[start:end]
        try:
            node = raw_node.decode("ascii")
        except UnicodeDecodeError:
            raise BadDatagram("auth") from None
        if not _NODE_ID.fullmatch(node):
            raise BadDatagram("auth")
        secret = self._secret_of(node, data)
        if node != self._node:
            self.secret = secret
        return node, data[end:-_TAG]

    def _secret_of(self, node: str, data: bytes) -> bytes:
        """The pair secret that a datagram of ``node`` was made with."""
        for secret in self._secrets:
            # Only keys that proved right are kept, so strangers cannot fill the memory.
            known = self._keys.get((node.encode(), secret))
            key = known or heartbeat_key(secret, node)
            if hmac.compare_digest(hmac.digest(key, data[:-_TAG], "sha256"), data[-_TAG:]):
                self._keys[node.encode(), secret] = key
                return secret
        raise BadDatagram("auth")


def _parsed(node: str, payload: bytes) -> Heartbeat:
    try:
        fields = _DECODER.decode(payload.decode())
        if not isinstance(fields, dict):
            raise _Wrong
        fields["node"] = node
        heartbeat: Heartbeat = HEARTBEAT.load(fields)
    except (ValueError, RecursionError):
        raise BadDatagram("schema") from None
    return heartbeat
