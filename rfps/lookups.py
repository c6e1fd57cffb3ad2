"""Rows whose keys another database named, thousands of them, in one parameter.

``pk__in`` has a parameter for each key: with 4,096 of them preparing the statement takes longer
than running it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Lookup, UUIDField
from django.db.models.sql.compiler import SQLCompiler

Parts = tuple[str, Sequence[Any]]


@UUIDField.register_lookup
class Among(Lookup):
    """``pk__among=[...]``: the keys as texts of 32 hexadecimal digits."""

    lookup_name = "among"
    prepare_rhs = False

    def as_sqlite(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> Parts:
        """SQLite keeps keys as such texts."""
        column, params = self.process_lhs(compiler, connection)
        keys = json.dumps(list(self.rhs))
        return f"{column} IN (SELECT value FROM json_each(%s))", [*params, keys]  # noqa: S608

    def as_postgresql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> Parts:
        """PostgreSQL has a type of its own for them."""
        column, params = self.process_lhs(compiler, connection)
        return f"{column} = ANY(%s::uuid[])", [*params, list(self.rhs)]
