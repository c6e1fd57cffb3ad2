"""The configuration in memory: rows, the journal that made them, and changes of both.

What the product does with tables and SQL in standby/journal, in the least that can be wrong.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from typing import Any

from standby.domain.aside import SET_ASIDE, consistent
from standby.domain.merge import VERSION
from tests.simulation.violation import Violation

SITE, RFP = "site", "rfp"
Key = tuple[str, str]
Fields = dict[str, Any]


class Refused(Exception):
    """The rules of an object speak against a change; ``fields`` are at fault."""

    def __init__(self, why: str, fields: Iterable[str] = ()) -> None:
        super().__init__(why)
        self.fields = frozenset(fields)


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """One change of one object; ``body`` is what its hash covers."""

    seq: int
    term: int
    node: str
    source: str
    model: str
    object: str
    operation: str
    is_last: bool
    body: Mapping[str, Any]
    previous: str
    hash: str

    @property
    def before(self) -> Fields | None:
        return self.body["before"]  # type: ignore[no-any-return]

    @property
    def after(self) -> Fields | None:
        return self.body["after"]  # type: ignore[no-any-return]

    @property
    def identity(self) -> str:
        """Names this change wherever it is kept."""
        return identity(self.node, self.term, self.seq, self.hash)


@lru_cache(maxsize=65536)
def identity(node: str, term: int, seq: int, digest: str) -> str:
    return f"{node}/{term}/{seq}/{digest}"


def chained(previous: str, body: Mapping[str, Any]) -> str:
    return hashlib.sha256(f"{previous}{body!r}".encode()).hexdigest()


class Tables:
    """All rows; ``digest`` stands for every one of them and is kept as they change."""

    __slots__ = ("digest", "rows")

    def __init__(self) -> None:
        self.rows: dict[Key, Fields] = {}
        self.digest = 0

    def copy(self) -> Tables:
        other = Tables()
        other.rows, other.digest = dict(self.rows), self.digest
        return other

    def put(self, key: Key, fields: Fields | None) -> None:
        """Set a row or remove it; rows are never altered in place."""
        old = self.rows.pop(key, None)
        if old is not None:
            self.digest ^= _mark(key, old)
        if fields is not None:
            self.rows[key] = fields
            self.digest ^= _mark(key, fields)

    def of(self, model: str) -> Iterator[tuple[str, Fields]]:
        """The rows of a model by their keys, in an order that both nodes share."""
        found = [(key, row) for (name, key), row in self.rows.items() if name == model]
        return iter(sorted(found, key=lambda pair: pair[0]))

    def forward(self, entry: Entry) -> None:
        """Do what an entry says."""
        self._turn(entry, entry.before, entry.after)

    def backward(self, entry: Entry) -> None:
        """Undo what an entry says."""
        self._turn(entry, entry.after, entry.before)

    def _turn(self, entry: Entry, old: Fields | None, new: Fields | None) -> None:
        key = entry.model, entry.object
        row = self.rows.get(key)
        if (row is None) != (old is None):
            raise Violation("I8", f"{entry.operation} of {key}: the row is {row}")
        if row is not None and any(row[name] != value for name, value in (old or {}).items()):
            raise Violation("I8", f"{entry.operation} of {key}: the row is {row}, not {old}")
        merged = None if new is None else {**(row or {}), **new}
        self.put(key, merged)


def _mark(key: Key, fields: Fields) -> int:
    return hash((key, repr(sorted(fields.items()))))


class Change:
    """What one transaction writes; rows at once, entries at its end."""

    def __init__(self, tables: Tables, node: str, source: str, at: float) -> None:
        self._tables = tables
        self._author = {"actor": "admin", "source": source, "at": round(at, 3), "node": node}
        self._drafts: list[tuple[int, Key, Fields | None, Fields | None]] = []
        self._originals: list[Mapping[str, Any] | None] = [None]

    @property
    def rows(self) -> dict[Key, Fields]:
        return self._tables.rows

    @property
    def tables(self) -> Tables:
        return self._tables

    def save(self, model: str, key: str, fields: Fields) -> None:
        """Create a row, or change some of its fields; the rules are asked first."""
        row = self.rows.get((model, key))
        wanted = {n: v for n, v in fields.items() if row is None or (n != VERSION and row[n] != v)}
        if not wanted:
            return
        if row is None:
            wanted = {VERSION: 1, **wanted}
            self._check(model, key, wanted)
            self._record((model, key), None, wanted)
        else:
            self._check(model, key, {**row, **wanted})
            wanted[VERSION] = row[VERSION] + 1
            self._record((model, key), {name: row[name] for name in wanted}, wanted)

    def delete(self, model: str, key: str) -> None:
        row = self.rows.get((model, key))
        if row is None:
            return
        users = (1 for other in self._tables.of(RFP) if other[1]["site"] == key)
        if model == SITE and any(users):
            raise Refused("it is in use")
        self._record((model, key), row, None)

    def _check(self, model: str, key: str, fields: Fields) -> None:
        if model == SET_ASIDE and not consistent(fields["state"], fields["fields"]):
            raise Refused("a decision on other fields")
        if model not in (SITE, RFP):
            return
        wrong = []
        if any(
            other != key and row["name"] == fields["name"] for other, row in self.tables.of(model)
        ):
            wrong.append("name")
        site = fields.get("site")
        if site is not None and (SITE, site) not in self.rows:
            wrong.append("site")
        if wrong:
            raise Refused("not valid", wrong)

    def _record(self, key: Key, before: Fields | None, after: Fields | None) -> None:
        row = self.rows.get(key)
        self._tables.put(key, None if after is None else {**(row or {}), **after})
        self._drafts.append((len(self._originals) - 1, key, before, after))

    def begin_part(self, original: Mapping[str, Any] | None) -> None:
        """What follows is a transaction of its own in the journal."""
        self._originals.append(original)

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """What is written within is taken back when it raises Refused."""
        mark = len(self._drafts)
        try:
            yield
        except Refused:
            self.take_back(mark)
            raise

    def take_back(self, mark: int = 0) -> None:
        """Undo all drafts after ``mark``."""
        while len(self._drafts) > mark:
            _, key, before, _ = self._drafts.pop()
            row = self.rows.get(key)
            former = None if before is None else {**(row or {}), **before}
            self._tables.put(key, former)

    def entries(self, seq: int, digest: str, term: int) -> list[Entry]:
        """The drafts as entries that follow (seq, digest); each part is one transaction."""
        made: list[Entry] = []
        for part, found in groupby(self._drafts, key=lambda draft: draft[0]):
            drafts = list(found)
            transaction = f"{self._author['node']}/{term}/{seq + 1}"
            for index, (_, (model, key), before, after) in enumerate(drafts):
                seq += 1
                body = {
                    **self._author,
                    "seq": seq,
                    "term": term,
                    "transaction": transaction,
                    "tx_index": index,
                    "tx_size": len(drafts),
                    "model": model,
                    "object": key,
                    "operation": _operation(before, after),
                    "before": before,
                    "after": after,
                    "original": self._originals[part],
                }
                made.append(_entry(body, digest))
                digest = made[-1].hash
        return made


def _operation(before: Fields | None, after: Fields | None) -> str:
    if before is None:
        return "create"
    return "delete" if after is None else "update"


def _entry(body: Mapping[str, Any], previous: str) -> Entry:
    names = ("seq", "term", "node", "source", "model", "object", "operation")
    is_last = body["tx_index"] == body["tx_size"] - 1
    return Entry(*(body[name] for name in names), is_last, body, previous, chained(previous, body))


def follows(entries: Iterable[Entry], seq: int, digest: str) -> bool:
    """True when the entries continue (seq, digest), link by link."""
    for entry in entries:
        if entry.seq != seq + 1 or entry.previous != digest:
            return False
        seq, digest = entry.seq, entry.hash
    return True
