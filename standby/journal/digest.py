"""One hash over all journalled rows: equal digests at equal heads prove equal data."""

from __future__ import annotations

import hashlib

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from standby.domain.facts import Head
from standby.journal import registry
from standby.journal.database import ALIAS, breathe, consistent_read, read_head
from standby.journal.rows import CHUNK, row_texts, table


class Digest:
    """Takes rows model by model (sorted by name), each model's by primary key.

    Models without rows leave no trace, so a model that is new in one version does no harm.
    """

    def __init__(self) -> None:
        self._sha = hashlib.sha256()
        self._label = ""
        self._count = 0

    def add(self, label: str, text: str) -> None:
        """Take one row as canonical text."""
        if label != self._label:
            self._label = label
            self._sha.update(f"{label}\n".encode())
        self._sha.update(f"{text}\n".encode())
        self._count += 1
        if self._count % CHUNK == 0:
            breathe()

    def hex(self) -> str:
        """The hash of everything taken so far."""
        return self._sha.hexdigest()


def table_digest(*, using: str = ALIAS) -> str:
    """The digest of all journalled tables as one consistent read."""
    return digest_at_head(using=using)[1]


def digest_at_head(*, using: str = ALIAS) -> tuple[Head, str]:
    """The end of the journal and the digest of the tables at exactly that point."""
    with consistent_read(using) as connection:
        return read_head(connection), digest_in(connection)


def digest_in(connection: BaseDatabaseWrapper) -> str:
    """Like table_digest(), on a given connection."""
    digest = Digest()
    for label in registry.labels():
        for text in row_texts(table(label, connection), connection):
            digest.add(label, text)
    return digest.hex()


def table_layout() -> str:
    """One hash over the names of all journalled tables and their fields.

    Digests say something about each other only where it is the same: another version of the
    program has other fields.
    """
    layout = hashlib.sha256()
    for label in registry.labels():
        names = sorted(table(label, connections[ALIAS]).by_name)
        layout.update(f"{label} {' '.join(names)}\n".encode())
    return layout.hexdigest()
