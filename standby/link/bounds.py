"""How the fields of a datagram travel: each is checked against its bounds, both ways."""

from __future__ import annotations

import dataclasses
import ipaddress
import json
import re
from collections.abc import Callable
from enum import StrEnum
from functools import lru_cache
from typing import Any

NODE_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")


class Wrong(ValueError):
    """A value outside its bounds."""


@dataclasses.dataclass(frozen=True, slots=True)
class Bound:
    """How one field travels: ``load`` checks a JSON value, ``dump`` makes one."""

    load: Callable[[Any], Any]
    dump: Callable[[Any], Any]


def same(load: Callable[[Any], Any]) -> Bound:
    """One check for both directions."""
    return Bound(load, load)


def flag(value: object) -> bool:
    """True or False."""
    if value is True or value is False:
        return value
    raise Wrong


def integer(low: int, high: int) -> Bound:
    """A whole number."""

    def check(value: object) -> int:
        if type(value) is int and low <= value <= high:
            return value
        raise Wrong

    return same(check)


def number(low: float, high: float) -> Bound:
    """A finite number."""

    def check(value: object) -> float:
        # An int is compared before it becomes a float: huge ones do not fit. NaN fails too.
        if type(value) in (int, float) and low <= value <= high:  # type: ignore[operator]
            return float(value)  # type: ignore[arg-type]
        raise Wrong

    return same(check)


def text(pattern: str) -> Bound:
    """A text that matches as a whole."""
    matches = re.compile(pattern).fullmatch

    def check(value: object) -> str:
        if isinstance(value, str) and matches(value):
            return value
        raise Wrong

    return same(check)


@lru_cache(maxsize=64)
def is_address(text: str) -> bool:
    """True for a numeric IP address."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def address(value: object) -> str:
    """A numeric IP address, or an empty text."""
    if isinstance(value, str) and len(value) <= 64 and (not value or is_address(value)):
        return value
    raise Wrong


def word(kind: type[StrEnum]) -> Bound:
    """One of an enumeration's words."""
    words = {member.value: member for member in kind}

    def check(value: object) -> Any:
        if isinstance(value, str) and value in words:
            return words[value]
        raise Wrong

    return Bound(check, lambda value: check(value).value)


def optional(bound: Bound) -> Bound:
    """Nothing, or what ``bound`` allows."""
    return Bound(
        lambda value: None if value is None else bound.load(value),
        lambda value: None if value is None else bound.dump(value),
    )


def many(bound: Bound, most: int) -> Bound:
    """A list of at most so many."""

    def each(check: Callable[[Any], Any]) -> Callable[[Any], Any]:
        def checked(value: object) -> tuple[Any, ...]:
            if isinstance(value, list | tuple) and len(value) <= most:
                return tuple(check(one) for one in value)
            raise Wrong

        return checked

    return Bound(each(bound.load), each(bound.dump))


def group(kind: type[Any], bounds: dict[str, Bound]) -> Bound:
    """A dataclass as a JSON object, each field within its bounds.

    Names that this version does not know are skipped and fields with a default may be missing,
    so that two nodes stay in contact while one of them is upgraded.
    """
    fields = dataclasses.fields(kind)
    if missing := {field.name for field in fields} ^ bounds.keys():
        raise TypeError(f"the bounds of {kind.__name__} and the class differ in {missing}")
    needed = {
        field.name
        for field in fields
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    }
    loads = [(name, bound.load) for name, bound in bounds.items()]
    dumps = [(name, bound.dump) for name, bound in bounds.items()]

    def load(value: object) -> Any:
        if not isinstance(value, dict) or not needed <= value.keys():
            raise Wrong
        return kind(**{name: check(value[name]) for name, check in loads if name in value})

    def dump(value: Any) -> dict[str, Any]:
        return {name: check(getattr(value, name)) for name, check in dumps}

    return Bound(load, dump)


def _no_constant(text: str) -> Any:
    raise Wrong(text)


_DECODER = json.JSONDecoder(parse_constant=_no_constant)
_ENCODER = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def encoded(bound: Bound, value: Any) -> bytes:
    """``value`` as JSON; raises ValueError for a field outside its bounds."""
    try:
        fields: dict[str, Any] = bound.dump(value)
    except Wrong:
        raise ValueError(f"out of bounds: {value}") from None
    del fields["node"]
    return _ENCODER.encode(fields).encode()


def decoded(bound: Bound, node: str, payload: bytes) -> Any:
    """The JSON object with the ``node`` that signed it; raises ValueError, RecursionError."""
    fields = _DECODER.decode(payload.decode())
    if not isinstance(fields, dict):
        raise Wrong
    fields["node"] = node
    return bound.load(fields)


FLAG = same(flag)
COUNT = integer(0, 2**63 - 1)
BOOT = text(r"[A-Za-z0-9._:-]{0,64}")
NAME = text(NODE_ID.pattern)
ADDRESS = same(address)
