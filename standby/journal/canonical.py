"""The one text form of an entry, and the hash over it.

Canonical JSON: sorted keys, UTF-8, no spaces, no floats, no NUL. Times are UTC with microseconds
("2026-01-01T00:00:00.000000Z"), UUIDs lower-case text. What was hashed is stored and shipped as it
is; the text is never made anew for hashing.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
from typing import Any, Final

from standby.journal.errors import BadValue

MAX_DEPTH: Final = 32
"""How deep lists and objects may be nested."""
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", re.ASCII)
_encode = json.JSONEncoder(
    sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False
).encode


def dumps(value: Any) -> str:
    """The canonical text of a value that holds nothing but ``checked`` JSON."""
    return _encode(value)


def loads(text: str) -> Any:
    """The value of a canonical text; raises BadValue unless dumps() gives the same text again."""
    try:
        value = _decoder.decode(text)
    except (ValueError, RecursionError) as problem:
        raise BadValue(f"not JSON: {problem}") from None
    if "\\u0000" in text:
        checked(value)
    if _encode(value) != text:
        raise BadValue("not canonical JSON")
    return value


def _no_number(text: str) -> Any:
    raise ValueError(f"the number {text[:40]} is not an integer")


_decoder = json.JSONDecoder(parse_float=_no_number, parse_constant=_no_number)


def checked(value: Any, depth: int = 0) -> Any:
    """The value itself when it can be journalled as JSON, else BadValue."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, str):
        return checked_text(value)
    if depth >= MAX_DEPTH:
        raise BadValue("nested too deeply")
    if isinstance(value, list | tuple):
        return [checked(item, depth + 1) for item in value]
    if isinstance(value, dict):
        return {_key(key): checked(item, depth + 1) for key, item in value.items()}
    raise BadValue(f"a value of type {type(value).__name__} cannot be journalled")


def _key(key: Any) -> str:
    if not isinstance(key, str):
        raise BadValue("the names in a JSON object must be texts")
    return checked_text(key)


def checked_text(value: str) -> str:
    """A plain text without NUL and without half surrogate pairs, else BadValue."""
    text = str.__str__(value)
    if "\0" in text:
        raise BadValue("NUL characters are not allowed")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise BadValue("the text is not valid Unicode") from None
    return text


def time_text(moment: dt.datetime) -> str:
    """A time with a zone as canonical text."""
    if moment.tzinfo is None:
        raise BadValue("a time without a zone cannot be journalled")
    utc = moment.astimezone(dt.UTC).replace(tzinfo=None)
    return f"{utc.isoformat(timespec='microseconds')}Z"


def time_of(text: Any) -> dt.datetime:
    """The time of a canonical text; raises BadValue for any other form."""
    if not isinstance(text, str) or not _TIME.fullmatch(text):
        raise BadValue("not a canonical time")
    try:
        return dt.datetime.fromisoformat(text)
    except ValueError:
        raise BadValue("not a time") from None


def chain(previous_hash: str, body: str) -> str:
    """The hash of an entry: SHA-256 over the hash before it, a line end, and its body."""
    return hashlib.sha256(f"{previous_hash}\n{body}".encode()).hexdigest()
