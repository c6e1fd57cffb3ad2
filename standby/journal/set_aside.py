"""Changes of the side that lost a split, on their way to the winner."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from typing import Any, Final

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from standby.journal.change import Change, change
from standby.journal.database import ALIAS, write_transaction
from standby.journal.entries import SET_ASIDE, Entry, WireEntry, parse
from standby.journal.errors import BadEntry
from standby.journal.rows import CHUNK
from standby.models import PendingSetAside, SetAside

NAMESPACE: Final = uuid.UUID("5b5c2d5e-0a6f-5c43-9f0e-1d9c5b7e8a11")
MAX_BYTES: Final = 512 * 1024
_HASH_LENGTH: Final = 64


def set_aside_id(node: str, term: int, seq: int, digest: str) -> uuid.UUID:
    """The identity of a set-aside change: the same wherever it is worked out."""
    return uuid.uuid5(NAMESPACE, f"{node}/{term}/{seq}/{digest}")


def remember(connection: BaseDatabaseWrapper, entries: Iterable[Entry]) -> int:
    """Keep own entries as pending set-aside changes, within a transaction of the caller.

    Beginnings are nobody's change. A set-aside change that this OMM had received itself is kept as
    the change it is, not as the entry that recorded it. Returns how many were kept.
    """
    rows: dict[uuid.UUID, PendingSetAside] = {}
    kept = 0
    for entry in entries:
        row = None if entry.is_beginning else _pending(entry)
        if row is not None:
            rows[row.pk] = row
            kept += 1
        if len(rows) >= CHUNK:
            _store(connection, rows)
            rows = {}
    _store(connection, rows)
    return kept


def _store(connection: BaseDatabaseWrapper, rows: dict[uuid.UUID, PendingSetAside]) -> None:
    PendingSetAside.objects.using(connection.alias).bulk_create(
        rows.values(), ignore_conflicts=True
    )


def _pending(entry: Entry) -> PendingSetAside:
    if entry.model == SET_ASIDE and entry.operation == "create" and entry.after:
        inner = {name: entry.after[name] for name in ("node", "term", "seq", "hash", "body")}
    else:
        inner = {
            "node": entry.node,
            "term": entry.term,
            "seq": entry.seq,
            "hash": entry.hash,
            "body": entry.body,
        }
    key = set_aside_id(inner["node"], inner["term"], inner["seq"], inner["hash"])
    return PendingSetAside(id=key, **inner)


def pending_set_aside(
    limit: int = 100, max_bytes: int = MAX_BYTES, *, using: str = ALIAS
) -> list[dict[str, Any]]:
    """The oldest set-aside changes that were not sent yet, ready for the wire."""
    items: list[dict[str, Any]] = []
    room = max_bytes
    waiting = PendingSetAside.objects.using(using).filter(sent=False).order_by("term", "seq")
    for row in waiting[:limit].iterator(chunk_size=10):
        room -= len(row.body.encode())
        if room < 0 and items:
            break
        items.append(_item(row))
    return items


def _item(row: PendingSetAside) -> dict[str, Any]:
    return {
        "id": str(row.pk),
        "node": row.node,
        "term": row.term,
        "seq": row.seq,
        "hash": row.hash,
        "body": row.body,
    }


def pending_count(*, using: str = ALIAS) -> int:
    """How many set-aside changes have not come back as entries of the winner's journal."""
    return PendingSetAside.objects.using(using).count()


def mark_sent(ids: Sequence[str], *, using: str = ALIAS) -> None:
    """The winner has recorded these. They are dropped here when its entry was applied."""
    _update_sent(ids, using)


def resend_set_aside(*, using: str = ALIAS) -> None:
    """Count nothing as sent: for a new connection, whose other side may have lost it."""
    if PendingSetAside.objects.using(using).filter(sent=True).exists():
        with write_transaction(using):
            PendingSetAside.objects.using(using).update(sent=False)


def _update_sent(ids: Sequence[str], using: str) -> None:
    with write_transaction(using):
        for start in range(0, len(ids), CHUNK):
            part = ids[start : start + CHUNK]
            PendingSetAside.objects.using(using).filter(pk__in=part).update(sent=True)


def receive_set_aside(items: Sequence[dict[str, Any]], *, using: str = ALIAS) -> list[str]:
    """Record the other side's set-aside changes as entries here, on the active OMM.

    Returns the ids of all of them, those that were here before too. Raises BadEntry for an item
    that is not what it says, and what change() raises.
    """
    rows = [_received(item) for item in items]
    if rows:
        with change(actor="system", source="merge", using=using) as made:
            _record(made, rows, using)
    return [str(row.pk) for row in rows]


def adopt_pending(*, using: str = ALIAS) -> int:
    """An OMM that became active records its own pending set-aside changes; returns how many."""
    if not pending_count(using=using):
        return 0
    with change(actor="system", source="merge", using=using) as made:
        pending = list(PendingSetAside.objects.using(using).order_by("term", "seq"))
        _record(made, [_received(_item(row)) for row in pending], using)
        PendingSetAside.objects.using(using).all().delete()
    return len(pending)


def _record(made: Change, rows: Sequence[SetAside], using: str) -> None:
    """New ones only: what was decided about one that is here must stay."""
    connection = connections[using]
    known: set[uuid.UUID] = set()
    keys = [row.pk for row in rows]
    for start in range(0, len(keys), CHUNK):
        present = SetAside.objects.using(connection.alias).filter(
            pk__in=keys[start : start + CHUNK]
        )
        known.update(present.values_list("pk", flat=True))
    made.save_all({row.pk: row for row in rows if row.pk not in known}.values())


def _received(item: dict[str, Any]) -> SetAside:
    match item:
        case {
            "id": str(key),
            "node": str(node),
            "term": int(term),
            "seq": int(seq),
            "hash": str(digest),
            "body": str(body),
        } if len(digest) == _HASH_LENGTH:
            entry = parse(WireEntry(body, digest))
        case _:
            raise BadEntry("a set-aside change lacks a member")
    own = set_aside_id(node, term, seq, digest)
    if str(own) != key or (entry.node, entry.term, entry.seq) != (node, term, seq):
        raise BadEntry("a set-aside change is not the one that it says")
    return SetAside(id=own, node=node, term=term, seq=seq, hash=digest, body=body)
