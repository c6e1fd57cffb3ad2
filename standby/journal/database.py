"""Transactions of the journal: how they begin, what they lock first, who may write."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from django.db import OperationalError, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from standby.domain.facts import EMPTY_HASH, Head
from standby.journal.errors import Busy, FenceIsOpen

ALIAS = "default"
LOCK_SECONDS = 5
"""How long PostgreSQL waits for a lock; SQLite's busy timeout is set with its connection."""
_SQLITE_LOCKED = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_POSTGRESQL_LOCKED = ("55P03", "40P01", "40001")  # lock not available, deadlock, serialization


def is_lock_problem(problem: BaseException) -> bool:
    """True when a statement failed only because somebody else holds a lock."""
    cause = problem.__cause__
    code = getattr(cause, "sqlite_errorcode", None)
    if code is not None:
        return (code & 0xFF) in _SQLITE_LOCKED
    return getattr(cause, "sqlstate", None) in _POSTGRESQL_LOCKED


@contextmanager
def write_transaction(using: str = ALIAS) -> Iterator[BaseDatabaseWrapper]:
    """An outermost transaction that may write.

    On SQLite it takes the write lock at once (IMMEDIATE) and, when that stays taken for the busy
    timeout, tries once more. Raises Busy when a lock could not be had; every other error of the
    database (read-only, disk full) comes through as it is.
    """
    connection = connections[using]
    try:
        with ExitStack() as stack:
            _begin(stack, using)
            if connection.vendor == "postgresql":
                with connection.cursor() as cursor:
                    cursor.execute(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'")
            yield connection
    except OperationalError as problem:
        if is_lock_problem(problem):
            raise Busy("the database is locked") from problem
        raise


def _begin(stack: ExitStack, using: str) -> None:
    try:
        stack.enter_context(transaction.atomic(using=using, durable=True))
    except OperationalError as problem:
        if not is_lock_problem(problem):
            raise
        stack.enter_context(transaction.atomic(using=using, durable=True))


@contextmanager
def consistent_read(using: str = ALIAS) -> Iterator[BaseDatabaseWrapper]:
    """A connection on which all reads see one state and that never makes a writer wait.

    It is a connection of its own, so it may be held open (a snapshot that is being sent) while the
    thread does other things. Inside a transaction of this thread it is that transaction.
    """
    own = connections[using]
    if own.in_atomic_block:
        yield own
        return
    connection = connections.create_connection(using)
    connection.inc_thread_sharing()
    mode = " ISOLATION LEVEL REPEATABLE READ READ ONLY" if own.vendor == "postgresql" else ""
    try:
        execute(connection, f"BEGIN{mode}")
        yield connection
    finally:
        try:
            if connection.connection is not None:
                execute(connection, "ROLLBACK")
        finally:
            connection.close()


def execute(connection: BaseDatabaseWrapper, sql: str, params: Any = None) -> int:
    """Run one statement; returns how many rows it touched."""
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return int(cursor.rowcount)


def fetch(connection: BaseDatabaseWrapper, sql: str, params: Any = None) -> list[tuple[Any, ...]]:
    """All rows of one query."""
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return list(cursor.fetchall())


def fetch_one(
    connection: BaseDatabaseWrapper, sql: str, params: Any = None
) -> tuple[Any, ...] | None:
    """The first row of one query."""
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        row: tuple[Any, ...] | None = cursor.fetchone()
        return row


_HEAD = "SELECT seq, hash, term, lineage, real FROM standby_journalhead WHERE id = 1"


def read_head(connection: BaseDatabaseWrapper, *, lock: bool = False) -> Head:
    """The end of the journal; with ``lock`` nobody else can change it before this commits."""
    suffix = " FOR UPDATE" if lock and connection.features.has_select_for_update else ""
    row = fetch_one(connection, _HEAD + suffix)
    if row is None and lock:
        execute(
            connection,
            "INSERT INTO standby_journalhead (id, seq, hash, term, lineage, real)"
            " VALUES (1, 0, %s, 0, '', %s) ON CONFLICT (id) DO NOTHING",
            (EMPTY_HASH, False),
        )
        row = fetch_one(connection, _HEAD + suffix)
    if row is None:
        return Head()
    return Head(int(row[0]), row[1], int(row[2]), row[3], bool(row[4]))


def write_head(connection: BaseDatabaseWrapper, head: Head) -> None:
    """Set the end of the journal (its row exists once it was locked)."""
    execute(
        connection,
        "UPDATE standby_journalhead SET seq = %s, hash = %s, term = %s, lineage = %s, real = %s"
        " WHERE id = 1",
        (head.seq, head.hash, head.term, head.lineage, head.real),
    )


_FENCE = "SELECT open, term FROM standby_fence WHERE id = 1"


def read_fence(connection: BaseDatabaseWrapper, *, share: bool = False) -> tuple[bool, int]:
    """(open, term); with ``share`` it stays as it is until this transaction ends."""
    suffix = " FOR SHARE" if share and connection.features.has_select_for_update else ""
    row = fetch_one(connection, _FENCE + suffix)
    return (bool(row[0]), int(row[1])) if row else (False, 0)


def write_fence(connection: BaseDatabaseWrapper, *, is_open: bool, term: int) -> None:
    """Set the fence."""
    execute(
        connection,
        "INSERT INTO standby_fence (id, open, term) VALUES (1, %s, %s)"
        " ON CONFLICT (id) DO UPDATE SET open = excluded.open, term = excluded.term",
        (is_open, term),
    )


def require_closed_fence(connection: BaseDatabaseWrapper) -> None:
    """Raise FenceIsOpen while changes may commit here."""
    if read_fence(connection, share=True)[0]:
        raise FenceIsOpen("this OMM accepts changes; it cannot take over the other's journal")


def breathe() -> None:
    """Let other threads run: a heartbeat must not wait for a long transaction."""
    time.sleep(0)
