"""What the first active OMM of an empty pair makes: the lineage and the first rows."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper

from standby.domain.aside import BEGINNINGS
from standby.domain.facts import Head
from standby.journal import registry
from standby.journal.change import Author, Change
from standby.journal.entries import LINEAGE, LINEAGE_MODEL
from standby.journal.errors import JournalError


def first_rows() -> list[models.Model]:
    """The unsaved rows that the registered apps want at the beginning.

    May take a moment (a password is hashed), so it is called before the transaction.
    """
    rows: list[models.Model] = []
    for model in registry.all_models():
        found = registry.find(model._meta.label_lower)
        if found is not None and found.beginnings is not None:
            rows.extend(found.beginnings())
    return rows


def beginnings(
    connection: BaseDatabaseWrapper,
    head: Head,
    rows: Sequence[models.Model],
    *,
    term: int,
    actor: str = "system",
) -> Head:
    """Begin an empty journal, within a transaction that holds the head; returns its new end."""
    if head.seq != 0:
        raise JournalError("the journal has begun already")
    made = Change(connection, Author(actor, BEGINNINGS))
    made.record(LINEAGE_MODEL, str(uuid.uuid4()), LINEAGE, None, None)
    made.save_all(rows)
    return made.finish(head, term=term)
