"""Applying the peer's entries.

A batch is one database transaction with whole source transactions only; its statements run in the
order in which they ran on the OMM that made them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from django.db.backends.base.base import BaseDatabaseWrapper

from standby.domain.aside import SET_ASIDE, SPLIT
from standby.domain.facts import Head
from standby.domain.sentence import say
from standby.journal import guard, staging, store
from standby.journal.database import (
    ALIAS,
    breathe,
    read_head,
    require_closed_fence,
    write_head,
    write_transaction,
)
from standby.journal.entries import (
    LINEAGE,
    Batch,
    Entry,
    EntryWriter,
    WireEntry,
    check_sequence,
    follow,
    parse,
)
from standby.journal.errors import ChainBroken, UnknownModelOrField
from standby.journal.rows import CHUNK, RowWriter, Statement, table
from standby.models import PendingSetAside, PendingSplit


def apply(batch: Batch, *, using: str = ALIAS) -> Head:
    """Apply a batch of the peer's entries; returns the end of what is applied.

    What is here already is skipped when its hash agrees. The first entries of a transaction whose
    rest is not in the batch are staged; ``staged_end()`` says where the next batch goes on.
    Raises ChainBroken when the batch does not continue this journal, UnknownModelOrField when
    this version cannot take an entry, FenceIsOpen when this OMM accepts changes itself; in each
    case nothing was applied.
    """
    entries = list(_breathing(follow(batch.entries, batch.after_seq, batch.after_hash)))
    with write_transaction(using) as connection, guard.lifted(connection):
        head = read_head(connection, lock=True)
        require_closed_fence(connection)
        _require_common(connection, head, batch)
        fresh = _skip_applied(connection, head, entries)
        return _take(connection, head, fresh)


def _breathing(entries: Iterator[Entry]) -> Iterator[Entry]:
    for count, entry in enumerate(entries):
        if count % CHUNK == CHUNK - 1:
            breathe()
        yield entry


def _require_common(connection: BaseDatabaseWrapper, head: Head, batch: Batch) -> None:
    """Where the batch claims to continue this journal it must be right."""
    if batch.after_seq > head.seq:
        return
    if store.hash_in(connection, batch.after_seq) != batch.after_hash:
        raise ChainBroken(f"entry {batch.after_seq} is another one here")


def _skip_applied(connection: BaseDatabaseWrapper, head: Head, entries: list[Entry]) -> list[Entry]:
    """The entries past the head; raises ChainBroken when one at or below it is another."""
    old = [entry for entry in entries if entry.seq <= head.seq]
    own = store.hashes_in(connection, [entry.seq for entry in old])
    for entry in old:
        if own.get(entry.seq) != entry.hash:
            raise ChainBroken(f"entry {entry.seq} is another one here")
    return entries[len(old) :]


def _take(connection: BaseDatabaseWrapper, head: Head, fresh: list[Entry]) -> Head:
    """Apply what is whole, stage the rest."""
    if not fresh:
        return head
    tail = _usable_tail(connection, head, fresh)
    if tail is not None:
        fresh = [entry for entry in fresh if entry.seq > tail.seq]
    _require_next(fresh, tail.last if tail else None, head)
    whole = max((i + 1 for i, entry in enumerate(fresh) if entry.is_last), default=0)
    if whole:
        applier = Applier(connection, head)
        if tail is not None:
            applier.feed(parse(wire) for wire in staging.tail_entries(connection, tail.first))
        applier.feed(fresh[:whole])
        head = applier.finish()
        staging.forget_tail(connection)
        store.set_mark(connection, head.seq, head.hash)
    for entry in fresh[whole:]:
        forward(entry, connection)  # refuses now what could not be applied later
    staging.add_to_tail(connection, fresh[whole:])
    return head


def _usable_tail(
    connection: BaseDatabaseWrapper, head: Head, fresh: list[Entry]
) -> staging.Tail | None:
    """The staged tail unless the batch says something else in its place; then it is dropped."""
    tail = staging.read_tail(connection, head)
    if tail is not None and fresh[0].seq <= tail.seq + 1:
        staged = staging.tail_entries(connection, fresh[0].seq)
        pairs = zip(staged, fresh, strict=False)  # either may be the longer one
        if all(old.hash == new.hash for old, new in pairs):
            return tail
    if tail is None or fresh[0].seq == head.seq + 1:
        staging.forget_tail(connection)
        return None
    raise ChainBroken(f"entry {fresh[0].seq} does not continue what is staged")


def _require_next(fresh: list[Entry], last: Entry | None, head: Head) -> None:
    """The entries must continue the tail or the head, transaction by transaction."""
    if not fresh:
        return
    seq, digest = (last.seq, last.hash) if last else (head.seq, head.hash)
    if fresh[0].seq != seq + 1:
        raise ChainBroken(f"entry {fresh[0].seq} came where {seq + 1} should")
    # follow() has checked the hashes inside the batch; the first one is checked against ours here.
    first = WireEntry(fresh[0].body, fresh[0].hash)
    for _entry in follow([first], seq, digest):
        pass
    for entry in fresh:
        check_sequence(last, entry)
        last = entry


class Applier:
    """Writes rows and entries behind a head, within a transaction of the caller.

    With ``history`` it writes no rows: they came with a snapshot.
    Trusts that chain and order were checked; raises UnknownModelOrField, BadEntry, Diverged.
    """

    def __init__(
        self, connection: BaseDatabaseWrapper, head: Head, *, history: bool = False
    ) -> None:
        self.head = head
        self._connection = connection
        self._history = history
        self._rows = RowWriter(connection)
        self._entries = EntryWriter(connection)
        self._arrived: list[str] = []
        self._count = 0

    def feed(self, entries: Iterable[Entry]) -> None:
        """Apply entries in order."""
        for entry in entries:
            statement = None if self._history else forward(entry, self._connection)
            if statement is not None:
                self._rows.add(statement)
            self._entries.add(entry)
            self._follow(entry)
            self._count += 1
            if self._count % CHUNK == 0:
                breathe()

    def _follow(self, entry: Entry) -> None:
        head = self.head
        self.head = Head(
            entry.seq,
            entry.hash,
            entry.term,
            entry.object if entry.operation == LINEAGE else head.lineage,
            head.real or not entry.is_beginning,
        )
        if entry.model in (SET_ASIDE, SPLIT) and entry.operation == "create":
            self._arrived.append(entry.object)

    def finish(self) -> Head:
        """Write what is waiting and the new head; returns it."""
        self._rows.flush()
        self._entries.flush()
        write_head(self._connection, self.head)
        _drop_arrived(self._connection, self._arrived)
        return self.head


def _drop_arrived(connection: BaseDatabaseWrapper, ids: list[str]) -> None:
    """What came back as an entry is safe: the own copy is not needed."""
    for pending in (PendingSetAside, PendingSplit) if ids else ():
        pending._default_manager.using(connection.alias).filter(pk__in=ids).delete()


def forward(entry: Entry, connection: BaseDatabaseWrapper) -> Statement | None:
    """The statement that does what an entry says; None for the lineage."""
    if entry.operation == LINEAGE:
        return None
    one = table(entry.model, connection)
    if entry.operation == "create":
        return one.insert(entry.object, entry.after or {}, connection)
    if entry.operation == "update":
        return one.update(entry.object, entry.after or {}, connection)
    if entry.operation == "delete":
        one.insert(entry.object, entry.before or {}, connection)  # it must be possible to undo
        return one.delete(entry.object, connection)
    raise UnknownModelOrField(say("unknown operation %(name)s", name=entry.operation))
