"""Maintenance (rule 10) with real processes: no takeover by itself, everything else as ever."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from tests.bare import stays
from tests.integration.test_omm_errors import port_taken
from tests.pair import Node, Pair, eventually

pytestmark = pytest.mark.processes

URL = "/standby/maintenance/"
LONGER_THAN_ANY_VERDICT = 2.5


@pytest.fixture
def pair(module_pair: Pair) -> Iterator[Pair]:
    """A healthy pair; no maintenance is left behind."""
    yield module_pair.heal()
    module_pair.heal()
    with module_pair.active.api() as api:
        api.delete(URL)


def begin(pair: Pair, lasts: timedelta) -> datetime:
    """Begin a maintenance and tell its end; once it is safe the standby knows of it."""
    until = datetime.now(UTC) + lasts
    with pair.active.api() as api:
        answer = api.post(URL, json={"until": until.isoformat(), "reason": "A new switch"})
    assert answer.status_code == 200, answer.text
    assert answer.headers["OMM-Replication"] == "safe"
    return until


def role(node: Node) -> str:
    lease = node.lease()
    return lease.role.value if lease is not None else ""


def test_nobody_takes_over_until_somebody_forces_it(pair: Pair) -> None:
    victim, heir = pair.active, pair.standby
    until = begin(pair, timedelta(hours=1))
    heir._token = victim._token
    with heir.api() as api:
        answer = api.delete(URL)
        assert answer.status_code == 307, "settings are changed on the active OMM"
        assert api.get(URL).json()["active"] is True
        victim.kill()
        stays(lambda: role(heir) == "standby", "standby", LONGER_THAN_ANY_VERDICT)
        status = heir.status()
        assert "Maintenance" in status["reason"]
        found = [each for each in status["warnings"] if each["code"] == "maintenance"]
        assert "admin" in found[0]["message"]
        assert f"{until:%Y-%m-%d}" in found[0]["message"]
        assert api.post("/standby/takeover/", json={"force": True}).status_code == 202
        heir.wait("active").wait_gate()
    victim.start()
    pair.wait_healthy()
    for node in pair.nodes:
        assert "maintenance" in node.warnings(), "it goes on after a takeover and a restart"


def test_a_switch_over_works_meanwhile(pair: Pair) -> None:
    begin(pair, timedelta(hours=1))
    active, standby = pair.active, pair.standby
    with active.api() as api:
        assert api.post("/standby/switchover/").status_code == 202
    standby.wait("active").wait_gate()
    active.wait("standby")


def test_once_it_is_ended_takeovers_are_automatic_again(pair: Pair) -> None:
    begin(pair, timedelta(hours=1))
    victim, heir = pair.active, pair.standby
    with victim.api() as api:
        assert api.delete(URL).headers["OMM-Replication"] == "safe"
        begun_and_ended = {"maintenance_begun", "maintenance_ended"}
        eventually(lambda: begun_and_ended <= events(api), "both are told")
    victim.kill()
    heir.wait("active", within=3.0)


def events(api: httpx.Client) -> set[str]:
    return {each["code"] for each in api.get("/events/?limit=20").json()["results"]}


def test_it_ends_at_its_time_and_the_waiting_standby_takes_over(pair: Pair) -> None:
    victim, heir = pair.active, pair.standby
    ends = datetime.now(UTC) + timedelta(seconds=5)
    begin(pair, timedelta(seconds=5))
    victim.kill()
    heir.wait("active")
    assert datetime.now(UTC) >= ends
    eventually(lambda: "maintenance" not in heir.warnings(), "its warning is gone")


def test_an_active_with_an_error_keeps_the_role(pair: Pair) -> None:
    begin(pair, timedelta(hours=1))
    victim, heir = pair.active, pair.standby
    with port_taken(victim):
        eventually(lambda: "omm_error" in heir.warnings(), "the error is told", 20.0)
        stays(lambda: role(heir) == "standby", "standby", LONGER_THAN_ANY_VERDICT)
        assert role(victim) == "active"
