"""The fence: the node-local row that decides, in the same transaction, whether changes commit.

Only the pair runtime moves it. Each move is a transaction of its own, so once ``fence_close()``
has returned no change that was under way can commit any more.
"""

from __future__ import annotations

from django.db import connections, models

from standby.domain.facts import Head
from standby.journal import guard, staging
from standby.journal.beginnings import beginnings, first_rows
from standby.journal.database import (
    ALIAS,
    read_fence,
    read_head,
    write_fence,
    write_transaction,
)
from standby.journal.errors import JournalError


def fence_close(*, using: str = ALIAS) -> None:
    """Let no change commit from now on; waits for those that are committing.

    Raises Busy when a transaction holds its locks for too long; the fence is open then.
    """
    if not read_fence(connections[using])[0]:
        return
    with write_transaction(using) as connection, guard.lifted(connection):
        write_fence(connection, is_open=False, term=read_fence(connection)[1])


def fence_open(term: int, *, using: str = ALIAS) -> Head:
    """Let changes commit in ``term``; an empty journal gets its beginnings first.

    Raises JournalError for a term that the journal or the fence has already passed.
    """
    rows = _prepared_rows(using) if read_head(connections[using]).seq == 0 else []
    with write_transaction(using) as connection, guard.lifted(connection):
        head = read_head(connection, lock=True)
        reached = max(head.term, read_fence(connection)[1])
        if term < reached:
            raise JournalError(f"term {term} is over, the journal has reached {reached}")
        write_fence(connection, is_open=True, term=term)
        staging.forget_everything(connection)
        if head.seq == 0:
            head = beginnings(connection, head, rows or _prepared_rows(using), term=term)
    _prepared.pop(using, None)
    return head


_prepared: dict[str, list[models.Model]] = {}


def _prepared_rows(using: str) -> list[models.Model]:
    """The first rows, made once however often the opening is tried.

    A first password is shown when they are made.
    """
    if using not in _prepared:
        _prepared[using] = first_rows()
    return _prepared[using]
