"""Change log, set-aside list and events."""

import uuid

import pytest

from omm_portal.accounts.models import ApiToken
from rfps.models import Site
from standby import journal
from standby.models import Event, JournalEntry, SetAside

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "live"])
CHANGES, SET_ASIDE, EVENTS = "/api/v1/changes/", "/api/v1/set-aside/", "/api/v1/events/"


def site_made(api, name="Berlin"):
    return api.post("/api/v1/sites/", {"name": name}).json()


def test_a_change_shows_who_did_what(api):
    site = site_made(api)
    api.patch(f"/api/v1/sites/{site['id']}/", {"name": "Bonn"})
    last, first = api.get(CHANGES, {"object": site["id"]}).json()["results"]
    assert (first["operation"], last["operation"]) == ("create", "update")
    assert first["before"] is None
    assert first["after"] == {"name": "Berlin", "version": 1}
    assert (last["before"]["name"], last["after"]["name"]) == ("Berlin", "Bonn")
    assert (last["actor"], last["source"], last["model"]) == ("admin", "api", "rfps.site")
    assert {"seq", "term", "node", "at", "transaction", "object", "safe", "hash"} <= set(last)
    assert last["seq"] == first["seq"] + 1


def test_secrets_are_masked(api, reader):
    shown = api.get(CHANGES, {"limit": 500}).json()["results"]
    users = [change for change in shown if change["model"] == "accounts.user"]
    tokens = [change for change in shown if change["model"] == "accounts.apitoken"]
    assert users
    assert tokens
    assert {change["after"]["password"] for change in users} == {"***"}
    assert {change["after"]["digest"] for change in tokens} == {"***"}
    text = str(shown)
    assert reader.password not in text
    assert ApiToken.objects.all()[0].digest not in text


def test_filters_and_order(api, reader_api):
    site = site_made(api)
    total = api.get(CHANGES).json()["count"]
    for query, count in (
        ({"object": site["id"]}, 1),
        ({"actor": "admin", "model": "rfps.site"}, 1),
        ({"model": "RFPS.Site"}, 1),
        ({"actor": "nobody"}, 0),
        ({"source": "api"}, 1),
        ({"source": "beginnings"}, 8),
        ({"operation": "lineage"}, 1),
        ({"seq_min": 2, "seq_max": 4}, 3),
        ({"term": 1}, total),
        ({"since": "2999-01-01T00:00:00Z"}, 0),
        ({"until": "2999-01-01T00:00:00Z"}, total),
    ):
        assert api.get(CHANGES, query).json()["count"] == count, query
    oldest = api.get(CHANGES, {"ordering": "seq"}).json()["results"]
    assert [change["seq"] for change in oldest] == list(range(1, total + 1))
    assert reader_api.get(CHANGES).status_code == 200


@pytest.mark.parametrize(
    "query", [{"object": "x"}, {"seq_min": "9" * 30}, {"seq_max": "-1"}, {"since": "yesterday"}]
)
def test_bad_filters_are_400(api, query):
    assert api.get(CHANGES, query).status_code == 400


def test_a_change_is_safe_once_the_peer_has_it(api):
    site_made(api)
    head = journal.head()
    journal.mark_acked(head.seq, head.hash)
    site_made(api, "Bonn")
    newest = api.get(CHANGES).json()["results"]
    assert [change["safe"] for change in newest] == [False] + [True] * (len(newest) - 1)


def test_the_log_costs_the_same_however_long(api, django_assert_num_queries):
    api.post("/api/v1/rfps/", [{"mac": f"0030420000{number:02x}"} for number in range(50)])
    for limit in (1, 50):
        with django_assert_num_queries(4, using="default"):  # token, count, page, acknowledged
            assert len(api.get(CHANGES, {"limit": limit}).json()["results"]) == limit


@pytest.fixture
def set_aside(api):
    """A renaming that lost a split: the site has another name now."""
    site = site_made(api)
    api.patch(f"/api/v1/sites/{site['id']}/", {"name": "Bonn"})
    entry = JournalEntry.objects.latest("seq")
    api.patch(f"/api/v1/sites/{site['id']}/", {"name": "Bern"})
    row = SetAside(
        id=uuid.uuid4(),
        node="127.0.0.2",
        term=entry.term,
        seq=entry.seq,
        hash=entry.hash,
        body=entry.body,
    )
    with journal.change(actor="system", source="merge") as change:
        change.save(row)
    return row


def test_set_aside_changes_stand_side_by_side(api, set_aside):
    found = api.get(SET_ASIDE).json()
    assert found["count"] == 1
    shown = found["results"][0]
    assert (shown["id"], shown["origin"], shown["class"]) == (
        str(set_aside.pk),
        "127.0.0.2",
        "open",
    )
    names = [shown[side]["name"] for side in ("base", "ours", "theirs")]
    assert names == ["Berlin", "Bern", "Bonn"]
    assert shown["original"]["actor"] == "admin"
    assert shown["original"]["operation"] == "update"


def test_set_aside_changes_of_what_is_gone(api, set_aside):
    api.delete(f"/api/v1/sites/{Site.objects.get().pk}/")
    assert api.get(SET_ASIDE).json()["results"][0]["ours"] is None


def test_set_aside_changes_by_class(api, set_aside):
    assert api.get(SET_ASIDE, {"class": "open"}).json()["count"] == 1
    assert api.get(SET_ASIDE, {"class": "merged"}).json()["count"] == 0
    assert api.get(SET_ASIDE, {"class": "other"}).status_code == 400
    assert api.get(SET_ASIDE, {"origin": "127.0.0.1"}).json()["count"] == 0


def test_events(api):
    for code, severity in (("role", "info"), ("no_standby", "error")):
        Event.objects.create(
            node="127.0.0.1", code=code, severity=severity, message="m", details={"a": 1}
        )
    found = api.get(EVENTS).json()["results"]
    assert [event["code"] for event in found] == ["no_standby", "role"]
    assert set(found[0]) == {"id", "at", "node", "code", "severity", "message", "details"}
    assert api.get(EVENTS, {"severity": "error"}).json()["count"] == 1
    assert api.get(EVENTS, {"code": "role"}).json()["count"] == 1
    assert api.get(EVENTS, {"severity": "x"}).status_code == 400
