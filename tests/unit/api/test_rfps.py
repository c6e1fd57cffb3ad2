"""Sites and base stations over REST."""

import json
from uuid import uuid4

import pytest
from django.utils import timezone

from rfps.models import Rfp, RfpLive, Site
from standby.models import JournalEntry

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "live"])
RFPS, SITES = "/api/v1/rfps/", "/api/v1/sites/"
MAC = "00:30:42:00:00:01"


def macs(count):
    return [{"mac": f"00:30:42:00:{number // 256:02X}:{number % 256:02X}"} for number in count]


def test_a_base_station_lives_and_goes(api):
    made = api.post(RFPS, {"mac": "003042-000001".replace("-", ""), "name": "Lobby"})
    assert made.status_code == 201
    assert made["ETag"] == '"1"'
    found = made.json()
    assert (found["mac"], found["cluster"], found["version"]) == (MAC, 1, 1)
    assert found["state"] == {
        "connected": False,
        "address": None,
        "hardware_type": "",
        "software": "",
        "since": None,
        "last_heartbeat": None,
    }
    one = f"{RFPS}{found['id']}/"
    assert api.get(one).json() == found
    assert api.patch(one, {"name": "Hall"}).json()["version"] == 2
    assert api.delete(one).status_code == 204
    assert api.get(one).status_code == 404


def test_every_write_says_whether_it_is_safe(api, node):
    answer = api.post(SITES, {"name": "Berlin"})
    seq = JournalEntry.objects.order_by("-seq").values_list("seq", flat=True)[0]
    assert (answer["OMM-Replication"], answer["OMM-Journal-Seq"]) == ("unsafe", str(seq))
    gone = api.delete(f"{SITES}{answer.json()['id']}/")
    assert (gone["OMM-Replication"], gone["OMM-Journal-Seq"]) == ("unsafe", str(seq + 1))


def test_a_change_of_nothing_makes_no_entry_and_is_safe_if_the_peer_has_the_head(api, node):
    site = api.post(SITES, {"name": "Berlin"}).json()
    entries = JournalEntry.objects.count()
    assert api.patch(f"{SITES}{site['id']}/", {"name": "Berlin"})["OMM-Replication"] == "unsafe"
    node.acknowledge()
    answer = api.patch(f"{SITES}{site['id']}/", {"name": " Berlin "})
    assert (answer.status_code, answer["OMM-Replication"]) == (200, "safe")
    assert answer["OMM-Journal-Seq"] == str(entries)
    assert JournalEntry.objects.count() == entries
    assert answer.json()["version"] == 1


def test_if_match_guards_against_stale_edits(api):
    one = f"{RFPS}{api.post(RFPS, {'mac': MAC}).json()['id']}/"
    assert api.patch(one, {"name": "A"}, headers={"If-Match": '"1"'}).status_code == 200
    stale = api.patch(one, {"name": "B"}, headers={"If-Match": '"1"'})
    assert (stale.status_code, stale.json()["type"], stale["ETag"]) == (412, "stale", '"2"')
    for header in ('W/"2"', "2", '"x"', ""):
        assert api.patch(one, {"name": "B"}, headers={"If-Match": header}).status_code == 412
    assert api.patch(one, {"name": "B"}, headers={"If-Match": "*"}).status_code == 200
    assert api.delete(one, headers={"If-Match": '"1"'}).status_code == 412
    assert api.delete(one, headers={"If-Match": '"3"'}).status_code == 204


def test_a_list_is_one_transaction(api):
    answer = api.post(RFPS, macs(range(1, 31)))
    assert answer.status_code == 201
    assert [row["mac"] for row in answer.json()] == [row["mac"] for row in macs(range(1, 31))]
    entries = JournalEntry.objects.filter(model="rfps.rfp")
    assert entries.count() == 30
    assert len(set(entries.values_list("transaction", flat=True))) == 1


def test_a_list_with_bad_elements_names_each_and_saves_none(api):
    api.post(RFPS, {"mac": MAC})
    bad = [
        {"mac": "00:30:42:00:00:02"},
        {"mac": MAC},
        {"mac": "00:30:42:00:00:02", "name": "twice in the list"},
        {"mac": "nonsense"},
        {"mac": "00:30:42:00:00:05", "cluster": 0},
        {"mac": "00:30:42:00:00:06", "site": str(uuid4())},
        {"mac": "00:30:42:00:00:07", "cluster": "many"},
        "not an object",
        {"mac": "00:30:42:00:00:08", "ip_mode": "local"},
        {"mac": "00:30:42:00:00:09"},
    ]
    answer = api.post(RFPS, bad)
    assert answer.status_code == 400
    found = {error["index"]: sorted(error["errors"]) for error in answer.json()["errors"]}
    assert found == {
        1: ["mac"],
        2: ["mac"],
        3: ["mac"],
        4: ["cluster"],
        5: ["site"],
        6: ["cluster"],
        7: ["non_field_errors"],
        8: ["address", "first_omm", "gateway", "netmask"],
    }
    assert Rfp.objects.count() == 1


def test_bad_elements_found_by_the_service_alone_save_none(api):
    answer = api.post(RFPS, [{"mac": MAC}, {"mac": MAC.lower()}])
    assert [error["index"] for error in answer.json()["errors"]] == [1]
    assert not Rfp.objects.exists()


def test_an_empty_list_changes_nothing(api):
    answer = api.post(RFPS, [])
    assert (answer.status_code, answer.json()) == (201, [])


def test_a_pair_holds_4096_base_stations(api, monkeypatch):
    monkeypatch.setattr("rfps.services.MAX_RFPS", 3)
    assert api.post(RFPS, macs(range(4))).json()["type"] == "limit"
    assert api.post(RFPS, macs(range(3))).status_code == 201
    answer = api.post(RFPS, {"mac": "00:30:42:00:01:00"})
    assert (answer.status_code, answer.json()["type"]) == (409, "limit")


def test_a_pair_holds_250_sites(api, monkeypatch):
    monkeypatch.setattr("rfps.services.MAX_SITES", 1)
    assert api.post(SITES, {"name": "A"}).status_code == 201
    assert api.post(SITES, {"name": "B"}).json()["type"] == "limit"


def test_a_site_in_use_stays(api):
    site = api.post(SITES, {"name": "Berlin"}).json()
    api.post(RFPS, {"mac": MAC, "site": site["id"]})
    answer = api.delete(f"{SITES}{site['id']}/")
    assert (answer.status_code, answer.json()["type"]) == (409, "in-use")
    assert api.get(f"{SITES}{site['id']}/").json()["rfp_count"] == 1


@pytest.mark.parametrize("name", ["", "  ", "x" * 65, "a\0b", "\ud800", "a\nb", None, {}, 5.5])
def test_bad_site_names(api, name):
    answer = api.post(SITES, json.dumps({"name": name}), content_type="application/json")
    if name == 5.5:  # the framework takes numbers for texts
        assert answer.status_code == 201
        return
    assert answer.status_code == 400
    assert list(answer.json()["errors"]) == ["name"]


def test_site_names_are_unique(api):
    api.post(SITES, {"name": "Berlin"})
    other = api.post(SITES, {"name": "Bonn"}).json()
    assert api.post(SITES, {"name": "Berlin"}).status_code == 400
    assert api.patch(f"{SITES}{other['id']}/", {"name": "Berlin "}).status_code == 400


def test_readers_read_only(reader_api, api):
    one = f"{RFPS}{api.post(RFPS, {'mac': MAC}).json()['id']}/"
    assert reader_api.get(RFPS).json()["count"] == 1
    for answer in (
        reader_api.post(RFPS, {"mac": "00:30:42:00:00:02"}),
        reader_api.patch(one, {"name": "x"}),
        reader_api.delete(one),
        reader_api.post(SITES, {"name": "x"}),
    ):
        assert (answer.status_code, answer.json()["type"]) == (403, "forbidden")


def test_nobody_reads_without_signing_in(anonymous, node):
    for url in (RFPS, SITES, "/api/v1/changes/", "/api/v1/settings/sip/", "/api/v1/users/"):
        assert anonymous.get(url).status_code == 401


def test_a_closed_gate_is_503(api, node):
    node.close_gate()
    answer = api.post(SITES, {"name": "x"})
    assert (answer.status_code, answer.json()["type"]) == (503, "gate-closed")
    assert int(answer["Retry-After"]) >= 1
    assert api.get(SITES).status_code == 200


def test_lists_are_paged_filtered_and_ordered(api):
    site = api.post(SITES, {"name": "Berlin"}).json()["id"]
    api.post(RFPS, macs(range(1, 8)))
    api.post(RFPS, {"mac": "08:00:0F:00:00:01", "name": "Roof", "site": site, "cluster": 2})
    page = api.get(RFPS, {"limit": 3, "offset": 3}).json()
    assert (page["count"], len(page["results"])) == (8, 3)
    assert page["next"]
    assert page["previous"]
    for query, count in (
        ({"site": site}, 1),
        ({"without_site": "true"}, 7),
        ({"cluster": 2}, 1),
        ({"search": "roof"}, 1),
        ({"search": "berl"}, 1),
        ({"search": "0800-0f"}, 1),
        ({"search": "00:00:0"}, 8),
        ({"mac": "08000f000001"}, 1),
        ({"mac": "nonsense"}, 0),
        ({"connected": "false"}, 8),
        ({"ip_mode": "local"}, 0),
    ):
        assert api.get(RFPS, query).json()["count"] == count, query
    assert api.get(RFPS, {"ordering": "-mac"}).json()["results"][0]["name"] == "Roof"
    assert len(api.get(RFPS, {"limit": 100000}).json()["results"]) == 8


@pytest.mark.parametrize(
    "query",
    [{"cluster": "9" * 40}, {"cluster": "x"}, {"site": "x"}, {"search": "a\0"}, {"ip_mode": "x"}],
)
def test_bad_filters_are_400(api, query):
    answer = api.get(RFPS, query)
    assert (answer.status_code, answer.json()["type"]) == (400, "invalid")


def test_lists_cost_the_same_however_long(api, django_assert_num_queries):
    api.post(RFPS, macs(range(1, 200)))
    for limit in (1, 199):
        with (
            django_assert_num_queries(3, using="default"),  # token, count, page
            django_assert_num_queries(1, using="live"),  # states
        ):
            assert len(api.get(RFPS, {"limit": limit}).json()["results"]) == limit


def test_states_come_from_the_live_database(api):
    ids = [row["id"] for row in api.post(RFPS, macs(range(1, 3))).json()]
    now = timezone.now()
    RfpLive.objects.create(rfp_id=ids[1], connected=True, address="10.0.0.7", since=now)
    states = {row["id"]: row["state"]["connected"] for row in api.get(RFPS).json()["results"]}
    assert states == {ids[0]: False, ids[1]: True}
    assert api.get(f"{RFPS}{ids[1]}/").json()["state"]["address"] == "10.0.0.7"
    assert [row["id"] for row in api.get(RFPS, {"connected": "true"}).json()["results"]] == [ids[1]]


def test_a_row_that_vanished_meanwhile_is_404(api, monkeypatch):
    one = f"{SITES}{api.post(SITES, {'name': 'A'}).json()['id']}/"
    site = Site.objects.get()
    api.delete(one)
    monkeypatch.setattr("rfps.api.views.SiteView.get_object", lambda view: site)
    assert api.patch(one, {"name": "B"}).status_code == 404
