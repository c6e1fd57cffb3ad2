"""One time line of both OMMs: role changes, warnings that came and went, changes; newest first."""

from __future__ import annotations

import logging
from collections.abc import Callable
from itertools import groupby

from django.db import DatabaseError
from django.urls import reverse
from django.utils.functional import lazy
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from standby.document import Document
from standby.models import Event, JournalEntry
from standby.rows import ChangeRow, change_rows
from standby.selectors import change_list, event_list

SHOWN = 25
ENTRIES_READ = 60
"""Journal entries that are looked through; one transaction of many counts as one change."""
ICONS = {
    "role_change": "pair",
    "handover": "pair",
    "contact": "live",
    "warning_ended": "ok",
    "change": "changes",
}
"""Pictures of what is no plain message; others have that of their severity."""

log = logging.getLogger(__name__)


def timeline() -> list[Document]:
    """The newest of all, in no language yet (see standby.texts.localised).

    What cannot be read is left out. Costs the same whatever is stored.
    """
    rows = [*_readable(_events), *_readable(_changes)]
    return sorted(rows, key=lambda row: str(row["at"]), reverse=True)[:SHOWN]


def _readable(read: Callable[[], list[Document]]) -> list[Document]:
    try:
        return read()
    except DatabaseError:
        log.warning("a part of the time line could not be read", exc_info=True)
        return []


def _events() -> list[Document]:
    return [_event(row) for row in event_list()[:SHOWN]]


def _event(row: Event) -> Document:
    return {
        "id": str(row.uid),
        "at": _iso(row),
        "node": row.node,
        "code": row.code,
        "severity": row.severity,
        "message": row.sentence,
        "details": row.details,
        "icon": ICONS.get(row.code, ""),
        "path": "",
    }


def _iso(row: Event | JournalEntry) -> str:
    """Always with microseconds, so that the texts sort as the times do."""
    return row.at.isoformat(timespec="microseconds").replace("+00:00", "Z")


def _changes() -> list[Document]:
    """The newest entry of each transaction; what a pair begins with is nobody's change."""
    entries = list(change_list().exclude(source="beginnings")[:ENTRIES_READ])
    last = [next(same) for _transaction, same in groupby(entries, lambda entry: entry.transaction)]
    return [
        _change(entry, row)
        for entry, row in zip(last[:SHOWN], change_rows(last[:SHOWN]), strict=True)
    ]


def _change(entry: JournalEntry, row: ChangeRow) -> Document:
    return {
        "id": f"change-{entry.seq}",
        "at": _iso(entry),
        "node": entry.node,
        "code": "change",
        "severity": "info",
        "message": _change_sentence(row),
        "details": {},
        "icon": ICONS["change"],
        "path": reverse("change", args=[entry.seq]),
    }


def change_sentence(row: ChangeRow) -> str:
    """A change in one sentence."""
    what = " ".join(filter(None, (str(row.what), row.name)))
    words = {"who": row.actor, "what": what, "done": row.operation, "more": row.tx_size - 1}
    if row.tx_size == 1:
        return _("%(who)s: %(what)s %(done)s.") % words
    text = ngettext(
        "%(who)s: %(what)s %(done)s, and %(more)s more change with it.",
        "%(who)s: %(what)s %(done)s, and %(more)s more changes with it.",
        row.tx_size - 1,
    )
    return text % words


_change_sentence = lazy(change_sentence, str)
