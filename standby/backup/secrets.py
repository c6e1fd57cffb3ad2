"""Sealed fields of rows: opened for an encrypted back-up, so that another pair can take them in."""

from __future__ import annotations

import uuid
from collections.abc import Callable

from django.db import models

from standby import keyring
from standby.fields import secret_names
from standby.journal import registry
from standby.journal.rows import Fields
from standby.keyring import Unreadable


def secrets_opened(label: str, key: str, fields: Fields) -> Fields:
    """The row with its sealed texts as people typed them; one that cannot be opened is null."""

    def opened(row: models.Model, name: str) -> str | None:
        try:
            return keyring.reveal(row, name)
        except Unreadable:
            return None

    return _each(label, key, fields, opened)


def secrets_sealed(label: str, key: str, fields: Fields) -> Fields:
    """The row with its secrets sealed as this pair does; what is null is left out.

    Raises Unreadable when this OMM has no key for that.
    """

    def sealed(row: models.Model, name: str) -> str | None:
        value = fields[name]
        return keyring.sealed_alike(row, name, value) if isinstance(value, str) else None

    found = _each(label, key, fields, sealed)
    hidden = _names(label)
    return {name: value for name, value in found.items() if value is not None or name not in hidden}


def _each(
    label: str, key: str, fields: Fields, made: Callable[[models.Model, str], str | None]
) -> Fields:
    names = _names(label) & fields.keys()
    found = registry.find(label)
    if not names or found is None:
        return fields
    texts = {name: fields[name] or "" for name in names}
    row = found.model(pk=uuid.UUID(key), **texts)
    return {**fields, **{name: made(row, name) for name in names}}


def _names(label: str) -> frozenset[str]:
    found = registry.find(label)
    return secret_names(found.model) if found else frozenset()
