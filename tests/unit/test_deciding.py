"""Deciding on what lost a split and stayed open: pages and REST, one field, one change, all."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.test import Client

from omm_portal.accounts.models import User
from omm_portal.accounts.services import token_create, user_create
from rfps import services
from rfps.models import Rfp, Site
from standby import journal
from standby.models import JournalEntry, SetAside, Split
from tests.unit.pages.conftest import client_of, hidden_in
from tests.unit.test_merging import item_of, merge_all

pytestmark = [
    pytest.mark.django_db(transaction=True, databases=["default", "live"]),
    pytest.mark.usefixtures("open_gate"),
]
SPLIT = "5b5c2d5e-0a6f-5c43-9f0e-1d9c5b7e8a12"


@pytest.fixture
def browser(admin: User) -> Client:
    return client_of(admin)


@pytest.fixture
def rfp(admin: User) -> Rfp:
    """Name and room were changed on both sides, the floor on the losing one only."""
    found = services.rfp_create(values={"mac": "003042000001"}, actor="admin").value
    theirs = {"name": "Theirs", "room": "7", "floor": "2"}
    lose(lambda: services.rfp_update(rfp=found, changes=theirs, actor="lena"))
    services.rfp_update(rfp=found, changes={"name": "Ours", "room": "1"}, actor="admin")
    hand_in()
    return found


_lost: list[journal.WireEntry] = []
_common: list[int] = []


def lose(*works: Any) -> None:
    _common[:] = [journal.head().seq]
    for work in works:
        work()
    _lost[:] = journal.read_batch(_common[0], 10**7).entries
    journal.fence_close()
    journal.roll_back(_common[0])
    journal.fence_open(1)


def hand_in() -> None:
    facts = {
        "id": SPLIT,
        "winner": "10.0.0.10",
        "loser": "10.0.0.9",
        "term": 2,
        "began_at": "2026-01-01T00:00:00.000000Z",
        "ended_at": "2026-01-01T00:01:30.000000Z",
        "reason": {"text": "After the split the other OMM goes on."},
        "common": _common[0],
        "loser_changes": len(_lost),
        "until": journal.head().seq,
    }
    journal.receive_set_aside([item_of(wire, SPLIT) for wire in _lost], [facts])
    merge_all()


def only() -> SetAside:
    return SetAside.objects.get()


def decide(client: Client, path: str) -> Any:
    """Open the page that asks, then say yes to what it shows."""
    asked = client.get(path)
    assert asked.status_code == 200
    return client.post(path, {"seen": asked.context["form"]["seen"].value()}, follow=True)


def test_one_field_is_kept_and_the_other_replaced(browser: Client, rfp: Rfp) -> None:
    page = f"/set-aside/{only().pk}/"
    shown = browser.get(page).content.decode()
    assert "Both sides changed it." in shown
    assert shown.count("replace/?field=") == 2 * 2, "a link and its dialog for each open field"
    decide(browser, f"{page}keep/?field=name")
    assert (only().state, only().fields["name"]) == ("open", "kept")
    answer = decide(browser, f"{page}replace/?field=room")
    assert answer.redirect_chain
    row, now = only(), Rfp.objects.get()
    assert row.state == "replaced"
    assert row.fields == {"name": "kept", "room": "replaced", "floor": "merged"}
    assert (now.name, now.room, now.floor) == ("Ours", "7", "2")
    assert (row.decided_by, row.decided_at is not None) == ("admin", True)
    entries = JournalEntry.objects.order_by("-seq")[:2]
    assert len({entry.transaction for entry in entries}) == 1, "value and class together"


def test_what_changed_meanwhile_is_asked_again(browser: Client, rfp: Rfp) -> None:
    path = f"/set-aside/{only().pk}/replace/"
    shown = hidden_in(browser.get(path))
    services.rfp_update(rfp=rfp, changes={"name": "Newer"}, actor="admin")
    again = browser.post(path, shown)
    assert again.status_code == 200
    assert "Somebody else changed this in the meantime." in again.content.decode()
    assert "Newer" in again.content.decode()
    assert Rfp.objects.get().name == "Newer"
    browser.post(path, hidden_in(again))
    assert (Rfp.objects.get().name, only().state) == ("Theirs", "replaced")


def test_a_reader_sees_but_does_not_decide(rfp: Rfp) -> None:
    reader = user_create(
        values={"username": "reader", "role": "read"}, password="a-long-password", actor="admin"
    ).value
    client = client_of(reader)
    page = f"/set-aside/{only().pk}/"
    assert "replace/" not in client.get(page).content.decode()
    assert client.post(f"{page}replace/").status_code == 403
    assert only().state == "open"


def test_a_replacement_keeps_to_the_rules(browser: Client, admin: User) -> None:
    lose(lambda: services.site_create(name="Ward", actor="lena"))
    site = services.site_create(name="Ward", actor="admin").value
    hand_in()
    page = f"/set-aside/{only().pk}/replace/"
    answer = decide(browser, page)
    assert "A site of this name exists already." in answer.content.decode()
    assert only().state == "open"
    services.site_update(site=site, name="Other", actor="admin")
    decide(browser, page)
    assert only().state == "replaced"
    assert set(Site.objects.values_list("name", flat=True)) == {"Ward", "Other"}
    assert browser.get(page).status_code == 200
    assert "decided already" in decide(browser, page).content.decode()


def test_what_was_removed_here_comes_back_with_the_set_aside_values(
    browser: Client, admin: User
) -> None:
    found = services.rfp_create(values={"mac": "003042000001", "floor": "2"}, actor="admin").value
    lose(lambda: services.rfp_update(rfp=found, changes={"room": "7"}, actor="lena"))
    services.rfp_delete(rfp=found, actor="admin")
    hand_in()
    decide(browser, f"/set-aside/{only().pk}/replace/")
    now = Rfp.objects.get()
    assert (now.pk, now.floor, now.room) == (found.pk, "2", "7")


def test_everything_at_once(browser: Client, admin: User) -> None:
    """What is refused stays open and says why."""
    sites = [services.site_create(name=f"S{n}", actor="admin").value for n in range(3)]
    lose(
        *(
            lambda site=site: services.site_update(site=site, name=f"{site.name}!", actor="lena")
            for site in sites
        ),
        lambda: services.site_create(name="Taken", actor="lena"),
    )
    for site in sites:
        services.site_update(site=site, name=f"{site.name}?", actor="admin")
    services.site_create(name="Taken", actor="admin")
    hand_in()
    answer = decide(browser, f"/set-aside/decide/replace/?split={SPLIT}")
    assert "A site of this name exists already." in answer.content.decode()
    states = list(SetAside.objects.order_by("seq").values_list("state", flat=True))
    assert states == ["replaced"] * 3 + ["open"]
    assert Site.objects.filter(name__endswith="!").count() == 3
    decide(browser, "/set-aside/decide/keep/")
    assert not SetAside.objects.filter(state="open").exists()


def test_the_report_counts_every_change_once(browser: Client, rfp: Rfp) -> None:
    assert browser.get("/splits/").context["rows"][0].loser_changes == 1
    shown = browser.get(f"/splits/{SPLIT}/")
    row = shown.context["row"]
    assert (row.lasted.total_seconds(), row.winner_changes, row.classes["open"]) == (90, 1, 1)
    assert row.is_accounted
    assert "in exactly one class" in shown.content.decode()
    assert f"/set-aside/?split={SPLIT}&amp;class=open" in shown.content.decode()
    listed = browser.get(f"/set-aside/?split={SPLIT}&class=open").context["rows"]
    assert len(listed) == 1
    split = Split.objects.get()
    split.loser_changes = 3
    with journal.change(actor="system", source="system") as change:
        change.save(split)
    row = browser.get(f"/splits/{SPLIT}/").context["row"]
    assert (row.is_accounted, row.classes["missing"]) == (False, 2)


@pytest.fixture
def api(admin: User) -> Client:
    from django.utils import timezone

    key = token_create(user=admin, now=timezone.now()).value.key
    return Client(headers={"host": "127.0.0.1", "authorization": f"Token {key}"})


def post(api: Client, path: str, body: dict[str, Any], **headers: str) -> Any:
    return api.post(
        f"/api/v1/{path}", body, content_type="application/json", headers=headers or None
    )


def test_rest_decides_too(api: Client, rfp: Rfp) -> None:
    shown = api.get("/api/v1/set-aside/").json()["results"][0]
    assert shown["fields"] == {"name": "open", "room": "open", "floor": "merged"}
    path = f"set-aside/{shown['id']}/decide/"
    assert post(api, path, {"choice": "both"}).status_code == 400
    assert post(api, path, {"choice": "keep", "fields": ["floor"]}).status_code == 400
    assert post(api, path, {"choice": "keep", "seen": "x"}).status_code == 412
    stale = post(api, path, {"choice": "keep"}, **{"If-Match": '"1"'})
    assert stale.json()["type"] == "stale"
    kept = post(api, path, {"choice": "keep", "fields": ["name"], "seen": shown["seen"]})
    assert (kept.status_code, kept.json()["class"]) == (200, "open")
    assert kept["OMM-Replication"]
    done = post(api, path, {"choice": "replace"})
    assert (done.json()["class"], done.json()["decided_by"]) == ("replaced", "admin")
    assert post(api, path, {"choice": "keep"}).json()["type"] == "decided"
    assert post(api, f"set-aside/{uuid.uuid4()}/decide/", {"choice": "keep"}).status_code == 404


def test_rest_decides_on_all_and_reports_splits(api: Client, rfp: Rfp) -> None:
    found = post(api, "set-aside/decide/", {"choice": "keep", "split": SPLIT})
    assert found.json() == {"decided": 1, "refused": []}
    report = api.get("/api/v1/splits/").json()["results"][0]
    assert report["classes"] == {
        "merged": 0,
        "open": 0,
        "kept": 1,
        "replaced": 0,
        "waiting": 0,
        "missing": 0,
    }
    assert report["reason"] == "After the split the other OMM goes on."


def test_the_warning_leads_to_one_page_that_tells_all(browser: Client, rfp: Rfp) -> None:
    """What happened, why, and each change that waits, one click from any page."""
    shown = browser.get("/splits/?newest", follow=True)
    assert shown.redirect_chain == [(f"/splits/{SPLIT}/", 302)]
    page = shown.content.decode()
    assert f"/set-aside/{only().pk}/" in page
    assert "Both sides changed it." in page
    assert "After the split the other OMM goes on." in page
    decide(browser, f"/set-aside/{only().pk}/keep/")
    page = browser.get("/splits/?newest", follow=True).content.decode()
    assert f"/set-aside/{only().pk}/" not in page


def test_a_list_names_of_a_new_object_what_it_holds(browser: Client, admin: User) -> None:
    lose(lambda: services.rfp_create(values={"mac": "003042000001", "name": "New"}, actor="lena"))
    hand_in()
    (row,) = browser.get("/set-aside/").context["rows"]
    assert {"name", "mac"} <= {each.name for each in row.told}
    assert not {"floor", "wlan_on", "address"} & {each.name for each in row.told}
