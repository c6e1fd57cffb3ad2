"""The dashboard's time line: role changes, warnings that came and went, changes."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client
from django.utils import timezone

from rfps import services
from standby import timeline as module
from standby.models import Event
from standby.timeline import SHOWN, timeline
from tests.gate import OpenGate

pytestmark = pytest.mark.django_db(databases=["default", "live"])


def event(code: str, message: str, *, node: str = "127.0.0.1", ago: int = 0) -> Event:
    at = timezone.now() - timedelta(seconds=ago)
    return Event.objects.create(node=node, code=code, severity="info", message=message, at=at)


def test_events_of_both_omms_and_changes_are_mixed_by_time(admin: Any) -> None:
    event("role_change", "active: No other OMM.", ago=60)
    services.site_create(name="Quay", actor="lena")
    event("warning_ended", "No longer: No Standby.", node="127.0.0.2", ago=-5)
    rows = timeline()
    assert [row["code"] for row in rows] == ["warning_ended", "change", "role_change"]
    assert rows[1]["message"] == "lena: Site Quay created."
    assert {row["node"] for row in rows} == {"127.0.0.1", "127.0.0.2"}


def test_a_transaction_is_one_line(admin: Any) -> None:
    items = [{"mac": f"0030420001{i:02X}", "name": f"unit {i}"} for i in range(70)]
    services.rfp_create_many(items=items, actor="admin")
    rows = timeline()
    assert len(rows) == 1
    assert "and 69 more changes with it" in rows[0]["message"]


def test_what_a_pair_begins_with_is_nobodys_change(admin: Any) -> None:
    assert timeline() == []


def test_sign_ins_are_not_on_it(admin: Any) -> None:
    event("sign_in", "admin signed in")
    assert timeline() == []


def test_it_is_bounded(admin: Any) -> None:
    for number in range(SHOWN):
        event("contact", f"event {number}", ago=number)
        services.site_create(name=f"Site {number}", actor="admin")
    assert len(timeline()) == SHOWN


def test_what_cannot_be_read_is_left_out(admin: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise OperationalError

    services.site_create(name="Quay", actor="lena")
    monkeypatch.setattr(module, "event_list", broken)
    assert [row["code"] for row in timeline()] == ["change"]


def test_the_dashboard_links_to_each_change(browser: Client, open_gate: OpenGate) -> None:
    services.site_create(name="Quay <b>", actor="lena")
    warning = {
        "code": "no_standby",
        "severity": "error",
        "message": "No Standby: gone.",
        "since": "2026-01-01T00:00:00Z",
    }
    document = {"node": {"address": "127.0.0.1", "role": "active"}, "warnings": [warning]}
    open_gate.say(document=json.dumps(document).encode())
    page = browser.get("/").content.decode()
    assert "lena: Site Quay &lt;b&gt; created." in page
    assert 'href="/changes/' in page
    assert 'datetime="2026-01-01T00:00:00Z"' in page
