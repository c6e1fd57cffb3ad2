"""``manage.py standby backup`` and ``restore --preview``."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from rfps.services import site_create
from standby import journal
from standby.backup import files, sealed
from tests.gate import OpenGate

pytestmark = pytest.mark.django_db(databases=["default", "live"])


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command("standby", *arguments, stdout=out)
    return out.getvalue()


def test_it_is_written_and_looked_at(
    open_gate: OpenGate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sealed, "LOG_N", 10)
    secret, target = tmp_path / "secret", tmp_path / "backup.enc"
    secret.write_text("correct horse battery\n")
    hidden = ("--passphrase-file", str(secret))
    run("backup", "--output", str(target), *hidden)
    assert target.stat().st_mode & 0o777 == 0o600
    site_create(name="New", actor="admin")
    head = journal.head()
    told = run("restore", str(target), "--preview", "--remove", *hidden)
    assert "rfps.site: 1 removed, 0 unchanged" in told
    assert journal.head() == head
    with pytest.raises(CommandError, match="passphrase is needed"):
        run("restore", str(target), "--preview")
    with pytest.raises(CommandError, match="cannot be written"):
        run("backup", "--output", str(target))
    assert "written:" in run("backup")
    assert files.stored_list()[0].kind == "manual"
