"""Back-ups from a host's shell: one is written, or what a file holds is shown."""

from __future__ import annotations

import getpass
import os
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError
from django.utils import timezone

from standby.backup.format import BackupReader
from standby.backup.making import make_backup
from standby.backup.planning import Choice, make_plan
from standby.backup.presenting import plan_document
from standby.backup.services import backup_make
from standby.validation import passphrase_problems
from standby.written import Conflict

Answer = dict[str, Any]


def add_arguments(actions: Any) -> None:
    """The two sub-commands; a passphrase is never an argument."""
    backup = actions.add_parser("backup", help="make a back-up of this OMM's data")
    backup.add_argument("--output", type=Path, metavar="FILE", help="else kept with the others")
    restore = actions.add_parser("restore", help="show what a back-up would change")
    restore.add_argument("file", type=Path)
    restore.add_argument("--preview", action="store_true", required=True)
    restore.add_argument("--remove", action="store_true", help="also what the file does not have")
    for parser in (backup, restore):
        secret = parser.add_mutually_exclusive_group()
        secret.add_argument("--passphrase-file", type=Path, metavar="FILE")
        secret.add_argument("--ask-passphrase", action="store_true")
        parser.add_argument("--json", action="store_true", help="print the answer as JSON")


def passphrase_of(options: dict[str, Any]) -> str:
    """From the file or the prompt; empty: none."""
    if options["ask_passphrase"]:
        return getpass.getpass("Passphrase: ")
    if options["passphrase_file"] is None:
        return ""
    try:
        text: str = options["passphrase_file"].read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        raise CommandError(f"the passphrase cannot be read: {problem}") from None
    return text.removesuffix("\n").removesuffix("\r")


def backup(options: dict[str, Any], actor: str) -> Answer:
    """Write a back-up; raises CommandError."""
    passphrase, output = passphrase_of(options), options["output"]
    problems = passphrase_problems(passphrase) if passphrase else []
    if problems:
        raise CommandError(f"the passphrase: {' '.join(problems)}")
    try:
        if output is None:
            one = backup_make(now=timezone.now(), actor=actor, passphrase=passphrase)
            return {"ok": True, "reason": f"written: {one.path}"}
        with open(output, "xb", opener=_private) as file:
            make_backup(file, made_by=actor, now=timezone.now(), passphrase=passphrase or None)
    except OSError as problem:
        raise CommandError(f"the back-up cannot be written: {problem}") from None
    except Conflict as problem:
        raise CommandError(problem.reason) from None
    except ValidationError as problem:
        raise CommandError("; ".join(problem.messages)) from None
    return {"ok": True, "reason": f"written: {output}"}


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def preview(options: dict[str, Any]) -> Answer:
    """What restoring the file would do; raises CommandError."""
    try:
        with options["file"].open("rb") as file:
            reader = BackupReader(file, passphrase_of(options) or None)
            plan = make_plan(reader, Choice(remove=options["remove"]))
    except OSError as problem:
        raise CommandError(f"the file cannot be read: {problem}") from None
    except Conflict as problem:
        raise CommandError(problem.reason) from None
    document = plan_document(plan)
    lines = [f"made {document['made_at']} by {document['made_by']} on {document['node']}"]
    lines += [_line(model) for model in document["models"] if model["chosen"]]
    return {"ok": True, "reason": "\n".join(lines), "document": document}


def _line(model: Answer) -> str:
    counts = model["counts"]
    told = ", ".join(f"{number} {word}" for word, number in counts.items() if number)
    return f"{model['model']}: {told or 'nothing'}, {model['unchanged']} unchanged"
