"""Copies of a database that lost a split, kept for a while in case a person wants to look."""

from __future__ import annotations

import datetime as dt
import logging
import lzma
import re
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from django.conf import settings
from django.db import DatabaseError, connections

from standby.domain.facts import Head
from standby.journal.database import ALIAS
from standby.journal.snapshot import snapshot_parts

log = logging.getLogger(__name__)
FOLDER: Final = "split-copies"
MAX_COPIES: Final = 10
MAX_AGE: Final = 30 * 24 * 3600.0
"""Seconds."""
MAX_BYTES: Final = 10**9
SQLITE: Final = ".sqlite3"
LINES: Final = ".jsonl.xz"
"""Of a database that cannot be copied as a file (PostgreSQL)."""
_STEP_PAGES: Final = 64
_NAME: Final = re.compile(r"[0-9TZ]{16}-[0-9]{1,19}-[0-9a-f]{12}(\.sqlite3|\.jsonl\.xz)", re.ASCII)


def folder() -> Path:
    """Where the copies are."""
    return Path(settings.OMM.data_dir) / FOLDER


def keep_copy(head: Head, *, using: str = ALIAS) -> Path | None:
    """Copy the database as it is before a roll-back; None when there is no copy.

    Never stops the repair: what the copy holds is set aside in the journal as well. A copy of the
    same head that is there already (a repair that was interrupted) is not made twice.
    """
    connection = connections[using]
    try:
        if connection.vendor == "sqlite":
            source = str(connection.settings_dict["NAME"])
            return _copy(head, SQLITE, lambda target: _backup(source, target))
        return _copy(head, LINES, lambda target: _dump(target, using))
    except (OSError, sqlite3.Error, DatabaseError) as problem:
        log.warning("the database could not be copied before the roll-back: %s", problem)
        return None
    finally:
        prune()


def _copy(head: Head, ending: str, write: Callable[[Path], None]) -> Path:
    folder().mkdir(parents=True, exist_ok=True, mode=0o700)
    end = f"{head.seq}-{head.hash[:12]}{ending}"
    for present in folder().glob(f"*-{end}"):
        return present
    stamp = dt.datetime.now(dt.UTC).strftime("%Y%m%dT%H%M%SZ")
    path = folder() / f"{stamp}-{end}"
    draft = path.with_name(f"{path.name}.part")
    draft.unlink(missing_ok=True)
    draft.touch(mode=0o600)
    try:
        write(draft)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    return path


def _backup(source: str, target: Path) -> None:
    origin = sqlite3.connect(source, uri=source.startswith("file:"))
    try:
        copy = sqlite3.connect(target)
        try:
            origin.backup(copy, pages=_STEP_PAGES, sleep=0)
        finally:
            copy.close()
    finally:
        origin.close()


def _dump(target: Path, using: str) -> None:
    """All configured rows and the journal, as the parts of a snapshot: a line of JSON each."""
    with lzma.open(target, "wt", encoding="utf-8", preset=1) as out:
        for part in snapshot_parts(using=using):
            out.write(f"{part}\n")


def find(name: str) -> Path | None:
    """The copy of this name; None for any other file and for one that is gone."""
    if not _NAME.fullmatch(name):
        return None
    path = folder() / name
    return path if path.is_file() else None


def part(path: Path, offset: int, size: int) -> bytes:
    """A piece of a copy; empty behind its end. Raises OSError."""
    with path.open("rb") as file:
        file.seek(offset)
        return file.read(size)


def prune() -> None:
    """Delete copies that are too old, too many or together too large; the newest stay longest."""
    try:
        every = [path for ending in (SQLITE, LINES) for path in folder().glob(f"*{ending}")]
        found = sorted(every, reverse=True)
        total = 0
        for number, path in enumerate(found):
            state = path.stat()
            total += state.st_size
            is_old = time.time() - state.st_mtime > MAX_AGE
            if number >= MAX_COPIES or is_old or (total > MAX_BYTES and number > 0):
                path.unlink(missing_ok=True)
    except OSError as problem:
        log.warning("old copies of the database could not be deleted: %s", problem)
