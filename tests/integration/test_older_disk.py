"""An older disk put back: reported, and what it lacks is sent again (standby.md, Data)."""

from __future__ import annotations

import pytest

from tests.bare import BareNode, BarePair

pytestmark = pytest.mark.processes


def events(node: BareNode) -> list[str]:
    answer = node.ask("get", path="/api/v1/events/?limit=200")
    assert answer["status"] == 200, answer
    return [event["code"] for event in answer["json"]["results"]]


def age(bare: BarePair, node: BareNode) -> None:
    """Go on without ``node`` from the disk that it will have, with safe changes on both."""
    node.kill()
    kept = node.save_disk()
    node.start()
    bare.wait_healthy()
    assert set(bare.active.sites("Later 1", "Later 2", "Later 3")) == {"safe"}
    node.put_back(kept)


def test_an_older_disk_of_the_standby_gets_the_rest_again(bare: BarePair) -> None:
    bare.start()
    active, standby = bare.active, bare.standby
    assert active.sites("Early") == ["safe"]
    age(bare, standby)
    standby.start()
    bare.wait_healthy()
    assert bare.active is active
    active.wait_for(lambda: "older_disk" in events(active), "tells of the older disk")
    assert "Later 3" in bare.check_same_data()["sites"]
    active.wait_no_warning("not_synchronised")


def test_an_older_disk_of_the_active_does_not_bring_old_data_back(bare: BarePair) -> None:
    bare.start()
    old, heir = bare.active, bare.standby
    age(bare, old)
    heir.wait("active").wait_gate()
    assert heir.sites("Alone") == ["unsafe"]
    old.start()
    bare.wait_healthy()
    assert bare.active is heir
    assert bare.check_same_data()["sites"] == ["Alone", "Later 1", "Later 2", "Later 3"]


def test_both_start_and_the_lower_address_has_the_older_disk(bare: BarePair) -> None:
    """Data before address: nothing that was safe is lost, and terms only rise."""
    bare.start()
    age(bare, bare.low)
    bare.high.wait("active").wait_gate()
    term = bare.high.document()["node"]["term"]
    bare.high.kill()
    bare.start()
    found = bare.check_same_data()
    assert found["sites"] == ["Later 1", "Later 2", "Later 3"]
    assert bare.active.document()["node"]["term"] > term
