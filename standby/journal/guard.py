"""Refuses every statement that would write a journalled table past the journal.

A wrapper around each statement of a connection sees what signals do not: ``update()``,
``bulk_create()``, cascades, ``SET_NULL``, related managers, raw SQL. The journal itself lifts it
while it writes, and so does ``migrate``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from standby.journal import registry
from standby.journal.errors import UnjournalledWrite

OWN_TABLES = frozenset({"standby_journalentry", "standby_journalhead", "standby_fence"})
_COMMENT = re.compile(r"/\*.*?\*/|--[^\n]*", re.DOTALL)
_TARGET = re.compile(
    r"""\b(?:INSERT\s+(?:OR\s+\w+\s+)?INTO|REPLACE\s+INTO|MERGE\s+INTO|DELETE\s+FROM
        |UPDATE(?:\s+OR\s+\w+)?|COPY|TRUNCATE(?:\s+TABLE)?)
        \s+(?:ONLY\s+)?(?:["`\[]?\w+["`\]]?\s*\.\s*)?["`\[]?(\w+)""",
    re.IGNORECASE | re.VERBOSE,
)
_WORD = re.compile(r"\w+")
_READS = ("SELECT", "SAVEPOINT", "RELEASE", "ROLLBACK", "PRAGMA", "BEGIN", "COMMIT")


class Guard:
    """The wrapper of one connection; ``lifted`` counts who may write just now."""

    def __init__(self) -> None:
        self.lifted = 0

    def __call__(
        self,
        execute: Callable[..., Any],
        sql: Any,
        params: Any,
        many: bool,  # noqa: FBT001 (Django's signature)
        context: dict[str, Any],
    ) -> Any:
        """Pass the statement on unless it writes a journalled table."""
        if not self.lifted:
            table = written_table(str(sql))
            if table:
                raise UnjournalledWrite(
                    f"{table} is written through journal.change() only; refused: {str(sql)[:80]}"
                )
        return execute(sql, params, many, context)


def written_table(sql: str) -> str:
    """The journalled table that a statement writes, or an empty text."""
    if sql.lstrip()[:10].upper().startswith(_READS) and ";" not in sql:
        return ""
    plain = _COMMENT.sub(" ", sql)
    tables = guarded_tables()
    for match in _TARGET.finditer(plain):
        if match[1].lower() in tables:
            return match[1].lower()
    if re.search(r"\bTRUNCATE\b", plain, re.IGNORECASE):  # it may name several tables
        return next((word for word in _WORD.findall(plain.lower()) if word in tables), "")
    return ""


_tables: tuple[int, frozenset[str]] = (-1, frozenset())


def guarded_tables() -> frozenset[str]:
    """The names of all tables that only the journal may write, in lower case."""
    global _tables  # noqa: PLW0603
    if _tables[0] != registry.generation():
        names = {model._meta.db_table.lower() for model in registry.all_models()}
        _tables = (registry.generation(), OWN_TABLES | names)
    return _tables[1]


def install(connection: BaseDatabaseWrapper) -> Guard:
    """The connection's guard, installed when it has none yet."""
    for wrapper in connection.execute_wrappers:
        if isinstance(wrapper, Guard):
            return wrapper
    guard = Guard()
    connection.execute_wrappers.insert(0, guard)
    return guard


@contextmanager
def lifted(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """Let the journal's own statements through on this connection."""
    guard = install(connection)
    guard.lifted += 1
    try:
        yield
    finally:
        guard.lifted -= 1


def on_connection_created(connection: BaseDatabaseWrapper, **_: Any) -> None:
    """Signal receiver: every new connection is guarded before its first statement."""
    install(connection)


_migrating: dict[str, int] = {}


def on_pre_migrate(using: str, **_: Any) -> None:
    """Signal receiver: ``migrate`` may write while it runs (sent once for every app)."""
    if not _migrating.get(using):
        install(connections[using]).lifted += 1
    _migrating[using] = _migrating.get(using, 0) + 1


def on_post_migrate(using: str, **_: Any) -> None:
    """Signal receiver: the guard is back after the last app."""
    left = _migrating.pop(using, 0) - 1
    if left > 0:
        _migrating[using] = left
    elif left == 0:
        install(connections[using]).lifted -= 1
