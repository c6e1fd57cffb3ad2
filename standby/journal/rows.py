"""Rows of journalled tables as canonical JSON, and the statements that write them.

Plain SQL on purpose: applying a journal must not pay for model instances and signals, and what is
journalled are the values that the database gives back.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper

from standby.domain.sentence import say
from standby.journal import registry
from standby.journal.canonical import dumps
from standby.journal.errors import BadEntry, BadValue, Diverged, UnknownModelOrField
from standby.journal.kinds import Kind, kind_of

Fields = dict[str, Any]
"""Field name to canonical JSON value."""
CHUNK = 200
"""Rows per statement or step: short enough not to hold the interpreter."""


_MISSING = object()


class Statement(NamedTuple):
    """One SQL statement that must touch exactly one row."""

    sql: str
    params: tuple[Any, ...]
    label: str


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a journalled table."""

    name: str
    attname: str
    column: str
    field: models.Field[Any, Any]
    kind: Kind
    converters: tuple[Callable[..., Any], ...]
    expression: Any

    def from_database(self, value: Any, connection: BaseDatabaseWrapper) -> Any:
        """Canonical JSON of what the driver gave."""
        for convert in self.converters:
            value = convert(value, self.expression, connection)
        return None if value is None else self.kind.to_json(value)

    def from_object(self, value: Any) -> Any:
        """Canonical JSON of an attribute's value; raises BadValue or the field's own error."""
        if hasattr(value, "resolve_expression"):
            raise BadValue(f"{self.name}: a database expression cannot be journalled")
        value = self._target().to_python(value)
        return None if value is None else self.kind.to_json(value)

    def to_database(self, value: Any, connection: BaseDatabaseWrapper) -> Any:
        """The driver's value of canonical JSON; raises BadValue for another type."""
        if value is None:
            if not self.field.null:
                raise BadValue(f"{self.name}: must not be null")
            return None
        python = self.kind.from_json(value)
        if self.kind.direct:
            return python
        return self.field.get_db_prep_save(python, connection)

    def default(self) -> Any:
        """What the field holds in rows from before it existed; raises KeyError when unknown."""
        if self.field.has_default() and not callable(self.field.default):
            return self.from_object(self.field.get_default())
        if self.field.null:
            return None
        raise KeyError(self.name)

    def _target(self) -> models.Field[Any, Any]:
        if isinstance(self.field, models.ForeignKey):
            target: models.Field[Any, Any] = self.field.target_field
            return target
        return self.field


class Table:
    """A journalled model on one kind of database."""

    def __init__(self, model: registry.Model, connection: BaseDatabaseWrapper) -> None:
        self.model = model
        self.label = model._meta.label_lower
        self._quote = connection.ops.quote_name
        self.name = self._quote(model._meta.db_table)
        fields = model._meta.concrete_fields
        self.pk = _column(model._meta.pk, connection)
        self.columns = tuple(_column(each, connection) for each in fields if not each.primary_key)
        self.by_name = {column.name: column for column in self.columns}
        everything = (self.pk, *self.columns)
        self._list = ", ".join(self._quote(column.column) for column in everything)
        marks = ", ".join(["%s"] * len(everything))
        self._pk_is = f"{self._quote(self.pk.column)} = %s"
        self.select = f"SELECT {self._list} FROM {self.name}"
        self.select_ordered = f"{self.select} ORDER BY {self._quote(self.pk.column)}"
        self._insert = f"INSERT INTO {self.name} ({self._list}) VALUES ({marks})"
        self._delete = f"DELETE FROM {self.name} WHERE {self._pk_is}"
        self.returning = f" RETURNING {self._list}"

    def fields_of(self, row: Sequence[Any], connection: BaseDatabaseWrapper) -> tuple[str, Fields]:
        """The primary key as text and the other fields of a row of the select list."""
        key = self.pk.from_database(row[0], connection)
        pairs = zip(self.columns, row[1:], strict=True)
        return key, {each.name: each.from_database(value, connection) for each, value in pairs}

    def read(self, keys: Iterable[Any], connection: BaseDatabaseWrapper) -> dict[str, Fields]:
        """The rows with these primary keys, by primary key text; what is missing is left out."""
        wanted = [self.pk.to_database(str(key), connection) for key in keys]
        found: dict[str, Fields] = {}
        for start in range(0, len(wanted), CHUNK):
            part = wanted[start : start + CHUNK]
            marks = ", ".join(["%s"] * len(part))
            sql = f"{self.select} WHERE {self._quote(self.pk.column)} IN ({marks})"
            with connection.cursor() as cursor:
                cursor.execute(sql, part)
                found.update(self.fields_of(row, connection) for row in cursor.fetchall())
        return found

    def instance(self, key: str, fields: Fields) -> models.Model:
        """The row as an object of its model, as if it had been read."""
        pairs = [(self.pk, key), *((each, fields[each.name]) for each in self.columns)]
        values = {
            column.attname: None if value is None else column.kind.from_json(value)
            for column, value in pairs
        }
        names = [field.attname for field in self.model._meta.concrete_fields]
        return self.model.from_db(None, names, [values[name] for name in names])

    def insert(self, key: str, values: Fields, connection: BaseDatabaseWrapper) -> Statement:
        """Make a row of all its fields; those that ``values`` lacks get their default."""
        self._refuse_unknown(values)
        params = [self._param(self.pk, key, connection)]
        for column in self.columns:
            value = values.get(column.name, _MISSING)
            if type(value) is not column.kind.plain:  # the short way for most: this loop is hot
                value = self._param(column, self._known(column, value), connection)
            params.append(value)
        return Statement(self._insert, tuple(params), self.label)

    def update(self, key: str, values: Fields, connection: BaseDatabaseWrapper) -> Statement:
        """Set some fields of a row."""
        self._refuse_unknown(values)
        if not values:
            raise BadEntry(f"{self.label}: an update without fields")
        names = sorted(values)
        params = [self._param(self.by_name[name], values[name], connection) for name in names]
        sets = ", ".join(f"{self._quote(self.by_name[name].column)} = %s" for name in names)
        sql = f"UPDATE {self.name} SET {sets} WHERE {self._pk_is}"
        return Statement(sql, (*params, self._param(self.pk, key, connection)), self.label)

    def delete(self, key: str, connection: BaseDatabaseWrapper) -> Statement:
        """Take a row away."""
        return Statement(self._delete, (self._param(self.pk, key, connection),), self.label)

    def _known(self, column: Column, value: Any) -> Any:
        if value is not _MISSING:
            return value
        try:
            return column.default()
        except KeyError:
            names = {"model": self.label, "field": column.name}
            text = say("%(model)s lacks %(field)s on the other OMM", **names)
            raise UnknownModelOrField(text) from None

    def _param(self, column: Column, value: Any, connection: BaseDatabaseWrapper) -> Any:
        try:
            return column.to_database(value, connection)
        except BadValue as problem:
            raise BadEntry(f"{self.label}.{column.name}: {problem}") from None

    def _refuse_unknown(self, values: Mapping[str, Any]) -> None:
        unknown = sorted(values.keys() - self.by_name.keys())
        if unknown:
            field = f"{self.label}.{unknown[0]}"
            raise UnknownModelOrField(say("unknown field %(field)s", field=field))


def _column(field: models.Field[Any, Any], connection: BaseDatabaseWrapper) -> Column:
    kind = kind_of(field)
    if kind is None:
        raise TypeError(f"{field} is of a kind that cannot be journalled")
    expression = field.get_col(field.model._meta.db_table)
    converters = (
        *connection.ops.get_db_converters(expression),
        *expression.get_db_converters(connection),
    )
    return Column(field.name, field.attname, str(field.column), field, kind, converters, expression)


_tables: dict[tuple[str, str, int], Table] = {}


def table(label: str, connection: BaseDatabaseWrapper) -> Table:
    """The table of a journalled model; raises UnknownModelOrField for any other name."""
    key = (label, connection.vendor, registry.generation())
    if key not in _tables:
        found = registry.find(label)
        if found is None:
            raise UnknownModelOrField(say("unknown model %(model)s", model=label))
        _tables[key] = Table(found.model, connection)
    return _tables[key]


def row_text(key: str, fields: Fields) -> str:
    """One row as canonical JSON; the primary key is the member "id"."""
    return dumps({**fields, "id": key})


def all_rows(one: Table, connection: BaseDatabaseWrapper) -> Iterator[tuple[str, Fields]]:
    """The key and the other fields of all rows of a table, ordered by primary key."""
    with connection.cursor() as cursor:
        cursor.execute(one.select_ordered)
        while rows := cursor.fetchmany(CHUNK):
            for row in rows:
                yield one.fields_of(row, connection)


def row_texts(one: Table, connection: BaseDatabaseWrapper) -> Iterator[str]:
    """All rows of a table as canonical JSON, ordered by primary key."""
    for key, fields in all_rows(one, connection):
        yield row_text(key, fields)


class RowWriter:
    """Executes statements in order, runs of the same one as one call to the driver."""

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        self._connection = connection
        self._sql = ""
        self._label = ""
        self._params: list[tuple[Any, ...]] = []

    def add(self, statement: Statement) -> None:
        """Put one more at the end."""
        if statement.sql != self._sql or len(self._params) >= CHUNK:
            self.flush()
            self._sql, self._label = statement.sql, statement.label
        self._params.append(statement.params)

    def flush(self) -> None:
        """Execute what is waiting; raises Diverged when a row is not there."""
        if not self._params:
            return
        params, self._params = self._params, []
        with self._connection.cursor() as cursor:
            cursor.executemany(self._sql, params)
            if cursor.rowcount != len(params):
                raise Diverged(
                    f"{self._label}: {cursor.rowcount} rows instead of {len(params)} were touched"
                )


_UUID = re.compile("[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)


def is_uuid(text: Any) -> bool:
    """True for the canonical text of a UUID."""
    return isinstance(text, str) and _UUID.fullmatch(text) is not None
