"""The back-ups that this OMM keeps: files of its own data directory, never in parts.

A file gets its name when it is whole and on the disk. Its name tells when and how it was made.
"""

from __future__ import annotations

import os
import re
import secrets
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Final

from django.conf import settings
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from standby.backup.errors import TooLarge
from standby.backup.format import MAX_FILE
from standby.domain.sentence import say
from standby.written import Conflict

MANUAL, SCHEDULED, UPLOADED = "manual", "scheduled", "uploaded"
KINDS: dict[str, str | Promise] = {
    MANUAL: _("made by hand"),
    SCHEDULED: _("made by schedule"),
    UPLOADED: _("taken in"),
}
MOST_KEPT: Final = 100
"""Files that are neither scheduled ones nor removed by anybody; nobody else removes them."""
PART_LIVES: Final = 3600
"""Seconds after which a file that was never finished is dropped."""
_NAME = re.compile(
    r"omm-backup-(?P<id>(?P<at>\d{8}T\d{6}Z)-(?P<kind>manual|scheduled|uploaded)-[0-9a-f]{8})"
    r"\.jsonl\.xz(?P<sealed>\.enc)?",
    re.ASCII,
)
_TIME = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True, slots=True)
class Stored:
    """A back-up on this OMM's disk."""

    id: str
    path: Path
    made_at: datetime
    kind: str
    size: int
    is_encrypted: bool

    @property
    def how(self) -> str | Promise:
        """How it came here, for people."""
        return KINDS[self.kind]

    @property
    def name(self) -> str:
        """The name of the file."""
        return self.path.name


def folder() -> Path:
    """Where they are."""
    return Path(settings.OMM.data_dir) / "backups"


def stored_list() -> list[Stored]:
    """All of them, the newest first."""
    try:
        entries = list(os.scandir(folder()))
    except FileNotFoundError:
        return []
    found = [one for entry in entries if (one := _stored(Path(entry.path))) is not None]
    return sorted(found, key=lambda one: (one.made_at, one.id), reverse=True)


def stored(backup_id: str) -> Stored | None:
    """The one of this id; None when there is none."""
    return next((one for one in stored_list() if one.id == backup_id), None)


def _stored(path: Path) -> Stored | None:
    parts = _NAME.fullmatch(path.name)
    if parts is None:
        return None
    try:
        made_at = datetime.strptime(parts["at"], _TIME).replace(tzinfo=UTC)
        size = path.stat().st_size
    except (ValueError, FileNotFoundError):
        return None
    return Stored(parts["id"], path, made_at, parts["kind"], size, bool(parts["sealed"]))


@contextmanager
def new_file(kind: str, now: datetime, *, is_encrypted: bool) -> Iterator[tuple[IO[bytes], str]]:
    """A file and its id; it is kept once the block is left without an error."""
    target = folder()
    target.mkdir(mode=0o700, parents=True, exist_ok=True)
    if kind != SCHEDULED and sum(one.kind != SCHEDULED for one in stored_list()) >= MOST_KEPT:
        text = say("There are %(count)s back-ups already: remove some first.", count=MOST_KEPT)
        raise Conflict("limit", text)
    backup_id = f"{now.astimezone(UTC).strftime(_TIME)}-{kind}-{secrets.token_hex(4)}"
    part = target / f".part-{backup_id}"
    descriptor = os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w+b") as file:
            yield file, backup_id
            file.flush()
            os.fsync(file.fileno())
        ending = ".jsonl.xz.enc" if is_encrypted else ".jsonl.xz"
        part.rename(target / f"omm-backup-{backup_id}{ending}")
        _sync(target)
    finally:
        part.unlink(missing_ok=True)


def take_in(chunks: Iterable[bytes], file: IO[bytes]) -> None:
    """Write what somebody sends; raises TooLarge."""
    size = 0
    for chunk in chunks:
        size += len(chunk)
        if size > MAX_FILE:
            raise TooLarge(
                say("The file has more than %(size)s MiB.", size=MAX_FILE // 1024 // 1024)
            )
        file.write(chunk)
    file.seek(0)


def remove(one: Stored) -> None:
    """Remove a back-up; one that is gone already is no error."""
    one.path.unlink(missing_ok=True)
    _sync(folder())


def clean_up(now: datetime, *, keep: int, days: int) -> None:
    """Keep at most so many scheduled back-ups, none older than so many days, the newest always.

    Others are never removed; what was left unfinished is.
    """
    scheduled = [one for one in stored_list() if one.kind == SCHEDULED]
    oldest = now - timedelta(days=days)
    for number, one in enumerate(scheduled):
        if number > 0 and (number >= keep or one.made_at < oldest):
            one.path.unlink(missing_ok=True)
    for path in folder().glob(".part-*"):
        if time.time() - path.stat().st_mtime > PART_LIVES:
            path.unlink(missing_ok=True)


def _sync(target: Path) -> None:
    descriptor = os.open(target, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
