"""Making changes: the one way in which rows that replicate are written.

A change is one transaction. It locks the head row first, so changes have an order; it reads the
fence in that transaction and the role lease before its first and as its last act, so an OMM that
lost its role in between commits nothing.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from django.conf import settings
from django.db import models, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import ProtectedError

from standby import gate
from standby.domain.aside import BEGINNINGS, MERGE
from standby.domain.facts import Head
from standby.domain.merge import same
from standby.journal import guard, registry, wake
from standby.journal.canonical import chain, checked, checked_text, time_text
from standby.journal.database import (
    ALIAS,
    fetch_one,
    read_fence,
    read_head,
    write_head,
    write_transaction,
)
from standby.journal.entries import NAME_LENGTH, Entry, EntryWriter, body_text
from standby.journal.errors import BadValue, Diverged, JournalError
from standby.journal.rows import Fields, Statement, Table, table

SOURCES = ("web", "api", "cli", "system", BEGINNINGS, MERGE, "undo", "restore")
VERSION = "version"


@dataclass(frozen=True, slots=True)
class Receipt:
    """The last entry that a change made: what must reach the peer for the change to be safe."""

    seq: int
    hash: str


@dataclass(frozen=True, slots=True)
class Author:
    """Who makes a change and from where; ``original`` names the author of one that is merged."""

    actor: str
    source: str
    original: Fields | None = None

    def __post_init__(self) -> None:
        if self.source not in SOURCES:
            raise ValueError(f"unknown source {self.source!r}")
        if not self.actor or len(self.actor) > NAME_LENGTH:
            raise BadValue(f"an actor's name has 1 to {NAME_LENGTH} characters")
        checked_text(self.actor)
        checked(self.original)


@dataclass(frozen=True, slots=True)
class _Draft:
    """An entry before its number and hash are known."""

    model: str
    object: str
    operation: str
    before: Fields | None
    after: Fields | None
    part: int
    undoes: int | None


class Change:
    """Collects what one transaction writes; ``receipt`` is set once it is committed."""

    def __init__(self, connection: BaseDatabaseWrapper, author: Author) -> None:
        self.receipt: Receipt | None = None
        self._connection = connection
        self._author = author
        self._originals: list[Fields | None] = [author.original]
        self._drafts: list[_Draft] = []
        self._known: dict[str, dict[str, Fields | None]] = {}
        self._is_over = False
        self.undoes: Mapping[str, int] = {}
        """The entries that are being taken back, by the id of their object: what is written
        meanwhile names them."""

    @property
    def is_empty(self) -> bool:
        """True while nothing altered."""
        return not self._drafts

    def save(self, obj: models.Model) -> None:
        """Create or update a row. ``version`` is raised when something else altered."""
        self.save_all([obj])

    def save_all(self, objs: Iterable[models.Model]) -> None:
        """Create or update rows, in this order; those of one model cost one query to compare.

        No signals are sent. Raises BadValue for what cannot be journalled and the database's
        IntegrityError for a unique value that is taken.
        """
        for one, group in self._by_table(objs):
            known = self._read(one, [str(one.pk.from_object(obj.pk)) for obj in group])
            for obj in group:
                self._save(one, obj, known)

    def look_ahead(self, one: Table, keys: Iterable[str]) -> None:
        """Read rows with one query that are about to be compared or saved one by one."""
        wanted = list(keys)
        found = one.read(wanted, self._connection)
        self._known.setdefault(one.label, {}).update({key: found.get(key) for key in wanted})

    def fields_of(self, one: Table, key: str) -> Fields | None:
        """What a row holds within this change; None when it is not there."""
        return self._read(one, [key]).get(key)

    def delete(self, obj: models.Model) -> None:
        """Delete a row; one that is not there is no change. Raises ProtectedError."""
        self.delete_all([obj])

    def delete_all(self, objs: Iterable[models.Model]) -> None:
        """Delete rows, in this order; dependants must have been deleted before."""
        for one, group in self._by_table(objs):
            _refuse_protected(one, group, self._connection)
            for obj in group:
                self._delete(one, obj)

    def record(
        self, model: str, key: str, operation: str, before: Fields | None, after: Fields | None
    ) -> None:
        """Add an entry for what the journal's own code has written."""
        if self._is_over:
            raise JournalError("the change is over")
        part = len(self._originals) - 1
        draft = _Draft(model, key, operation, before, after, part, self.undoes.get(key))
        self._drafts.append(draft)

    def begin_part(self, original: Fields | None) -> None:
        """What follows is a transaction of its own in the journal, by another ``original``.

        All parts commit together; the change log and the other OMM see one after the other.
        """
        self._originals.append(checked(original))

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """What is saved within is taken back, rows and entries, when it raises."""
        mark = len(self._drafts)
        try:
            with transaction.atomic(using=self._connection.alias):
                yield
        except BaseException:
            for draft in self._drafts[mark:]:
                self._known.get(draft.model, {}).pop(draft.object, None)
            del self._drafts[mark:]
            raise

    def finish(self, head: Head, *, term: int) -> Head:
        """Number, hash and store the entries; returns the new end of the journal."""
        self._is_over = True
        if not self._drafts:
            return head
        lineage = self._drafts[0].object if head.seq == 0 else head.lineage
        real = head.real or self._author.source != BEGINNINGS
        new = head
        with guard.lifted(self._connection):
            writer = EntryWriter(self._connection)
            for entry in self._entries(head, term):
                writer.add(entry)
                new = Head(entry.seq, entry.hash, term, lineage, real)
            writer.flush()
            write_head(self._connection, new)
        return new

    def _entries(self, head: Head, term: int) -> Iterator[Entry]:
        at = dt.datetime.now(dt.UTC)
        seq, digest = head.seq, head.hash
        for part, found in groupby(self._drafts, key=lambda draft: draft.part):
            drafts = list(found)
            members: dict[str, Any] = {
                "term": term,
                "node": settings.OMM.address,
                "actor": self._author.actor,
                "source": self._author.source,
                "transaction": str(uuid.uuid4()),
                "tx_size": len(drafts),
            }
            for index, draft in enumerate(drafts):
                seq += 1
                own = {**members, "seq": seq, "tx_index": index, **_members(draft)}
                text = {**own, "at": time_text(at)}
                if self._originals[part] is not None:
                    text["original"] = self._originals[part]
                if draft.undoes is not None:
                    text["undoes"] = draft.undoes
                body = body_text(text)
                digest = chain(digest, body)
                yield Entry(**own, at=at, body=body, hash=digest)

    def _by_table(self, objs: Iterable[models.Model]) -> Iterator[tuple[Table, list[models.Model]]]:
        """Runs of objects of one model, in the order given."""
        if self._is_over:
            raise JournalError("the change is over")
        group: list[models.Model] = []
        for obj in objs:
            if not registry.is_registered(_model(obj)):
                raise JournalError(f"{obj._meta.label} is not a journalled model")
            if group and _model(obj) is not _model(group[0]):
                yield self._table(group[0]), group
                group = []
            group.append(obj)
        if group:
            yield self._table(group[0]), group

    def _table(self, obj: models.Model) -> Table:
        return table(_model(obj)._meta.label_lower, self._connection)

    def _read(self, one: Table, keys: list[str]) -> dict[str, Fields]:
        """The rows with these keys; only those that nobody looked ahead for cost a query."""
        known = self._known.get(one.label, {})
        found = one.read([key for key in keys if key not in known], self._connection)
        here = {key: fields for key in keys if (fields := known.get(key)) is not None}
        return {**found, **here}

    def _note(self, one: Table, key: str, fields: Fields | None) -> None:
        known = self._known.get(one.label)
        if known is not None and key in known:
            known[key] = fields

    def _save(self, one: Table, obj: models.Model, known: dict[str, Fields]) -> None:
        key = str(one.pk.from_object(obj.pk))
        before = known.get(key)
        wanted = _altered(one, obj, before)
        if wanted:
            statement = (
                one.insert(key, wanted, self._connection)
                if before is None
                else one.update(key, wanted, self._connection)
            )
            after = self._write(one, statement)
            known[key] = after
            self._note(one, key, after)
            self._record_save(one, key, before, after)
        obj._state.adding = False
        obj._state.db = self._connection.alias

    def _record_save(self, one: Table, key: str, before: Fields | None, after: Fields) -> None:
        if before is None:
            self.record(one.label, key, "create", None, after)
            return
        altered = [name for name, value in after.items() if not same(before[name], value)]
        if altered:
            was = {name: before[name] for name in altered}
            self.record(one.label, key, "update", was, {name: after[name] for name in altered})

    def _write(self, one: Table, statement: Statement) -> Fields:
        """Execute a statement and read back the row as the database holds it now."""
        with guard.lifted(self._connection):
            row = fetch_one(self._connection, statement.sql + one.returning, statement.params)
        if row is None:
            raise Diverged(f"{one.label}: the row is gone")
        return one.fields_of(row, self._connection)[1]

    def _delete(self, one: Table, obj: models.Model) -> None:
        statement = one.delete(str(one.pk.from_object(obj.pk)), self._connection)
        with guard.lifted(self._connection):
            row = fetch_one(self._connection, statement.sql + one.returning, statement.params)
        if row is not None:
            key, before = one.fields_of(row, self._connection)
            self._note(one, key, None)
            self.record(one.label, key, "delete", before, None)
        obj._state.adding = True


def _members(draft: _Draft) -> dict[str, Any]:
    """The members of an entry that the draft tells."""
    names = ("model", "object", "operation", "before", "after")
    return {name: getattr(draft, name) for name in names}


def _model(obj: models.Model) -> type[models.Model]:
    """The model whose table holds the object (a proxy's own base)."""
    return obj._meta.concrete_model or type(obj)


def _altered(one: Table, obj: models.Model, before: Fields | None) -> Fields:
    """The fields to write: all of a new row, else those that differ and the raised version."""
    is_new = before is None
    wanted: Fields = {}
    for column in one.columns:
        if not _is_automatic(column.field) and (is_new or column.name != VERSION):
            value = column.from_object(getattr(obj, column.attname))
            if before is None or not same(before[column.name], value):
                wanted[column.name] = value
    if before is not None and VERSION in before:
        setattr(obj, VERSION, before[VERSION] + 1 if wanted else before[VERSION])
        if wanted:
            wanted[VERSION] = before[VERSION] + 1
    if wanted or is_new:
        for column in one.columns:
            if _is_automatic(column.field):
                wanted[column.name] = column.from_object(column.field.pre_save(obj, is_new))
    return wanted


def _is_automatic(field: models.Field[Any, Any]) -> bool:
    """True for fields that take the time of saving by themselves."""
    return bool(getattr(field, "auto_now", False) or getattr(field, "auto_now_add", False))


def _refuse_protected(
    one: Table, objs: list[models.Model], connection: BaseDatabaseWrapper
) -> None:
    """Raise ProtectedError when a row that stays refers to one of the objects by PROTECT."""
    keys = [obj.pk for obj in objs]
    for relation in one.model._meta.related_objects:
        if relation.on_delete is not models.PROTECT or not relation.field.concrete:
            continue
        rows = relation.related_model._base_manager  # noqa: SLF001 (what Django itself asks)
        found = rows.using(connection.alias).filter(**{f"{relation.field.name}__in": keys})
        if relation.related_model is one.model:
            found = found.exclude(pk__in=keys)
        holders = set(found[:5])
        if holders:
            raise ProtectedError(f"{one.label} is still referred to", holders)


@contextmanager
def change(
    *, actor: str, source: str, original: Fields | None = None, using: str = ALIAS
) -> Iterator[Change]:
    """One change of the configuration, whole or not at all.

    Must be the outermost transaction. Raises gate.GateClosed when this OMM accepts no changes,
    Busy when the database stays locked, BadValue for values that cannot be journalled.
    """
    author = Author(actor, source, original)
    gate.wait_open()
    with write_transaction(using) as connection:
        with guard.lifted(connection):
            head = read_head(connection, lock=True)
        gate.check()
        term = _open_term(connection)
        if head.seq == 0:
            raise JournalError("the journal has no beginning")
        made = Change(connection, author)
        yield made
        new = made.finish(head, term=term)
        if new != head:
            transaction.on_commit(wake.after_commit, using=using)
            gate.check()
    if new != head:
        made.receipt = Receipt(new.seq, new.hash)


def _open_term(connection: BaseDatabaseWrapper) -> int:
    """The term in which changes may be made now; raises GateClosed when the fence is closed."""
    is_open, term = read_fence(connection, share=True)
    if not is_open:
        raise gate.GateClosed(
            "This OMM accepts no change at this moment: its role is being settled."
        )
    return term
