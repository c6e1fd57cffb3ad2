"""Reading the journal, and the marks of what the peer has."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils import timezone

from standby.domain.facts import EMPTY_HASH, Head
from standby.journal import guard, registry
from standby.journal.canonical import loads
from standby.journal.database import (
    ALIAS,
    breathe,
    execute,
    fetch,
    fetch_one,
    read_fence,
    read_head,
    write_transaction,
)
from standby.journal.entries import Batch, WireEntry
from standby.journal.errors import BadEntry, BadValue, ChainBroken
from standby.journal.rows import CHUNK

HIDDEN = "********"
OVERHEAD = 80
"""Bytes that an entry's hash and punctuation add to its body on the wire."""
_READ_ROWS = 32


def head(*, using: str = ALIAS) -> Head:
    """The end of the journal."""
    return read_head(connections[using])


def fence(*, using: str = ALIAS) -> tuple[bool, int]:
    """(open, term) of the fence."""
    return read_fence(connections[using])


def hash_at(seq: int, *, using: str = ALIAS) -> str | None:
    """The hash of an entry; that of the empty journal at 0; None past the end."""
    return hash_in(connections[using], seq)


def hash_in(connection: BaseDatabaseWrapper, seq: int) -> str | None:
    """Like hash_at(), on a given connection."""
    if seq == 0:
        return EMPTY_HASH
    row = fetch_one(connection, "SELECT hash FROM standby_journalentry WHERE seq = %s", (seq,))
    return row[0] if row else None


def hashes(seqs: Iterable[int], *, using: str = ALIAS) -> dict[int, str]:
    """The hashes of those of the entries that exist; 0 is the empty journal."""
    return hashes_in(connections[using], seqs)


def hashes_in(connection: BaseDatabaseWrapper, seqs: Iterable[int]) -> dict[int, str]:
    """Like hashes(), on a given connection."""
    wanted = list(seqs)
    found = {0: EMPTY_HASH} if 0 in wanted else {}
    for start in range(0, len(wanted), CHUNK):
        part = wanted[start : start + CHUNK]
        marks = ", ".join(["%s"] * len(part))
        sql = f"SELECT seq, hash FROM standby_journalentry WHERE seq IN ({marks})"
        found.update({int(seq): digest for seq, digest in fetch(connection, sql, part)})
    return found


def read_batch(after: int, max_bytes: int, *, using: str = ALIAS) -> Batch:
    """The entries that follow ``after``, as many as fit into ``max_bytes`` of UTF-8.

    At least one, when there is one, so that shipping always goes on (an entry has at most
    ``entries.MAX_SET_ASIDE`` bytes). Raises ChainBroken when there is no entry ``after``.
    """
    connection = connections[using]
    digest = hash_in(connection, after)
    if digest is None:
        raise ChainBroken(f"there is no entry {after}")
    return Batch(after, digest, _fitting(connection, after, max_bytes))


def _fitting(connection: BaseDatabaseWrapper, after: int, max_bytes: int) -> list[WireEntry]:
    sql = (
        "SELECT body, hash FROM standby_journalentry WHERE seq > %s"
        f" ORDER BY seq LIMIT {_READ_ROWS}"
    )
    entries: list[WireEntry] = []
    room = max_bytes
    while rows := fetch(connection, sql, (after + len(entries),)):
        for body, digest in rows:
            room -= len(body.encode()) + OVERHEAD
            if room < 0 and entries:
                return entries
            entries.append(WireEntry(body, digest))
    return entries


def entries_after(connection: BaseDatabaseWrapper, after: int) -> Iterator[tuple[int, WireEntry]]:
    """(number, entry) of the own entries after ``after``, oldest first, read in chunks."""
    sql = (
        "SELECT seq, body, hash FROM standby_journalentry WHERE seq > %s"
        f" ORDER BY seq LIMIT {CHUNK}"
    )
    while rows := fetch(connection, sql, (after,)):
        for seq, body, digest in rows:
            yield int(seq), WireEntry(body, digest)
            after = int(seq)
        breathe()


def batch_to_message(batch: Batch) -> dict[str, Any]:
    """A batch as plain JSON for the wire."""
    return {
        "after_seq": batch.after_seq,
        "after_hash": batch.after_hash,
        "entries": [[entry.body, entry.hash] for entry in batch.entries],
    }


def batch_from_message(message: dict[str, Any]) -> Batch:
    """The batch of a message; raises BadEntry when it is none."""
    after, digest = message.get("after_seq"), message.get("after_hash")
    if type(after) is not int or after < 0 or not isinstance(digest, str):
        raise BadEntry("a batch does not say what it follows")
    return Batch(after, digest, wire_entries(message.get("entries")))


def wire_entries(value: Any) -> list[WireEntry]:
    """Entries from their JSON form, pairs of body and hash; raises BadEntry."""
    if not isinstance(value, list):
        raise BadEntry("entries are not a list")
    entries = []
    for item in value:
        match item:
            case [str(body), str(digest)] | {"body": str(body), "hash": str(digest)}:
                entries.append(WireEntry(body, digest))
            case _:
                raise BadEntry("an entry is not a pair of body and hash")
    return entries


def readable(body: str) -> dict[str, Any]:
    """An entry's members for people: values of secret fields are hidden."""
    try:
        members: dict[str, Any] = loads(body)
    except BadValue as problem:
        raise BadEntry(f"an entry is {problem}") from None
    secret = registry.secret_fields(str(members.get("model")))
    for side in ("before", "after"):
        fields = members.get(side)
        if isinstance(fields, dict):
            members[side] = {
                name: HIDDEN if name in secret and value else value
                for name, value in fields.items()
            }
    return members


def acked(*, using: str = ALIAS) -> tuple[int, str]:
    """(seq, hash) of the last entry that the peer is known to hold durably."""
    return acked_in(connections[using])


def acked_in(connection: BaseDatabaseWrapper) -> tuple[int, str]:
    """Like acked(), on a given connection."""
    row = fetch_one(connection, "SELECT seq, hash FROM standby_peermark WHERE id = 1")
    return (int(row[0]), row[1]) if row else (0, EMPTY_HASH)


def mark_acked(seq: int, digest: str, *, using: str = ALIAS) -> None:
    """Remember that the peer holds the entry ``seq`` with this hash, and all before it.

    The mark never goes back here (that would hide an older disk at the peer), and a hash that is
    not in the own journal is not remembered.
    """
    if acked(using=using)[0] >= seq:
        return
    with write_transaction(using) as connection, guard.lifted(connection):
        if hash_in(connection, seq) == digest and acked_in(connection)[0] < seq:
            set_mark(connection, seq, digest)


def set_mark(connection: BaseDatabaseWrapper, seq: int, digest: str) -> None:
    """Write the mark, within a transaction of the caller."""
    at = connection.ops.adapt_datetimefield_value(timezone.now())
    execute(
        connection,
        "INSERT INTO standby_peermark (id, seq, hash, at) VALUES (1, %s, %s, %s)"
        " ON CONFLICT (id) DO UPDATE SET seq = excluded.seq, hash = excluded.hash,"
        " at = excluded.at",
        (seq, digest, at),
    )


def clamp_mark(connection: BaseDatabaseWrapper, common: int) -> None:
    """Take the mark back to ``common`` when its entry is no longer in the journal."""
    seq, digest = acked_in(connection)
    if hash_in(connection, seq) != digest:
        seq = min(seq, common)
        set_mark(connection, seq, hash_in(connection, seq) or EMPTY_HASH)
