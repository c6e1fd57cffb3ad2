"""Maintenance over REST: begun, replaced and ended on the active OMM, read on both."""

from datetime import timedelta

import pytest
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from standby.maintenance import is_on, maintenance_row
from standby.models import JournalEntry

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "live"])
URL = "/api/v1/standby/maintenance/"


def at(**ahead):
    return (timezone.now() + timedelta(**ahead)).isoformat()


def test_none_is_on_at_first(reader_api):
    found = reader_api.get(URL).json()
    assert (found["active"], found["owner"], found["until"]) == (False, "", None)


def test_it_has_an_owner_a_reason_and_an_end(api):
    before = timezone.now()
    answer = api.post(URL, {"minutes": 60, "reason": "A new switch"})
    assert (answer.status_code, answer["OMM-Replication"]) == (200, "unsafe")
    found = api.get(URL).json()
    assert (found["active"], found["owner"], found["reason"]) == (True, "admin", "A new switch")
    assert timedelta(0) <= parse_datetime(found["until"]) - before - timedelta(hours=1)
    last = JournalEntry.objects.latest("seq")
    assert (last.model, last.actor, last.source) == ("standby.maintenance", "admin", "api")


def test_another_one_replaces_it(api):
    api.post(URL, {"minutes": 60, "reason": "first"})
    assert api.post(URL, {"until": at(hours=23)}).json()["reason"] == ""
    assert timedelta(hours=22) < maintenance_row().until - timezone.now() < timedelta(hours=24)


def test_it_is_ended_once(api):
    api.post(URL, {"minutes": 60})
    answer = api.delete(URL)
    assert (answer.status_code, answer.json()["active"]) == (200, False)
    assert answer["OMM-Journal-Seq"] == str(JournalEntry.objects.latest("seq").seq)
    again = api.delete(URL)
    assert (again.status_code, again.json()["type"]) == (409, "no-maintenance")


def test_it_ends_by_itself(api):
    api.post(URL, {"minutes": 60})
    row = maintenance_row()
    assert is_on(row, row.until - timedelta(microseconds=1))
    assert not is_on(row, row.until)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "until"),
        ({"minutes": 5, "until": at(hours=1)}, "until"),
        ({"minutes": 0}, "minutes"),
        ({"minutes": 1441}, "minutes"),
        ({"minutes": "soon"}, "minutes"),
        ({"until": at(hours=-1)}, "until"),
        ({"until": at(hours=25)}, "until"),
        ({"until": "tomorrow"}, "until"),
        ({"minutes": 5, "reason": "x" * 201}, "reason"),
        ({"minutes": 5, "reason": "two\nlines"}, "reason"),
        ({"minutes": 5, "owner": "eve"}, "owner"),
    ],
)
def test_nonsense_is_refused_by_field(api, body, field):
    answer = api.post(URL, body)
    assert answer.status_code == 400
    assert field in answer.json()["errors"]
    assert maintenance_row().until is None


def test_somebody_else_was_first(api):
    tag = api.get(URL)["ETag"]
    api.post(URL, {"minutes": 60})
    assert api.post(URL, {"minutes": 5}, HTTP_IF_MATCH=tag).status_code == 412
    assert api.delete(URL, HTTP_IF_MATCH=tag).status_code == 412


def test_a_standby_shows_it_and_sends_writers_on(api, node):
    api.post(URL, {"minutes": 60})
    node.standby()
    assert api.get(URL).json()["active"] is True
    for method in (api.post, api.delete):
        answer = method(URL)
        assert (answer.status_code, answer["OMM-Active"]) == (307, "http://127.0.0.2:8000")
    node.standby(active_peer=False)
    assert (api.delete(URL).status_code, api.delete(URL).json()["type"]) == (503, "no-active")


def test_readers_and_strangers_only_look(reader_api, anonymous):
    assert reader_api.post(URL, {"minutes": 60}).status_code == 403
    assert reader_api.delete(URL).status_code == 403
    assert anonymous.get(URL).status_code == 401
