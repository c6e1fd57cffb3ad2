"""Undoing on the pages: choose in the log, look, do just that; without a script."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client

from omm_portal.accounts.models import User
from rfps import services
from rfps.models import Rfp, Site
from standby import journal
from standby.models import JournalEntry
from tests.unit.pages.conftest import hidden_in

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "live"])


@pytest.fixture(autouse=True)
def _ready(open_gate: Any) -> None:
    """Commits are real: a preview is a transaction of its own."""


@pytest.fixture
def rfp(admin: User) -> Rfp:
    values = {"mac": "003042000001", "name": "Hall"}
    return services.rfp_create(values=values, actor="lena").value


@pytest.fixture
def renamed(rfp: Rfp) -> int:
    """The number of a change of two fields, one of which somebody else changed again."""
    services.rfp_update(rfp=rfp, changes={"name": "Desk", "room": "7"}, actor="lena")
    seq = journal.head().seq
    services.rfp_update(rfp=rfp, changes={"name": "Counter"}, actor="otto")
    return seq


def test_the_whole_way_from_the_log_and_back(browser: Client, renamed: int) -> None:
    log = browser.get("/changes/").content.decode()
    assert f'name="seq" value="{renamed}" form="undo"' in log
    path = f"/changes/undo/?seq={renamed}"
    page = browser.get(path)
    text = page.content.decode()
    for part in ("<del>7</del>", "It was changed again later.", "otto", "Undo 1 change?"):
        assert part in text
    answer = browser.post(path, hidden_in(page), follow=True)
    assert answer.redirect_chain[-1][0] == "/changes/"
    now = Rfp.objects.get()
    assert (now.name, now.room) == ("Counter", "")
    last = journal.head().seq
    assert f"undoes {renamed}" in answer.content.decode()
    assert f"undone by {last}" in answer.content.decode()
    assert "Undone by" in browser.get(f"/changes/{renamed}/").content.decode()
    assert f"seq={last}" in browser.get(f"/changes/{last}/").content.decode()


def test_another_choice_is_shown_before_it_is_done(browser: Client, renamed: int) -> None:
    path = f"/changes/undo/?seq={renamed}"
    values = {**hidden_in(browser.get(path)), "overrule": f"{renamed}:name"}
    page = browser.post(path, values)
    assert page.status_code == 200
    assert "This is what your choice does." in page.content.decode()
    assert "<ins>Hall</ins>" in page.content.decode()
    assert Rfp.objects.get().name == "Counter"
    browser.post(path, {**values, **hidden_in(page)})
    assert Rfp.objects.get().name == "Hall"


def test_a_look_changes_nothing(browser: Client, renamed: int) -> None:
    path = f"/changes/undo/?seq={renamed}"
    values = {**hidden_in(browser.get(path)), "overrule": f"{renamed}:name", "look": "1"}
    page = browser.post(path, values)
    assert re.search(rf'value="{renamed}:name" checked', page.content.decode())
    assert journal.head().seq == renamed + 1


def test_what_changed_meanwhile_is_shown_again(browser: Client, renamed: int) -> None:
    path = f"/changes/undo/?seq={renamed}"
    values = hidden_in(browser.get(path))
    services.rfp_update(rfp=Rfp.objects.get(), changes={"floor": "3"}, actor="ida")
    page = browser.post(path, values)
    text = page.content.decode()
    assert "Something was changed after the preview." in text
    assert "ida" in text
    assert Rfp.objects.get().room == "7"
    browser.post(path, hidden_in(page))
    assert (Rfp.objects.get().room, Rfp.objects.get().floor) == ("", "3")


def test_all_that_a_filter_shows(browser: Client, renamed: int) -> None:
    log = browser.get("/changes/?actor=lena&page=1").content.decode()
    assert "/changes/undo/?all=1&amp;actor=lena" in log
    page = browser.get("/changes/undo/?all=1&actor=lena")
    assert [entry.seq for entry in page.context["plan"].entries] == [renamed, renamed - 1]
    assert "Undo all that is listed" not in browser.get("/changes/").content.decode()


def test_together_or_alone(browser: Client, admin: User) -> None:
    items = [{"mac": f"0030420000{n:02X}"} for n in range(3)]
    services.rfp_create_many(items=items, actor="lena")
    path = f"/changes/undo/?seq={journal.head().seq}"
    page = browser.get(path)
    assert "Undo 3 changes?" in page.content.decode()
    assert f"{path}&amp;alone=1" in page.content.decode()
    alone = browser.get(f"{path}&alone=1")
    assert "Undo 1 change?" in alone.content.decode()
    browser.post(f"{path}&alone=1", hidden_in(alone))
    assert Rfp.objects.count() == 2


def test_a_reader_sees_no_button_and_no_page(reading_browser: Client, renamed: int) -> None:
    for path in ("/changes/", f"/changes/{renamed}/"):
        assert "undo/" not in reading_browser.get(path).content.decode()
    assert reading_browser.get(f"/changes/undo/?seq={renamed}").status_code == 403
    assert reading_browser.post(f"/changes/undo/?seq={renamed}").status_code == 403


@pytest.mark.parametrize("query", ["", "seq=x", "seq=999999", "all=1&object=x", "seq=" + "9" * 40])
def test_nonsense_is_told(browser: Client, query: str) -> None:
    page = browser.get(f"/changes/undo/?{query}")
    assert page.status_code == 400
    assert "Nothing is undone" in page.content.decode()


def test_a_closed_gate_is_told(browser: Client, renamed: int, open_gate: Any) -> None:
    path = f"/changes/undo/?seq={renamed}"
    values = hidden_in(browser.get(path))
    open_gate.say(gate_open=False)
    for answer in (browser.get(path), browser.post(path, values)):
        assert answer.status_code == 503
        assert "Retry-After" in answer.headers
    assert journal.head().seq == renamed + 1


def test_secrets_are_never_shown(browser: Client, reader: User) -> None:
    seq = JournalEntry.objects.get(object=reader.pk).seq
    text = browser.get(f"/changes/undo/?seq={seq}").content.decode()
    assert "never shown" in text
    assert reader.password not in text


def test_what_a_pair_begins_with_has_no_button(browser: Client, admin: User) -> None:
    assert "undo/" not in browser.get("/changes/2/").content.decode()
    page = browser.get("/changes/undo/?seq=2&alone=1")
    assert "What a pair begins with stays." in page.content.decode()
    assert "Nothing would be different." in page.content.decode()


def test_an_object_that_was_removed_keeps_its_name(browser: Client, admin: User) -> None:
    site = services.site_create(name="Old quay", actor="lena").value
    services.site_delete(site=site, actor="lena")
    page = browser.get(f"/changes/undo/?seq={journal.head().seq}").content.decode()
    assert "Old quay" in page
    assert "comes back" in page
    assert not Site.objects.exists()
