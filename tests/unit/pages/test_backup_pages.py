"""Pages of back-ups: nothing is restored that was not shown, and nothing is told that is secret."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from omm_portal.accounts.models import User
from rfps.models import Site
from rfps.services import site_create, site_delete, site_update
from standby.backup import files, sealed
from standby.backup.files import Stored
from standby.models import JournalEntry

pytestmark = pytest.mark.django_db(databases=["default", "live"])
PASSPHRASE = "correct horse battery"


@pytest.fixture(autouse=True)
def _quick_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealed, "LOG_N", 10)


@pytest.fixture
def site(admin: User) -> Site:
    return site_create(name="North", actor="admin").value


def made(browser: Client, passphrase: str = "", again: str | None = None) -> Stored:
    sent = {"passphrase": passphrase, "again": passphrase if again is None else again}
    answer = browser.post("/backups/new/", sent, follow=True)
    assert answer.redirect_chain == [("/backups/", 302)], answer.content.decode()
    assert "Keep a copy of the file elsewhere" in answer.content.decode()
    return files.stored_list()[0]


def text_of(answer: Any) -> str:
    return re.sub(r"\s+", " ", answer.content.decode())


def seen_of(page: str) -> str:
    found = re.search(r'name="seen" value="([^"]+)"', page)
    assert found
    return found[1]


def test_it_is_made_listed_downloaded_and_removed(browser: Client, site: Site) -> None:
    one = made(browser)
    page = browser.get("/backups/").content.decode()
    assert "made by hand" in page
    assert "without secrets" in page
    answer = browser.get(f"/backups/{one.id}/file/")
    data = b"".join(answer.streaming_content)  # type: ignore[attr-defined]
    assert len(data) == one.size
    sent = {"file": SimpleUploadedFile("x.bin", data)}
    answer = browser.post("/backups/upload/", sent, follow=True)
    assert "The file is whole" in answer.content.decode()
    assert files.stored_list()[0].kind == "uploaded"
    asked = browser.get(f"/backups/{one.id}/delete/").content.decode()
    assert one.name in asked
    browser.post(f"/backups/{one.id}/delete/")
    assert files.stored(one.id) is None
    assert browser.get(f"/backups/{one.id}/").status_code == 404


def test_what_is_shown_is_restored(browser: Client, site: Site) -> None:
    one = made(browser)
    site_update(site=site, name="South", actor="admin")
    new = site_create(name="New", actor="admin").value
    page = text_of(browser.get(f"/backups/{one.id}/"))
    assert "0 added, 1 changed, 0 removed" in page
    assert "<del>South</del>" in page
    shown = browser.post(f"/backups/{one.id}/", {"rfps_site": "on", "remove": "on", "show": ""})
    assert "0 added, 1 changed, 1 removed" in text_of(shown)
    sent = {"rfps_site": "on", "remove": "on", "seen": seen_of(text_of(shown)), "restore": ""}
    site_update(site=new, name="Newer", actor="admin")
    answer = browser.post(f"/backups/{one.id}/", sent)
    assert "Nothing was restored" in text_of(answer)
    assert "Newer" in text_of(answer)  # the new preview
    assert Site.objects.filter(name="South").exists()
    sent["seen"] = seen_of(text_of(answer))
    answer = browser.post(f"/backups/{one.id}/", sent, follow=True)
    assert answer.redirect_chain == [("/changes/", 302)]
    assert list(Site.objects.values_list("name", flat=True)) == ["North"]
    assert JournalEntry.objects.latest("seq").source == "restore"
    empty = text_of(browser.get(f"/backups/{one.id}/"))
    assert 'name="restore"' not in empty


def test_an_encrypted_one_asks_for_its_passphrase(
    browser: Client, site: Site, reader: User
) -> None:
    one = made(browser, PASSPHRASE)
    reader.set_password("another")
    site_delete(site=site, actor="admin")
    page = text_of(browser.get(f"/backups/{one.id}/"))
    assert 'name="passphrase"' in page
    assert 'name="seen"' not in page
    ticked = {"rfps_site": "on", "show": ""}
    for wrong, text in (("", "passphrase is needed"), ("another one", "does not open")):
        answer = browser.post(f"/backups/{one.id}/", {**ticked, "passphrase": wrong})
        assert text in text_of(answer)
    answer = browser.post(f"/backups/{one.id}/", {**ticked, "passphrase": PASSPHRASE})
    page = text_of(answer)
    assert "1 added" in page
    assert PASSPHRASE not in page
    sent = {"rfps_site": "on", "passphrase": PASSPHRASE, "seen": seen_of(page), "restore": ""}
    browser.post(f"/backups/{one.id}/", sent)
    assert Site.objects.get().pk == site.pk


def test_mistakes_are_told_and_nothing_is_kept(browser: Client) -> None:
    answer = browser.post("/backups/new/", {"passphrase": PASSPHRASE, "again": "other"})
    assert "The two passphrases differ." in answer.content.decode()
    answer = browser.post("/backups/new/", {"passphrase": "short", "again": "short"})
    assert "At least 12 characters." in answer.content.decode()
    for content in (b"", b"nonsense", b"\xfd7zXZ\0\0"):
        answer = browser.post("/backups/upload/", {"file": SimpleUploadedFile("x", content)})
        assert answer.status_code == 200
        assert answer.context["form"].errors
    assert not files.stored_list()


def test_the_schedule_is_saved_and_the_passphrase_never_shown(browser: Client) -> None:
    sent = {"scheduled": "on", "every_hours": "6", "at_time": "04:15", "keep_count": "9"}
    sent |= {"keep_days": "30", "passphrase": PASSPHRASE, "version": "1"}
    answer = browser.post("/backups/settings/", sent, follow=True)
    assert answer.redirect_chain == [("/backups/", 302)]
    assert "every 6 hours (04:15)" in answer.content.decode()
    page = browser.get("/backups/settings/").content.decode()
    assert PASSPHRASE not in page
    assert "v1:" not in page
    wrong = browser.post("/backups/settings/", {**sent, "at_time": "24:00", "version": "2"})
    assert wrong.context["form"].errors.keys() == {"at_time"}


def test_only_full_access_sees_them(browser: Client, reading_browser: Client) -> None:
    one = made(browser)
    for path in ("", "new/", "upload/", "settings/", f"{one.id}/", f"{one.id}/file/"):
        assert reading_browser.get(f"/backups/{path}").status_code == 403
    assert reading_browser.post(f"/backups/{one.id}/", {"restore": ""}).status_code == 403
    assert "/backups/" not in reading_browser.get("/").content.decode()
