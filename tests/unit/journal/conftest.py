"""Two OMMs' databases in one process, with a table of every kind of field."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connections

from standby.journal import registry
from tests.gate import open_gate_at
from tests.unit.journal.nodes import Node, copies, database_at
from tests.unit.journal.sample import Sample

MakeNodes = Callable[..., AbstractContextManager[list[Node]]]


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory, django_db_blocker: Any) -> Path:
    """A migrated, empty database file."""
    path = tmp_path_factory.mktemp("template") / "template.sqlite3"
    with django_db_blocker.unblock(), database_at(path) as alias:
        call_command("migrate", database=alias, verbosity=0)
        connections[alias].close()
        with connections[alias].schema_editor() as editor:
            editor.create_model(Sample)
        with connections[alias].cursor() as cursor:
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return path


@pytest.fixture
def make_nodes(
    template: Path, omm: Any, tmp_path: Path, django_db_blocker: Any
) -> Iterator[MakeNodes]:
    """Makes empty databases of OMMs, under an open gate."""
    registry.register(Sample)
    gate = open_gate_at(omm.lease_path)
    try:
        with django_db_blocker.unblock():
            yield partial(copies, template, tmp_path / "nodes")
    finally:
        gate.stop()
        registry.unregister(Sample)


@pytest.fixture
def pair(make_nodes: MakeNodes) -> Iterator[tuple[Node, Node]]:
    """An active OMM that made the beginnings, and an empty standby."""
    with make_nodes() as (one, two):
        one.begin()
        yield one, two
