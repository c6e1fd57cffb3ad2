"""Copies of a database that lost a split, kept for a while in case a person wants to look."""

from __future__ import annotations

import datetime as dt
import logging
import sqlite3
import time
from pathlib import Path
from typing import Final

from django.conf import settings
from django.db import connections

from standby.domain.facts import Head
from standby.journal.database import ALIAS

log = logging.getLogger(__name__)
FOLDER: Final = "split-copies"
MAX_COPIES: Final = 10
MAX_AGE: Final = 30 * 24 * 3600.0
"""Seconds."""
MAX_BYTES: Final = 10**9
_STEP_PAGES: Final = 64


def folder() -> Path:
    """Where the copies are."""
    return Path(settings.OMM.data_dir) / FOLDER


def keep_copy(head: Head, *, using: str = ALIAS) -> Path | None:
    """Copy the database as it is before a roll-back; None when there is no copy.

    Never stops the repair: what the copy holds is set aside in the journal as well. A copy of the
    same head that is there already (a repair that was interrupted) is not made twice.
    """
    connection = connections[using]
    if connection.vendor != "sqlite":
        log.info("no copy of the database is kept before the roll-back: it is not SQLite")
        return None
    try:
        return _copy(head, str(connection.settings_dict["NAME"]))
    except (OSError, sqlite3.Error) as problem:
        log.warning("the database could not be copied before the roll-back: %s", problem)
        return None
    finally:
        prune()


def _copy(head: Head, source: str) -> Path:
    folder().mkdir(parents=True, exist_ok=True, mode=0o700)
    end = f"{head.seq}-{head.hash[:12]}.sqlite3"
    for present in folder().glob(f"*-{end}"):
        return present
    stamp = dt.datetime.now(dt.UTC).strftime("%Y%m%dT%H%M%SZ")
    path = folder() / f"{stamp}-{end}"
    draft = path.with_suffix(".part")
    draft.unlink(missing_ok=True)
    draft.touch(mode=0o600)
    try:
        _backup(source, draft)
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


def prune() -> None:
    """Delete copies that are too old, too many or together too large; the newest stay longest."""
    try:
        found = sorted(folder().glob("*.sqlite3"), reverse=True)
        total = 0
        for number, path in enumerate(found):
            state = path.stat()
            total += state.st_size
            is_old = time.time() - state.st_mtime > MAX_AGE
            if number >= MAX_COPIES or is_old or (total > MAX_BYTES and number > 0):
                path.unlink(missing_ok=True)
    except OSError as problem:
        log.warning("old copies of the database could not be deleted: %s", problem)
