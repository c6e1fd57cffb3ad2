"""What was received but cannot be applied yet, kept durably in the database.

Two kinds: the *tail*, the first entries of a transaction that arrives in several batches, one row
for each; and *transfers*, the numbered text parts of a snapshot or of a split's winning suffix.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from standby.domain.facts import Head
from standby.journal.database import ALIAS, execute, fetch, fetch_one, read_head, write_transaction
from standby.journal.entries import Entry, WireEntry, parse
from standby.journal.errors import BadTransfer
from standby.journal.rows import CHUNK

TAIL = "tail"
NAME_LENGTH = 100
_UPSERT = (
    "INSERT INTO standby_stagedpart (transfer, {index}, data) VALUES (%s, %s, %s)"
    " ON CONFLICT (transfer, {index}) DO UPDATE SET data = excluded.data"
)


def _index(connection: BaseDatabaseWrapper) -> str:
    return connection.ops.quote_name("index")


# Transfers


def stage_part(transfer: str, index: int, text: str, *, using: str = ALIAS) -> None:
    """Keep one part of a transfer durably; the same part again replaces it.

    The first part (index 0) begins anew: whatever was staged of any transfer is thrown away.
    """
    if transfer == TAIL or not 0 < len(transfer) <= NAME_LENGTH or index < 0:
        raise BadTransfer(f"not a transfer's name or index: {transfer[:40]!r}, {index}")
    with write_transaction(using) as connection:
        if index == 0:
            forget_transfers(connection)
        sql = _UPSERT.format(index=_index(connection))
        execute(connection, sql, (transfer, index, text))


def staged_parts(transfer: str, *, using: str = ALIAS) -> int:
    """How many parts of a transfer are here, counted without a gap from 0."""
    connection = connections[using]
    name = _index(connection)
    sql = f"SELECT {name} FROM standby_stagedpart WHERE transfer = %s ORDER BY {name}"
    count = 0
    for (index,) in fetch(connection, sql, (transfer,)):
        if index != count:
            break
        count += 1
    return count


def discard_transfers(*, using: str = ALIAS) -> None:
    """Throw away every transfer, whole or not."""
    with write_transaction(using) as connection:
        forget_transfers(connection)


def forget_transfers(connection: BaseDatabaseWrapper) -> None:
    """Like discard_transfers(), within a transaction of the caller."""
    execute(connection, "DELETE FROM standby_stagedpart WHERE transfer <> %s", (TAIL,))


def parts(connection: BaseDatabaseWrapper, transfer: str) -> Iterator[dict[str, Any]]:
    """The parts of a transfer in order, parsed one at a time; raises BadTransfer."""
    name = _index(connection)
    sql = f"SELECT data FROM standby_stagedpart WHERE transfer = %s AND {name} = %s"
    index = 0
    while (row := fetch_one(connection, sql, (transfer, index))) is not None:
        yield _parsed(row[0])
        index += 1
    if index == 0:
        raise BadTransfer(f"nothing of the transfer {transfer!r} is here")


def _parsed(text: str) -> dict[str, Any]:
    try:
        part = json.loads(text)
    except (ValueError, RecursionError):
        raise BadTransfer("a part of a transfer is not JSON") from None
    if isinstance(part, list):
        return {"kind": "entries", "entries": part}
    if not isinstance(part, dict) or not isinstance(part.get("kind"), str):
        raise BadTransfer("a part of a transfer does not say what it is")
    return part


def forget_everything(connection: BaseDatabaseWrapper) -> None:
    """Throw transfers and tail away: an active OMM follows nobody."""
    execute(connection, "DELETE FROM standby_stagedpart")


# The tail


@dataclass(frozen=True, slots=True)
class Tail:
    """The first entries of an incomplete transaction: the first and last number, the last entry."""

    first: int
    last: Entry

    @property
    def seq(self) -> int:
        """Number of the last entry."""
        return self.last.seq


def staged_end(*, using: str = ALIAS) -> tuple[int, str]:
    """(seq, hash) of the last entry that is here, applied or staged.

    The shipper goes on after it, if it is one of its own.
    """
    connection = connections[using]
    head = read_head(connection)
    tail = read_tail(connection, head)
    return (tail.seq, tail.last.hash) if tail else (head.seq, head.hash)


def read_tail(connection: BaseDatabaseWrapper, head: Head) -> Tail | None:
    """The tail when it continues the head; one that does not is as good as none."""
    name = _index(connection)
    row = fetch_one(
        connection,
        f"SELECT MIN({name}), MAX({name}) FROM standby_stagedpart WHERE transfer = %s",
        (TAIL,),
    )
    if row is None or row[0] is None or row[0] != head.seq + 1:
        return None
    last = next(iter(tail_entries(connection, row[1])), None)
    return Tail(int(row[0]), parse(last)) if last else None


def tail_entries(connection: BaseDatabaseWrapper, start: int) -> Iterator[WireEntry]:
    """The staged entries from number ``start`` on."""
    name = _index(connection)
    sql = (
        f"SELECT {name}, data FROM standby_stagedpart WHERE transfer = %s AND {name} >= %s"
        f" ORDER BY {name} LIMIT {CHUNK}"
    )
    while rows := fetch(connection, sql, (TAIL, start)):
        for index, data in rows:
            digest, _, body = data.partition("\n")
            yield WireEntry(body, digest)
            start = index + 1


def add_to_tail(connection: BaseDatabaseWrapper, entries: list[Entry]) -> None:
    """Stage entries behind those that are staged already."""
    rows = [(TAIL, entry.seq, f"{entry.hash}\n{entry.body}") for entry in entries]
    with connection.cursor() as cursor:
        cursor.executemany(_UPSERT.format(index=_index(connection)), rows)


def forget_tail(connection: BaseDatabaseWrapper) -> None:
    """Throw the tail away."""
    execute(connection, "DELETE FROM standby_stagedpart WHERE transfer = %s", (TAIL,))
