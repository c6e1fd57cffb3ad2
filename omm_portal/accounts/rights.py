"""When open sockets must be looked at again, before their minute is over.

A socket lives longer than the sign-in that opened it may. Users and tokens change through the
journal, on either OMM and in any process; sessions end in this process, which serves them all.
Only the sockets that a change is about look again: of a thousand, nine hundred are not.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from omm_portal.accounts.models import ApiToken, User
from standby.models import JournalEntry

EVERYBODY = "everybody"
TOKENS = "tokens"
"""The mark of whoever came with a token: a journal entry names its row, not its key."""
MOST = 10_000
"""Marks that are remembered; with more everybody must look again."""

_numbers = itertools.count(1)
_ended: deque[tuple[int, str]] = deque(maxlen=MOST)


def mark_of_user(user: object) -> str:
    """The mark of a user, by primary key."""
    return f"user:{user}"


def mark_of_session(key: str) -> str:
    """The mark of a session, by its key."""
    return f"session:{key}"


def sessions_ended(keys: Collection[str]) -> None:
    """Say that sessions of this OMM have ended."""
    _ended.extend((next(_numbers), mark_of_session(key)) for key in keys)


@dataclass(frozen=True, slots=True)
class Rights:
    """Whose rights may have shrunk up to a moment: for each mark the revision it happened at."""

    revision: int = 0
    touched: Mapping[str, int] = field(default_factory=dict)

    def after(self, marks: Collection[str]) -> Rights:
        """The next moment, when this happened to ``marks``; the same one when to none."""
        if not marks:
            return self
        revision = self.revision + 1
        touched = {**self.touched, **dict.fromkeys(marks, revision)}
        return Rights(revision, touched if len(touched) <= MOST else {EVERYBODY: revision})

    def touch(self, marks: Collection[str], *, since: Rights) -> bool:
        """True when it happened to one of ``marks`` after ``since``."""
        return any(self.touched.get(mark, 0) > since.revision for mark in (EVERYBODY, *marks))


class RightsWatch:
    """Notices whose rights may have shrunk."""

    def __init__(self, seq: int) -> None:
        self._seq = seq
        self._ended = _last_ended()

    def is_due(self, seq: int) -> bool:
        """True when ``look`` may find something; costs nothing."""
        return seq != self._seq or self._ended != _last_ended()

    def look(self, seq: int) -> set[str]:
        """The marks of whom it happened to since the last look.

        ``seq`` is the journal's end; a query when that has moved.
        """
        since, self._seq = self._seq, seq
        marks = self._of_sessions()
        if seq < since:  # the journal was taken back
            marks.add(EVERYBODY)
        elif seq > since:
            marks |= _of_entries(since)
        return marks

    def _of_sessions(self) -> set[str]:
        since, ended = self._ended, list(_ended)
        new = [(number, mark) for number, mark in ended if number > since]
        if not new:
            return set()
        self._ended = new[-1][0]
        if new[0][0] != since + 1 and since:  # more than are remembered
            return {EVERYBODY}
        return {mark for _number, mark in new}


def _last_ended() -> int:
    return _ended[-1][0] if _ended else 0


def _of_entries(since: int) -> set[str]:
    """The marks of entries after ``since`` that changed or removed a user or a token."""
    users, tokens = User._meta.label_lower, ApiToken._meta.label_lower
    entries = JournalEntry.objects.filter(seq__gt=since, model__in=(users, tokens))
    found = entries.exclude(operation="create").values_list("model", "object")
    return {mark_of_user(row_id) if model == users else TOKENS for model, row_id in found}
