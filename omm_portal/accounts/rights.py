"""When open sockets must be looked at again, before their minute is over.

A socket lives longer than the sign-in that opened it may. Users and tokens change through the
journal, on either OMM and in any process; sessions end in this process, which serves them all.
"""

from __future__ import annotations

import itertools

from omm_portal.accounts.models import ApiToken, User
from standby.models import JournalEntry

_ended = itertools.count(1)
_last_ended = 0


def sessions_ended() -> None:
    """Say that sessions of this OMM have ended."""
    global _last_ended  # noqa: PLW0603
    _last_ended = next(_ended)


class RightsWatch:
    """Notices that somebody's rights may have shrunk."""

    def __init__(self, seq: int) -> None:
        self._seq = seq
        self._ended = _last_ended

    def is_due(self, seq: int) -> bool:
        """True when ``look`` may find something; costs nothing."""
        return seq != self._seq or self._ended != _last_ended

    def look(self, seq: int) -> bool:
        """True when rights changed since the last look; ``seq`` is the journal's end (a query)."""
        since, self._seq = self._seq, seq
        ended, self._ended = self._ended, _last_ended
        return ended != self._ended or seq < since or _touched(since)


def _touched(since: int) -> bool:
    """True when an entry after ``since`` changed or removed a user or a token."""
    models = [model._meta.label_lower for model in (User, ApiToken)]
    entries = JournalEntry.objects.filter(seq__gt=since, model__in=models)
    return entries.exclude(operation="create").exists()
