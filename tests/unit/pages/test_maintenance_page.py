"""The page of the maintenance: what it means, for how long, and its end."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from standby.domain.facts import Role
from standby.maintenance import maintenance_row
from tests.gate import OpenGate
from tests.unit.pages.test_pair_pages import show

pytestmark = pytest.mark.django_db(databases=["default", "live"])
URL, END = "/standby/maintenance/", "/standby/maintenance/end/"


def test_it_says_what_it_means(browser: Client, peer: str) -> None:
    page = browser.get(URL).content.decode()
    assert "nobody telephones" in page
    assert "after 4 hours" in page


def test_it_is_begun_and_ended_from_the_standby_page(
    browser: Client, open_gate: OpenGate, peer: str
) -> None:
    show(open_gate)
    assert "Begin maintenance</a>" in browser.get("/standby/").content.decode()
    answer = browser.post(URL, {"length": "15", "reason": "A new switch"})
    assert (answer.status_code, answer["Location"]) == (302, "/standby/")
    row = maintenance_row()
    assert row.until is not None
    assert timedelta(minutes=14) < row.until - timezone.now() <= timedelta(minutes=15)
    assert (row.owner, row.reason) == ("admin", "A new switch")
    page = browser.get("/standby/").content.decode()
    assert "On, by admin, until" in page
    assert "A new switch" in page
    assert browser.post(END)["Location"] == "/standby/"
    assert maintenance_row().until is None
    assert "No maintenance is on." in browser.post(END, follow=True).content.decode()


def test_a_time_of_ones_own_choice(browser: Client, peer: str) -> None:
    until = (timezone.now() + timedelta(hours=5)).replace(second=0, microsecond=0)
    browser.post(URL, {"length": "until", "until": f"{until:%Y-%m-%dT%H:%M}", "reason": ""})
    assert maintenance_row().until == until


@pytest.mark.parametrize(
    ("until", "says"),
    [
        ("", "Enter the time of the end."),
        ("soon", "Enter a valid date/time."),
        ("2020-01-01T00:00", "over already"),
        ("2999-01-01T00:00", "at most 24 hours"),
    ],
)
def test_a_time_that_cannot_be_is_refused_at_its_field(
    browser: Client, peer: str, until: str, says: str
) -> None:
    answer = browser.post(URL, {"length": "until", "until": until, "reason": "kept"})
    assert answer.status_code == 200
    assert says in answer.content.decode()
    assert 'value="kept"' in answer.content.decode()
    assert maintenance_row().until is None


def test_the_one_that_is_on_is_named_before_it_is_replaced(browser: Client, peer: str) -> None:
    browser.post(URL, {"length": "60", "reason": ""})
    assert "The maintenance of admin until" in browser.get(URL).content.decode()


def test_two_people_do_not_overwrite_each_other(browser: Client, peer: str) -> None:
    version = maintenance_row().version
    browser.post(URL, {"length": "240", "reason": "mine"})
    answer = browser.post(URL, {"length": "15", "reason": "theirs", "version": version})
    assert "Somebody else changed this" in answer.content.decode()
    assert maintenance_row().reason == "mine"


def test_readers_can_do_neither(reading_browser: Client, peer: str) -> None:
    assert reading_browser.get(URL).status_code == 403
    assert reading_browser.post(URL, {"length": "15"}).status_code == 403
    assert reading_browser.post(END).status_code == 403


def test_on_a_standby_it_is_the_other_omms_business(
    browser: Client, open_gate: OpenGate, peer: str
) -> None:
    other: dict[str, Any] = {"address": peer, "in_contact": True, "role": "active"}
    show(open_gate, peer=other)
    open_gate.say(role=Role.STANDBY, gate_open=False)
    assert browser.get(URL)["Location"] == f"http://{peer}:8000{URL}"
