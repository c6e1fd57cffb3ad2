"""Making, taking in and removing back-ups; restoring from one that is stored here."""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import datetime
from typing import IO

from django.core.exceptions import ValidationError

from standby.backup import files
from standby.backup.errors import BackupError, NotABackup
from standby.backup.files import MANUAL, UPLOADED, Stored
from standby.backup.format import BackupReader
from standby.backup.making import make_backup
from standby.backup.planning import Choice, Plan, look_for_doubts, make_plan
from standby.backup.restoring import Restored, restore
from standby.backup.sealed import is_sealed
from standby.domain.sentence import say
from standby.journal import registry
from standby.validation import passphrase_problems
from standby.written import Conflict, Written


class CannotWrite(Conflict):
    """The file could not be written: disk full, no right, no such place."""

    def __init__(self, problem: OSError) -> None:
        why = os.strerror(problem.errno) if problem.errno else str(problem)
        super().__init__("cannot-write", say("The back-up cannot be written: %(why)s.", why=why))


def backup_make(*, now: datetime, actor: str, passphrase: str = "", kind: str = MANUAL) -> Stored:
    """Make a back-up and keep it here; raises ValidationError, Conflict, CannotWrite."""
    if passphrase and (problems := passphrase_problems(passphrase)):
        raise ValidationError({"passphrase": problems})
    try:
        with files.new_file(kind, now, is_encrypted=bool(passphrase)) as (file, made):
            make_backup(file, made_by=actor, now=now, passphrase=passphrase or None)
    except OSError as problem:
        raise CannotWrite(problem) from problem
    return _just_made(made)


def backup_take_in(*, chunks: Iterable[bytes], now: datetime) -> Stored:
    """Keep a file that somebody sends, if it is a back-up and whole.

    An encrypted one can only be looked at with its passphrase, later. Raises BackupError, Conflict,
    CannotWrite.
    """
    source = iter(chunks)
    first = next(source, b"")
    is_encrypted = is_sealed(first[:32])
    try:
        with files.new_file(UPLOADED, now, is_encrypted=is_encrypted) as (file, made):
            files.take_in(_again(first, source), file)
            if not is_encrypted:
                BackupReader(file).check()
    except OSError as problem:
        raise CannotWrite(problem) from problem
    return _just_made(made)


def _again(first: bytes, rest: Iterable[bytes]) -> Iterable[bytes]:
    yield first
    yield from rest


def _just_made(backup_id: str) -> Stored:
    found = files.stored(backup_id)
    if found is None:
        raise NotABackup(say("The back-up was removed in the meantime."))
    return found


def backup_plan(one: Stored, choice: Choice, *, passphrase: str = "") -> Plan:
    """What restoring would do; nothing is changed. Raises BackupError."""
    with _opened(one) as file:
        plan = make_plan(BackupReader(file, passphrase or None), choice)
    look_for_doubts(plan)
    return plan


def backup_restore(
    one: Stored, choice: Choice, *, passphrase: str = "", seen: str | None, actor: str
) -> Written[Restored]:
    """Restore as it was shown; raises BackupError, Outdated and what the journal raises."""
    with _opened(one) as file:
        return restore(BackupReader(file, passphrase or None), choice, seen=seen, actor=actor)


def _opened(one: Stored) -> IO[bytes]:
    try:
        return one.path.open("rb")
    except OSError as problem:
        why = os.strerror(problem.errno) if problem.errno else str(problem)
        raise BackupError(say("The file cannot be read: %(why)s.", why=why)) from problem


def unknown_models(labels: Iterable[str]) -> list[str]:
    """Those that no back-up holds."""
    return sorted(
        label
        for label in labels
        if (found := registry.find(label)) is None or found.backup.left_out
    )
