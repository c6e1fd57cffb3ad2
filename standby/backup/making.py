"""Reads everything that is configured, as of one moment and without making a writer wait."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import IO, Any

from django.conf import settings
from django.db.backends.base.base import BaseDatabaseWrapper

from standby.backup.format import SECRETS_INSIDE, SECRETS_LEFT_OUT, Header, write_backup
from standby.backup.secrets import secrets_opened
from standby.journal import registry
from standby.journal.canonical import time_text
from standby.journal.database import ALIAS, consistent_read, fetch_one, read_head
from standby.journal.rows import all_rows, row_text, table
from standby.runtime.config import VERSION


def backed_up() -> list[str]:
    """The names of the models in a back-up, each after those that it refers to."""
    found = (registry.find(model._meta.label_lower) for model in registry.all_models())
    return [each.label for each in found if each is not None and not each.backup.left_out]


def make_backup(
    target: IO[bytes],
    *,
    made_by: str,
    now: datetime,
    passphrase: str | None = None,
    using: str = ALIAS,
) -> Header:
    """Write a back-up of this OMM's own copy of the data; secrets only if it is encrypted."""
    has_secrets = bool(passphrase)
    with consistent_read(using) as connection:
        head = read_head(connection)
        header = Header(
            made_at=time_text(now),
            made_by=made_by,
            node=settings.OMM.address,
            lineage=head.lineage,
            head={"seq": head.seq, "hash": head.hash},
            models={
                label: _model(label, connection, has_secrets=has_secrets) for label in backed_up()
            },
            secrets=SECRETS_INSIDE if has_secrets else SECRETS_LEFT_OUT,
            release=VERSION,
        )
        write_backup(target, header, _rows(header, connection), passphrase=passphrase)
    return header


def _model(label: str, connection: BaseDatabaseWrapper, *, has_secrets: bool) -> dict[str, Any]:
    one = table(label, connection)
    hidden = frozenset() if has_secrets else registry.secret_fields(label)
    row = fetch_one(connection, f"SELECT COUNT(*) FROM {one.name}")  # noqa: S608 (a model's table)
    return {"count": int(row[0]) if row else 0, "fields": sorted(one.by_name.keys() - hidden)}


def _rows(header: Header, connection: BaseDatabaseWrapper) -> Iterator[tuple[str, str]]:
    for label, told in header.models.items():
        names = frozenset(told["fields"])
        for key, fields in all_rows(table(label, connection), connection):
            kept = {name: fields[name] for name in names}
            yield label, row_text(key, secrets_opened(label, key, kept))
