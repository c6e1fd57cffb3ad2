"""Taking own entries back, and dropping a journal that never counted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from django.db.backends.base.base import BaseDatabaseWrapper

from standby.domain.facts import EMPTY_HASH, Head
from standby.journal import guard, registry, staging, store
from standby.journal.database import (
    ALIAS,
    breathe,
    execute,
    fetch,
    fetch_one,
    read_head,
    require_closed_fence,
    write_head,
    write_transaction,
)
from standby.journal.entries import LINEAGE, Entry, WireEntry, parse
from standby.journal.errors import ForeignJournal, JournalError
from standby.journal.rows import CHUNK, RowWriter, Statement, table


def backward(entry: Entry, connection: BaseDatabaseWrapper) -> Statement | None:
    """The statement that undoes an entry; None for the lineage."""
    if entry.operation == LINEAGE:
        return None
    one = table(entry.model, connection)
    if entry.operation == "create":
        return one.delete(entry.object, connection)
    if entry.operation == "update":
        return one.update(entry.object, entry.before or {}, connection)
    return one.insert(entry.object, entry.before or {}, connection)


def roll_back(common: int, *, using: str = ALIAS) -> Head:
    """Take back every own entry after ``common``, newest first, rows and journal alike.

    Nothing is set aside: that is reconcile()'s work. Raises JournalError when ``common`` is in
    the middle of a transaction, FenceIsOpen when this OMM accepts changes.
    """
    with write_transaction(using) as connection, guard.lifted(connection):
        head = read_head(connection, lock=True)
        require_closed_fence(connection)
        return roll_back_in(connection, head, common)


def roll_back_in(connection: BaseDatabaseWrapper, head: Head, common: int) -> Head:
    """Like roll_back(), within a transaction of the caller that lifted the guard."""
    staging.forget_tail(connection)
    if common >= head.seq:
        return head
    new = _head_at(connection, head, common)
    rows = RowWriter(connection)
    for entry in newest_first(connection, common):
        statement = backward(entry, connection)
        if statement is not None:
            rows.add(statement)
    rows.flush()
    execute(connection, "DELETE FROM standby_journalentry WHERE seq > %s", (common,))
    write_head(connection, new)
    store.clamp_mark(connection, common)
    return new


def _head_at(connection: BaseDatabaseWrapper, head: Head, common: int) -> Head:
    """What the head was when ``common`` was the last entry."""
    if common == 0:
        return Head()
    stored = fetch_one(
        connection, "SELECT body, hash FROM standby_journalentry WHERE seq = %s", (common,)
    )
    found = parse(WireEntry(*stored)) if stored else None
    if found is None or not found.is_last:
        raise JournalError(f"entry {common} is not the end of a transaction of this journal")
    row = fetch(
        connection,
        "SELECT seq FROM standby_journalentry WHERE seq <= %s AND source <> 'beginnings' LIMIT 1",
        (common,),
    )
    return replace(head, seq=found.seq, hash=found.hash, term=found.term, real=bool(row))


def newest_first(connection: BaseDatabaseWrapper, after: int) -> Iterator[Entry]:
    """Own entries after ``after``, newest first, read in chunks."""
    sql = (
        "SELECT body, hash FROM standby_journalentry WHERE seq > %s AND seq < %s"
        f" ORDER BY seq DESC LIMIT {CHUNK}"
    )
    below = 2**63 - 1
    while rows := fetch(connection, sql, (after, below)):
        for body, digest in rows:
            entry = parse(WireEntry(body, digest))
            yield entry
            below = entry.seq
        breathe()


def discard_all(*, using: str = ALIAS) -> Head:
    """Drop rows and journal of a pair's mere beginnings, to follow a real one.

    Raises ForeignJournal when the journal holds more than beginnings.
    """
    with write_transaction(using) as connection, guard.lifted(connection):
        head = read_head(connection, lock=True)
        require_closed_fence(connection)
        if head.real:
            raise ForeignJournal("this journal holds more than a pair's beginnings")
        empty(connection)
        return Head()


def empty(connection: BaseDatabaseWrapper) -> None:
    """Drop all journalled rows and the journal, within a transaction of the caller."""
    for model in reversed(registry.all_models()):
        execute(connection, f"DELETE FROM {table(model._meta.label_lower, connection).name}")
    execute(connection, "DELETE FROM standby_journalentry")
    write_head(connection, Head())
    staging.forget_tail(connection)
    store.set_mark(connection, 0, EMPTY_HASH)
