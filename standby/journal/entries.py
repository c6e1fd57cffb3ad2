"""Journal entries: their members, their text form, and their table."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from django.db.backends.base.base import BaseDatabaseWrapper

from standby.domain.aside import BEGINNINGS, SET_ASIDE
from standby.journal.canonical import chain, dumps, loads, time_of
from standby.journal.errors import BadEntry, BadValue, ChainBroken
from standby.journal.rows import CHUNK, Fields, is_uuid

MAX_BODY: Final = 128 * 1024
"""Bytes of UTF-8 that one entry may have."""
MAX_SET_ASIDE: Final = 2 * MAX_BODY + 8 * 1024
"""Bytes of an entry that holds the text of another one as a set-aside change."""
MAX_NUMBER: Final = 2**63 - 1
NAME_LENGTH: Final = 64
LINEAGE: Final = "lineage"
LINEAGE_MODEL: Final = "journal"
OPERATIONS: Final = ("create", "update", "delete", LINEAGE)
_NAMES: Final = "node", "actor", "source", "model", "operation"
_NUMBERS: Final = "seq", "term", "tx_index", "tx_size"
_OPTIONAL: Final = frozenset({"original", "undoes"})
"""Who first made a change that is merged; the entry that a change takes back."""
_MEMBERS: Final = frozenset({*_NAMES, *_NUMBERS, "at", "transaction", "object", "before", "after"})


@dataclass(frozen=True, slots=True)
class WireEntry:
    """An entry as it is stored and shipped."""

    body: str
    hash: str


@dataclass(frozen=True, slots=True)
class Batch:
    """Entries that follow the entry ``after_seq``, which has the hash ``after_hash``."""

    after_seq: int
    after_hash: str
    entries: list[WireEntry]


@dataclass(frozen=True, slots=True)
class Entry:
    """A parsed entry; ``body`` and ``hash`` are what it was parsed from."""

    seq: int
    term: int
    node: str
    at: dt.datetime
    actor: str
    source: str
    transaction: str
    tx_index: int
    tx_size: int
    model: str
    object: str
    operation: str
    before: Fields | None
    after: Fields | None
    body: str
    hash: str

    @property
    def is_last(self) -> bool:
        """True for the last entry of its transaction."""
        return self.tx_index == self.tx_size - 1

    @property
    def is_beginning(self) -> bool:
        """True for what the first active OMM of a pair makes by itself."""
        return self.source == BEGINNINGS


def parse(wire: WireEntry) -> Entry:
    """Check the text and every member of an entry; raises BadEntry."""
    if len(wire.body) > MAX_SET_ASIDE:
        raise BadEntry("an entry is too large")
    try:
        value = loads(wire.body)
    except BadValue as problem:
        raise BadEntry(f"an entry is {problem}") from None
    if not isinstance(value, dict) or value.keys() - _OPTIONAL != _MEMBERS:
        raise BadEntry("an entry has other members than it should")
    value.pop("original", None)
    if "undoes" in value:
        _number(value, "undoes", 1)
        del value["undoes"]
    at = _checked_members(value)
    return Entry(**{**value, "at": at}, body=wire.body, hash=wire.hash)


def _checked_members(value: dict[str, Any]) -> dt.datetime:
    """The time of an entry whose members are all fit; raises BadEntry."""
    for name in ("seq", "tx_size"):
        _number(value, name, 1)
    for name in ("term", "tx_index"):
        _number(value, name, 0)
    for name in _NAMES:
        if type(value[name]) is not str or len(value[name]) > NAME_LENGTH:
            raise BadEntry(f"{name} of an entry is not a short text")
    if not is_uuid(value["transaction"]) or not is_uuid(value["object"]):
        raise BadEntry("an entry names something that is not a UUID")
    if value["tx_index"] >= value["tx_size"]:
        raise BadEntry("an entry is outside its own transaction")
    _check_shape(value)
    try:
        return time_of(value["at"])
    except BadValue as problem:
        raise BadEntry(f"the time of an entry is {problem}") from None


def _number(value: dict[str, Any], name: str, least: int) -> None:
    if type(value[name]) is not int or not least <= value[name] <= MAX_NUMBER:
        raise BadEntry(f"{name} of an entry is not a number in range")


def _check_shape(value: dict[str, Any]) -> None:
    """Each operation has its own pair of ``before`` and ``after``."""
    before, after = value["before"], value["after"]
    has = (isinstance(before, dict), isinstance(after, dict))
    if not (has[0] or before is None) or not (has[1] or after is None):
        raise BadEntry("before or after of an entry is not an object")
    wanted = {"create": (False, True), "update": (True, True), "delete": (True, False)}
    if value["operation"] == LINEAGE:
        if has != (False, False) or value["seq"] != 1 or value["model"] != LINEAGE_MODEL:
            raise BadEntry("a lineage entry that is not the beginning")
    elif wanted.get(value["operation"]) != has:
        raise BadEntry("an entry whose operation does not fit its fields")
    elif has == (True, True) and before.keys() != after.keys():
        raise BadEntry("an update whose before and after name other fields")


def follow(entries: Iterable[WireEntry], seq: int, digest: str) -> Iterator[Entry]:
    """Parse entries that continue an entry ``seq`` with hash ``digest``; raises ChainBroken."""
    for wire in entries:
        entry = parse(wire)
        if entry.seq != seq + 1:
            raise ChainBroken(f"entry {entry.seq} came where {seq + 1} should")
        if wire.hash != chain(digest, wire.body):
            raise ChainBroken(f"the hash of entry {entry.seq} does not continue the chain")
        seq, digest = entry.seq, entry.hash
        yield entry


def check_sequence(before: Entry | None, entry: Entry) -> None:
    """Raise BadEntry unless ``entry`` may follow ``before`` (None: the end of a transaction)."""
    if before is None or before.is_last:
        if entry.tx_index != 0:
            raise BadEntry(f"entry {entry.seq} begins in the middle of a transaction")
        return
    same = (entry.transaction, entry.tx_size) == (before.transaction, before.tx_size)
    if not same or entry.tx_index != before.tx_index + 1:
        raise BadEntry(f"entry {entry.seq} breaks into a transaction")


def body_text(members: dict[str, Any]) -> str:
    """The canonical body of a new entry; raises BadValue when it is too large."""
    body = dumps(members)
    limit = MAX_SET_ASIDE if members["model"] == SET_ASIDE else MAX_BODY
    if len(body.encode()) > limit:
        raise BadValue(f"the change of one object has more than {limit // 1024} KiB")
    return body


_COLUMNS: Final = (
    "seq", "term", "node", "at", "actor", "source", "transaction",
    "model", "object", "operation", "body", "hash",
)  # fmt: skip


class EntryWriter:
    """Puts entries into the journal's table, in runs."""

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        self._connection = connection
        self._rows: list[tuple[Any, ...]] = []
        quote = connection.ops.quote_name
        names = ", ".join(quote(name) for name in _COLUMNS)
        marks = ", ".join(["%s"] * len(_COLUMNS))
        self._sql = f"INSERT INTO standby_journalentry ({names}) VALUES ({marks})"
        self._native_uuid = connection.features.has_native_uuid_field

    def add(self, entry: Entry) -> None:
        """Put one more at the end."""
        at = self._connection.ops.adapt_datetimefield_value(entry.at)
        self._rows.append((
            entry.seq, entry.term, entry.node, at, entry.actor, entry.source,
            self._uuid(entry.transaction), entry.model, self._uuid(entry.object),
            entry.operation, entry.body, entry.hash,
        ))  # fmt: skip
        if len(self._rows) >= CHUNK:
            self.flush()

    def flush(self) -> None:
        """Execute what is waiting."""
        rows, self._rows = self._rows, []
        if rows:
            with self._connection.cursor() as cursor:
                cursor.executemany(self._sql, rows)

    def _uuid(self, text: str) -> Any:
        return uuid.UUID(text) if self._native_uuid else text.replace("-", "")
