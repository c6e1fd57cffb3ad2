"""Everything at once, for a peer that is empty or too far behind: all rows and the whole journal.

A snapshot is a sequence of small JSON texts: what it is, the rows, the entries, the end with the
digest. It is read in one consistent transaction that makes no writer wait, staged part by part,
and swapped in as one transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from django.db.backends.base.base import BaseDatabaseWrapper

from standby.domain.facts import Head
from standby.domain.sentence import say
from standby.journal import guard, registry, staging, store
from standby.journal.apply import Applier
from standby.journal.canonical import dumps
from standby.journal.database import (
    ALIAS,
    breathe,
    consistent_read,
    read_head,
    require_closed_fence,
    write_transaction,
)
from standby.journal.digest import Digest, digest_in
from standby.journal.entries import WireEntry, check_sequence, follow
from standby.journal.errors import (
    BadTransfer,
    ChainBroken,
    ForeignJournal,
    UnknownModelOrField,
)
from standby.journal.rollback import empty
from standby.journal.rows import CHUNK, RowWriter, Table, row_texts, table

FORMAT: Final = 1
PART_BYTES: Final = 64 * 1024
"""No part grows larger than this by more than one row: one piece of JSON work stays short."""


def snapshot_parts(max_bytes: int = PART_BYTES, *, using: str = ALIAS) -> Iterator[str]:
    """The parts of a snapshot of this moment; may be consumed slowly and in any thread."""
    room = min(max_bytes, PART_BYTES)
    digest, count = Digest(), 1
    with consistent_read(using) as connection:
        head = read_head(connection)
        yield dumps({"kind": "snapshot", "format": FORMAT, "fields": _fields(connection)})
        for label in registry.labels():
            texts = _digested(digest, label, row_texts(table(label, connection), connection))
            for part in _packed({"kind": "rows", "model": label}, "rows", texts, room):
                count += 1
                yield part
        pairs = (dumps([wire.body, wire.hash]) for _, wire in store.entries_after(connection, 0))
        for part in _packed({"kind": "entries"}, "entries", pairs, room):
            count += 1
            yield part
    yield _end(head, count, digest.hex())


def suffix_parts(after: int, max_bytes: int = PART_BYTES, *, using: str = ALIAS) -> Iterator[str]:
    """The entries after ``after`` as the parts of a transfer for reconcile()."""
    count = 0
    with consistent_read(using) as connection:
        head = read_head(connection)
        pairs = (
            dumps([wire.body, wire.hash]) for _, wire in store.entries_after(connection, after)
        )
        room = min(max_bytes, PART_BYTES)
        for part in _packed({"kind": "entries"}, "entries", pairs, room):
            count += 1
            yield part
    yield _end(head, count, "")


def pack_entries(entries: Iterable[WireEntry]) -> str:
    """Entries as one part of a transfer."""
    return dumps({"kind": "entries", "entries": [[entry.body, entry.hash] for entry in entries]})


def _end(head: Head, count: int, digest: str) -> str:
    end = {"seq": head.seq, "hash": head.hash, "parts": count, "digest": digest}
    return dumps({"kind": "end", **end})


def _fields(connection: BaseDatabaseWrapper) -> dict[str, list[str]]:
    return {label: sorted(table(label, connection).by_name) for label in registry.labels()}


def _digested(digest: Digest, label: str, texts: Iterable[str]) -> Iterator[str]:
    for text in texts:
        digest.add(label, text)
        yield text


def _packed(members: dict[str, str], name: str, texts: Iterable[str], room: int) -> Iterator[str]:
    """Ready JSON texts joined into parts, without making the JSON of a whole part anew."""
    opening = f'{dumps(members)[:-1]},"{name}":['
    waiting: list[str] = []
    size = 0
    for text in texts:
        length = len(text.encode())
        if waiting and size + length > room:
            yield f"{opening}{','.join(waiting)}]}}"
            waiting, size = [], 0
        waiting.append(text)
        size += length
    if waiting:
        yield f"{opening}{','.join(waiting)}]}}"


def install_snapshot(transfer: str, *, using: str = ALIAS) -> Head:
    """Replace rows and journal by a staged snapshot, in one transaction; returns the new end.

    Raises BadTransfer or ChainBroken when the snapshot is not whole, UnknownModelOrField when it
    holds what this version does not know, ForeignJournal when the own journal is real and the
    snapshot does not contain it, FenceIsOpen when this OMM accepts changes.
    """
    with write_transaction(using) as connection, guard.lifted(connection):
        head = read_head(connection, lock=True)
        require_closed_fence(connection)
        anchor = (head.seq, head.hash) if head.real else None
        return install_in(connection, transfer, anchor)


def is_snapshot(connection: BaseDatabaseWrapper, transfer: str) -> bool:
    """True when the staged transfer is a snapshot, False for a suffix."""
    return bool(next(staging.parts(connection, transfer))["kind"] == "snapshot")


def install_in(
    connection: BaseDatabaseWrapper, transfer: str, anchor: tuple[int, str] | None
) -> Head:
    """Like install_snapshot(), within a transaction of the caller that lifted the guard.

    ``anchor`` is the own entry (number, hash) that the snapshot must contain.
    """
    mark = store.acked_in(connection)
    empty(connection)
    installer = _Installer(connection)
    for part in staging.parts(connection, transfer):
        installer.take(part)
        breathe()
    head = installer.finish()
    if anchor is not None and store.hash_in(connection, anchor[0]) != anchor[1]:
        raise ForeignJournal("the snapshot does not contain this OMM's own journal")
    store.set_mark(connection, head.seq, head.hash)
    if mark[0] > head.seq:  # the sender lost what it once confirmed: that must stay visible
        raise ChainBroken("the snapshot is older than what its sender confirmed")
    staging.forget_transfers(connection)
    return head


class _Installer:
    """Takes the parts of one snapshot in order."""

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        self._connection = connection
        self._rows = RowWriter(connection)
        self._history = Applier(connection, Head(), history=True)
        self._digest = Digest()
        self._count = 0
        self._last: Any = None
        self._end: dict[str, Any] | None = None

    def take(self, part: dict[str, Any]) -> None:
        """Write one part."""
        is_first = self._count == 0
        if self._end is not None or is_first != (part["kind"] == "snapshot"):
            raise BadTransfer("the parts of a snapshot are out of order")
        self._count += 1
        match part:
            case {"kind": "snapshot", "format": int(number), "fields": dict(fields)}:
                self._check_versions(number, fields)
            case {"kind": "rows", "model": str(label), "rows": list(rows)}:
                self._take_rows(table(label, self._connection), rows)
            case {"kind": "entries"}:
                self._take_entries(store.wire_entries(part.get("entries")))
            case {"kind": "end"}:
                self._end = part
            case _:
                raise BadTransfer("an unknown part of a snapshot")

    def _check_versions(self, number: int, fields: dict[str, Any]) -> None:
        if number != FORMAT:
            raise UnknownModelOrField(say("snapshot format %(number)s is not known", number=number))
        own = _fields(self._connection)
        for label in own.keys() & fields.keys():
            if own[label] != fields[label]:
                differing = set(own[label]).symmetric_difference(fields[label])
                raise UnknownModelOrField(
                    say("unknown field %(field)s", field=f"{label}.{min(differing, default='?')}")
                )

    def _take_rows(self, one: Table, rows: list[Any]) -> None:
        for row in rows:
            if not isinstance(row, dict) or not isinstance(row.get("id"), str):
                raise BadTransfer("a row of a snapshot has no id")
            fields = {name: value for name, value in row.items() if name != "id"}
            self._rows.add(one.insert(row["id"], fields, self._connection))
        self._rows.flush()

    def _take_entries(self, entries: list[WireEntry]) -> None:
        head = self._history.head
        for start in range(0, len(entries), CHUNK):
            for entry in follow(entries[start : start + CHUNK], head.seq, head.hash):
                check_sequence(self._last, entry)
                self._history.feed([entry])
                self._last = entry
            head = self._history.head

    def finish(self) -> Head:
        """Check that everything came and that the tables are what the sender's were."""
        if self._end is None or self._end.get("parts") != self._count - 1:
            raise BadTransfer("the snapshot is not complete")
        head = self._history.finish()
        if (self._end.get("seq"), self._end.get("hash")) != (head.seq, head.hash):
            raise BadTransfer("the journal of the snapshot does not end where it should")
        if self._last is not None and not self._last.is_last:
            raise BadTransfer("the snapshot ends inside a transaction")
        if digest_in(self._connection) != self._end.get("digest"):
            raise BadTransfer("the tables of the snapshot do not have its digest")
        return head
