"""Databases of several OMMs in one process, each under its own alias."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from copy import deepcopy
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from django.db import connections
from django.db.models import Model

from standby import journal
from standby.journal import WireEntry
from standby.journal.database import fetch

_numbers = count()


@contextmanager
def database_at(path: Path) -> Iterator[str]:
    """An alias for the SQLite file ``path``, for as long as the block lasts."""
    with database_of({**connections.settings["default"], "NAME": str(path)}) as alias:
        yield alias


@contextmanager
def database_of(settings: dict[str, Any]) -> Iterator[str]:
    """An alias for a database with these settings, for as long as the block lasts."""
    alias = f"node{next(_numbers)}"
    connections.settings[alias] = connections.configure_settings(
        {"default": {}, alias: deepcopy(settings)}
    )[alias]
    try:
        yield alias
    finally:
        connections[alias].close()
        if connections[alias].vendor == "postgresql":
            connections[alias].close_pool()
        del connections[alias]
        del connections.settings[alias]


@dataclass(frozen=True)
class Node:
    """One OMM's database."""

    alias: str
    path: Path

    def change(self, **options: Any) -> Any:
        return journal.change(**{"actor": "admin", "source": "web", **options}, using=self.alias)

    def save(self, *objs: Model) -> None:
        with self.change() as made:
            made.save_all(objs)

    def delete(self, *objs: Model) -> None:
        with self.change() as made:
            made.delete_all(objs)

    def rows(self, model: type[Model]) -> Any:
        return model._base_manager.using(self.alias)

    @property
    def head(self) -> journal.Head:
        return journal.head(using=self.alias)

    @property
    def digest(self) -> str:
        return journal.table_digest(using=self.alias)

    @property
    def entries(self) -> list[WireEntry]:
        return journal.read_batch(0, 10**9, using=self.alias).entries

    def begin(self, term: int = 1) -> None:
        journal.fence_open(term, using=self.alias)

    def demote(self) -> None:
        journal.fence_close(using=self.alias)

    def fetch_from(self, other: Node, max_bytes: int = 10**6) -> None:
        """Catch up with the other, batch by batch, as the runtime does."""
        while True:
            at = journal.staged_end(using=self.alias)[0]
            batch = journal.read_batch(at, max_bytes, using=other.alias)
            if not batch.entries:
                return
            journal.apply(batch, using=self.alias)

    def stage(self, transfer: str, parts: Iterator[str]) -> None:
        for index, part in enumerate(parts):
            journal.stage_part(transfer, index, part, using=self.alias)

    def dump(self) -> dict[str, list[tuple[Any, ...]]]:
        """All raw rows of the database but for the node-local marks, and for samples: the text of
        their JSON may have another order of members (the digest compares them)."""
        connection = connections[self.alias]
        left_out = {
            "standby_fence",
            "standby_peermark",
            "django_migrations",
            "journal_tests_sample",
        }
        return {
            name: sorted(fetch(connection, f'SELECT * FROM "{name}"'), key=repr)
            for name in connection.introspection.table_names()
            if name not in left_out
        }


@contextmanager
def copies(template: Path, folder: Path, amount: int = 2) -> Iterator[list[Node]]:
    """So many databases like the template."""
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        nodes = []
        for _ in range(amount):
            path = folder / f"{next(_numbers)}.sqlite3"
            shutil.copy(template, path)
            nodes.append(Node(stack.enter_context(database_at(path)), path))
        yield nodes
    for node in nodes:
        for path in folder.glob(f"{node.path.name}*"):
            path.unlink()
