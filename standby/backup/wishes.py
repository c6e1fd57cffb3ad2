"""One row of a back-up as a model's row, held to the rules that it can be held to by itself."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.db import connections, models

from standby.domain.merge import VERSION, same
from standby.domain.sentence import join, say
from standby.journal import registry
from standby.journal.database import ALIAS
from standby.journal.errors import BadValue
from standby.journal.rows import Fields, Table, table
from standby.rules import row_problems


@dataclass(frozen=True, slots=True)
class Refused:
    """A row that is not restored, and why; ``fields`` tell which it is."""

    key: str
    reason: str
    fields: Fields | None = None


@dataclass(frozen=True, slots=True)
class Built:
    """A row to save, all fields that it has now (None: it is new), and those that differ."""

    row: models.Model
    was: Fields | None
    fields: Fields


def built(one: Table, key: str, before: Fields | None, wanted: Fields) -> Built | Refused:
    """The row with ``wanted`` set; Refused when a value is unfit or breaks a rule."""
    found = registry.find(one.label)
    if found is None:
        raise KeyError(one.label)
    told = {**(before or {}), **wanted}
    row = one.model(pk=uuid.UUID(key))
    missing: list[str] = []
    for column in one.columns:
        name = column.name
        try:
            if name in told:
                value = told[name]
                setattr(row, column.attname, _python(column, value))
            elif name != VERSION and not _has_default(column, found.secret):
                missing.append(name)
        except (BadValue, ValueError) as problem:
            return Refused(key, say("%(field)s: %(why)s", field=name, why=problem), told)
    if missing and not (found.backup.without_secret and set(missing) <= found.secret):
        text = say("The file does not tell its %(fields)s.", fields=", ".join(missing))
        return Refused(key, text, told)
    if missing and found.backup.without_secret:
        found.backup.without_secret(row)
    problems = (found.backup.problems or row_problems)(row)
    if problems:
        return Refused(key, _reason(problems), told)
    return Built(row, before, _altered(one, row, before))


def _python(column: Any, value: Any) -> Any:
    if value is None:
        if not column.field.null:
            raise BadValue("must not be null")
        return None
    return column.kind.from_json(value)


def _has_default(column: Any, secret: frozenset[str]) -> bool:
    """True when a new row needs not be told this field."""
    field = column.field
    return field.name not in secret and (field.has_default() or field.null or field.blank)


def _reason(problems: Any) -> str:
    texts = [
        say("%(field)s: %(texts)s", field=name, texts=" ".join(str(text) for text in found))
        for name, found in problems.items()
    ]
    return join(*texts)


def as_it_is(label: str, key: str, before: Fields) -> models.Model:
    """The row that holds these fields."""
    one = table(label, connections[ALIAS])
    values = {column.attname: _python(column, before[column.name]) for column in one.columns}
    return one.model(pk=uuid.UUID(key), **values)


def _altered(one: Table, row: models.Model, before: Fields | None) -> Fields:
    """What the row holds after it was tidied, where that differs from what was."""
    found: Fields = {}
    for column in one.columns:
        if column.name == VERSION:
            continue
        try:
            value = column.from_object(getattr(row, column.attname))
        except ValidationError as error:
            raise BadValue("; ".join(error.messages)) from None
        if before is None or not same(before[column.name], value):
            found[column.name] = value
    return found
