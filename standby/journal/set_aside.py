"""Changes of the side that lost a split, on their way to the winner."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from standby.domain.aside import BEGINNINGS, MERGE, SPLIT, Lost, lost_as
from standby.journal.change import Change, change
from standby.journal.database import ALIAS, write_transaction
from standby.journal.entries import Entry, WireEntry, parse
from standby.journal.errors import BadEntry, BadValue
from standby.journal.rows import CHUNK, is_uuid, table
from standby.models import JournalEntry, PendingSetAside, PendingSplit, SetAside, Split

NAMESPACE: Final = uuid.UUID("5b5c2d5e-0a6f-5c43-9f0e-1d9c5b7e8a11")
MAX_BYTES: Final = 512 * 1024
_HASH_LENGTH: Final = 64


def set_aside_id(node: str, term: int, seq: int, digest: str) -> uuid.UUID:
    """The identity of a set-aside change: the same wherever it is worked out."""
    return uuid.uuid5(NAMESPACE, f"{node}/{term}/{seq}/{digest}")


def remember(connection: BaseDatabaseWrapper, entries: Iterable[Entry], split: uuid.UUID) -> None:
    """Keep own entries as pending set-aside changes, within a transaction of the caller.

    Beginnings are nobody's change. A set-aside
    change or a split that this OMM had heard of itself is kept as what it is, not as the entry
    that recorded it. What a merge made is not kept: the winner judges those changes anew.
    """
    rows: dict[uuid.UUID, PendingSetAside] = {}
    splits: list[PendingSplit] = []
    for entry in entries:
        if lost_as(entry.model, entry.operation, entry.source) is Lost.SPLIT:
            splits.append(PendingSplit(id=uuid.UUID(entry.object), facts=entry.after))
            continue
        row = _pending(entry, split)
        if row is not None:
            rows[row.pk] = row
        if len(rows) >= CHUNK:
            _store(connection, rows)
            rows = {}
    _store(connection, rows)
    _store_splits(connection, splits)


def lost_by(connection: BaseDatabaseWrapper, split: uuid.UUID) -> list[str]:
    """The ids of the changes that ``split`` took back and that wait to be listed.

    To be asked when the winner's journal was applied: what that lists already (an older disk put
    back has lost it before) belongs to another split.
    """
    rows = PendingSetAside.objects.using(connection.alias).filter(split=split)
    return [str(key) for key in rows.values_list("pk", flat=True)]


def _store(connection: BaseDatabaseWrapper, rows: dict[uuid.UUID, PendingSetAside]) -> None:
    PendingSetAside.objects.using(connection.alias).bulk_create(
        rows.values(), ignore_conflicts=True
    )


def _store_splits(connection: BaseDatabaseWrapper, splits: Iterable[PendingSplit]) -> None:
    PendingSplit.objects.using(connection.alias).bulk_create(splits, ignore_conflicts=True)


def _pending(entry: Entry, split: uuid.UUID) -> PendingSetAside | None:
    kept = lost_as(entry.model, entry.operation, entry.source)
    if kept is Lost.HEARD and entry.after:
        inner = {name: entry.after[name] for name in ("node", "term", "seq", "hash", "body")}
        former = entry.after.get("split")
        lost_by = uuid.UUID(former) if former else None
    elif kept is Lost.NOTHING:
        return None
    else:
        inner = {
            "node": entry.node,
            "term": entry.term,
            "seq": entry.seq,
            "hash": entry.hash,
            "body": entry.body,
        }
        lost_by = split
    key = set_aside_id(inner["node"], inner["term"], inner["seq"], inner["hash"])
    return PendingSetAside(id=key, split=lost_by, **inner)


def note_split(key: uuid.UUID, facts: dict[str, Any], *, using: str = ALIAS) -> None:
    """Keep what is known of a split that this OMM lost without any change of its own."""
    with write_transaction(using) as connection:
        _store_splits(connection, [PendingSplit(id=key, facts=facts)])


def pending_splits(*, using: str = ALIAS) -> list[dict[str, Any]]:
    """The splits that the winner may not have heard of yet, ready for the wire."""
    rows = PendingSplit.objects.using(using).order_by("pk")
    return [{"id": str(row.pk), **row.facts} for row in rows]


def split_id(node: str, common: int, digest: str) -> uuid.UUID:
    """The identity of a split: the loser, the last common entry and the end that it gave up."""
    return uuid.uuid5(NAMESPACE, f"split/{node}/{common}/{digest}")


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
        "split": str(row.split) if row.split else None,
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


def receive_set_aside(
    items: Sequence[dict[str, Any]], splits: Sequence[dict[str, Any]] = (), *, using: str = ALIAS
) -> list[str]:
    """Record the other side's set-aside changes and splits as entries here, on the active OMM.

    Returns the ids of all these changes, those that were here before too. Raises BadEntry for an
    item that is not what it says, and what change() raises.
    """
    rows = [_received(item) for item in items]
    heard = [_received_split(facts, using) for facts in splits]
    if rows or heard:
        with change(actor="system", source=MERGE, using=using) as made:
            _record(made, heard, using)
            _record(made, rows, using)
    return [str(row.pk) for row in rows]


def adopt_pending(*, using: str = ALIAS) -> int:
    """An OMM that became active records its own pending set-aside changes; returns how many."""
    if not pending_count(using=using) and not pending_splits(using=using):
        return 0
    with change(actor="system", source=MERGE, using=using) as made:
        pending = list(PendingSetAside.objects.using(using).order_by("term", "seq"))
        heard = [_received_split(facts, using) for facts in pending_splits(using=using)]
        _record(made, heard, using)
        _record(made, [_received(_item(row)) for row in pending], using)
        PendingSetAside.objects.using(using).all().delete()
        PendingSplit.objects.using(using).all().delete()
    return len(pending)


def _record(made: Change, rows: Sequence[SetAside] | Sequence[Split], using: str) -> None:
    """New ones only: what was decided about one that is here must stay."""
    if not rows:
        return
    known: set[uuid.UUID] = set()
    keys = [row.pk for row in rows]
    for start in range(0, len(keys), CHUNK):
        present = (
            type(rows[0])._default_manager.using(using).filter(pk__in=keys[start : start + CHUNK])
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
    split = item.get("split")
    if split is not None and not is_uuid(split):
        raise BadEntry("a set-aside change names something that is no split")
    return SetAside(
        id=own,
        node=node,
        term=term,
        seq=seq,
        hash=digest,
        body=body,
        object=uuid.UUID(entry.object),
        split=uuid.UUID(split) if split else None,
    )


def _received_split(facts: dict[str, Any], using: str) -> Split:
    """The row of a split; what this OMM had done meanwhile is counted now if nobody did."""
    one = table(SPLIT, connections[using])
    row = Split(winner_changes=None)
    try:
        row.pk = one.pk.kind.from_json(facts["id"])
        for column in one.columns:
            value = facts.get(column.name)
            if value is not None:
                setattr(row, column.attname, column.kind.from_json(value))
        until = facts.get("until")
        if row.winner_changes is None and type(until) is int:
            row.winner_changes = _changes_between(row.common, until, using)
        row.clean_fields(exclude={"reason"})
    except (KeyError, BadValue, ValidationError) as problem:
        raise BadEntry(f"a split lacks something: {problem}") from None
    return row


def _changes_between(after: int, until: int, using: str) -> int:
    """Entries of people and programs in a part of the own journal."""
    own = JournalEntry.objects.using(using).filter(seq__gt=after, seq__lte=until)
    return own.exclude(source__in=(MERGE, BEGINNINGS)).count()
