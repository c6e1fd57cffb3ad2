"""The copy of a loser's database is downloaded whole, by those who may, and never unnoticed."""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from omm_portal.accounts.models import User
from omm_portal.accounts.services import token_create, user_create
from standby import journal, split_copies
from standby.journal import copies
from standby.link import control
from standby.models import Event, Split
from tests.unit.pages.conftest import client_of

pytestmark = [
    pytest.mark.django_db(transaction=True, databases=["default", "live"]),
    pytest.mark.usefixtures("open_gate"),
    pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume:Warning"),
]
NAME = "20260101T020304Z-17-0123456789ab.sqlite3"
CONTENT = bytes(range(256)) * 3000


@pytest.fixture
def split(admin: User) -> Split:
    now = timezone.now()
    row = Split(
        winner="10.0.0.10", loser="10.0.0.9", term=2, ended_at=now, common=1, loser_changes=0
    )
    row.pk, row.copy = journal.split_id("10.0.0.9", 1, "x"), NAME
    with journal.change(actor="system", source="system") as change:
        change.save(row)
    return row


@pytest.fixture
def file(settings: Any, tmp_path: Path) -> Path:
    """The copy lies here."""
    copies.folder().mkdir(parents=True, exist_ok=True)
    path = copies.folder() / NAME
    path.write_bytes(CONTENT)
    return path


def whole(answer: Any) -> bytes:
    return b"".join(answer)


def test_the_page_leads_to_the_file(split: Split, file: Path, admin: User) -> None:
    browser = client_of(admin)
    path = f"/splits/{split.pk}/copy/"
    assert path in browser.get(f"/splits/{split.pk}/").content.decode()
    answer = browser.get(path)
    assert whole(answer) == CONTENT
    assert answer["Content-Disposition"] == f'attachment; filename="omm-10.0.0.9-{NAME}"'
    assert (answer["Content-Length"], answer["Cache-Control"]) == (str(len(CONTENT)), "no-store")
    event = Event.objects.get(code="split_copy")
    assert "admin downloads the copy of the database of 10.0.0.9" in event.message
    assert event.details["split"] == str(split.pk)


def test_only_full_access_gets_it(split: Split, file: Path) -> None:
    reader = user_create(
        values={"username": "reader", "role": "read"}, password="a-long-password", actor="admin"
    ).value
    browser = client_of(reader)
    assert "/copy/" not in browser.get(f"/splits/{split.pk}/").content.decode()
    assert browser.get(f"/splits/{split.pk}/copy/").status_code == 403
    assert rest(reader).get(f"/api/v1/splits/{split.pk}/copy/").status_code == 403
    assert Client(headers={"host": "127.0.0.1"}).get(f"/splits/{split.pk}/copy/").status_code == 302
    assert not Event.objects.filter(code="split_copy").exists()


def rest(user: User) -> Client:
    key = token_create(user=user, now=timezone.now()).value.key
    return Client(headers={"host": "127.0.0.1", "authorization": f"Token {key}"})


def test_one_that_lies_on_the_other_omm_comes_in_pieces(
    split: Split, admin: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def call(_path: Path, message: dict[str, Any], _timeout: float) -> dict[str, Any]:
        asked.append(message["offset"])
        data = CONTENT[message["offset"] :][:100_000]
        found = {"ok": True, "size": len(CONTENT), "data": base64.b64encode(data).decode()}
        return found if message["name"] == NAME else {"ok": False}

    monkeypatch.setattr(control, "call", call)
    assert whole(rest(admin).get(f"/api/v1/splits/{split.pk}/copy/")) == CONTENT
    assert len(asked) == 1 + 8


@pytest.mark.parametrize("gone", [True, False])
def test_one_that_cannot_be_had_says_why(
    split: Split, admin: User, gone: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    reason = "There is no such copy any more."
    monkeypatch.setattr(control, "call", lambda *_: {"ok": False, "reason": reason})
    if not gone:
        reason = "No copy of the database was kept at this split."
        split.copy = ""
        with journal.change(actor="system", source="system") as change:
            change.save(split)
    shown = client_of(admin).get(f"/splits/{split.pk}/copy/", follow=True)
    assert reason in shown.content.decode()
    answer = rest(admin).get(f"/api/v1/splits/{split.pk}/copy/")
    assert (answer.status_code, answer.json()["type"]) == (409, "no-copy")
    assert not Event.objects.filter(code="split_copy").exists()


@pytest.mark.parametrize(
    "name", ["../omm.sqlite3", "/etc/passwd", f"{NAME}.part", f"x/{NAME}", "", f"{NAME}\n"]
)
def test_no_other_file_is_given_out(file: Path, name: str) -> None:
    (copies.folder() / f"{NAME}.part").touch()
    assert copies.find(name) is None
    assert copies.find(NAME) == file


def test_memory_holds_one_piece_at_a_time() -> None:
    """Ten gigabytes are read as they are taken, not before."""
    read: list[int] = []

    def piece(offset: int) -> bytes:
        read.append(offset)
        return b"x" * 1000

    async def take() -> None:
        pieces = split_copies._pieces(split_copies.Copy(NAME, 10**10, piece))
        for count in range(1, 4):
            assert len(await anext(pieces)) == 1000
            assert len(read) == count

    asyncio.run(take())


def test_a_file_that_shrinks_meanwhile_ends_the_answer() -> None:
    async def take() -> list[bytes]:
        cut = split_copies.Copy(NAME, 10, lambda offset: b"12345"[offset:])
        return [each async for each in split_copies._pieces(cut)]

    with pytest.raises(split_copies.NoCopy):
        asyncio.run(take())
