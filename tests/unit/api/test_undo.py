"""Undoing by REST: preview, doing just that, conflicts, stale previews, who may."""

from __future__ import annotations

from typing import Any

import pytest

from rfps.models import Site
from standby import journal
from standby.models import JournalEntry

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "live"])
PATH = "/api/v1/changes/undo/"


def ask(client: Any, *changes: int, **more: Any) -> Any:
    return client.post(PATH, {"changes": list(changes), **more}, format="json")


@pytest.fixture
def renamed(api: Any) -> int:
    """The number of a change that gave a site another name."""
    site = api.post("/api/v1/sites/", {"name": "Berlin"}).json()
    api.patch(f"/api/v1/sites/{site['id']}/", {"name": "Bonn"})
    return journal.head().seq


def test_a_preview_changes_nothing_and_what_it_shows_is_done(api: Any, renamed: int) -> None:
    shown = ask(api, renamed, preview=True)
    assert shown.status_code == 200
    assert "OMM-Journal-Seq" not in shown.headers
    assert journal.head().seq == renamed
    (row,) = shown.json()["objects"]
    assert (row["now"], row["then"]) == ({"name": "Bonn"}, {"name": "Berlin"})
    assert (row["becomes"], row["model"]) == ("update", "rfps.site")
    done = ask(api, renamed, seen=shown.json()["seen"])
    assert done.status_code == 200
    assert int(done.headers["OMM-Journal-Seq"]) == journal.head().seq == renamed + 1
    assert done.headers["OMM-Replication"] in {"safe", "unsafe"}
    assert Site.objects.get().name == "Berlin"
    newest = api.get("/api/v1/changes/").json()["results"][0]
    assert (newest["source"], newest["undoes"], newest["actor"]) == ("undo", renamed, "admin")


def test_conflicts_that_nobody_saw_are_409(api: Any, renamed: int) -> None:
    site = Site.objects.get()
    api.patch(f"/api/v1/sites/{site.pk}/", {"name": "Ulm"})
    answer = ask(api, renamed)
    assert answer.status_code == 409
    document = answer.json()
    assert document["type"] == "conflicts"
    (conflict,) = document["undo"]["conflicts"]
    assert (conflict["id"], conflict["kind"]) == (f"{renamed}:name", "changed")
    assert (conflict["now"], conflict["former"]) == ("Ulm", "Berlin")
    assert conflict["later"]["seq"] == renamed + 1
    nothing = ask(api, renamed, seen=document["undo"]["seen"])
    assert (nothing.status_code, nothing.json()["type"]) == (409, "nothing-to-undo")
    assert ask(api, renamed, overrule=[conflict["id"]]).status_code == 200
    assert Site.objects.get().name == "Berlin"


def test_a_stale_preview_is_412_with_the_new_one(api: Any, renamed: int) -> None:
    seen = ask(api, renamed, preview=True).json()["seen"]
    site = Site.objects.get()
    api.patch(f"/api/v1/sites/{site.pk}/", {"name": "Ulm"})
    answer = ask(api, renamed, seen=seen)
    assert (answer.status_code, answer.json()["type"]) == (412, "stale")
    assert [row["seq"] for row in answer.json()["since"]] == [renamed + 1]
    assert answer.json()["undo"]["seen"] != seen
    assert Site.objects.get().name == "Ulm"


def test_a_reader_may_not_even_look(reader_api: Any, renamed: int) -> None:
    assert ask(reader_api, renamed, preview=True).status_code == 403
    assert ask(reader_api, renamed).status_code == 403
    assert Site.objects.get().name == "Bonn"


def test_secrets_stay_masked(api: Any, reader: Any) -> None:
    seq = JournalEntry.objects.get(object=reader.pk).seq
    shown = ask(api, seq, preview=True)
    assert shown.json()["objects"][0]["now"]["password"] == "***"
    assert reader.password not in shown.content.decode()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "changes"),
        ({"changes": []}, "changes"),
        ({"changes": ["x"]}, "changes"),
        ({"changes": [0]}, "changes"),
        ({"changes": [10**6]}, "changes"),
        ({"changes": [2], "overrule": ["x:name"]}, "overrule"),
        ({"changes": [2], "all": True}, "all"),
    ],
)
def test_nonsense_is_named(api: Any, body: dict[str, Any], field: str) -> None:
    answer = api.post(PATH, body, format="json")
    assert answer.status_code == 400
    assert field in answer.json()["errors"]
