"""Start-up of two runtimes: who becomes active, with which data (manual 7.15.2, rule 1)."""

from __future__ import annotations

import signal

import pytest

from standby.lease import boot_time
from tests.bare import BareNode, BarePair
from tests.pair import eventually

pytestmark = pytest.mark.processes


def names(prefix: str, count: int) -> list[str]:
    return [f"{prefix} {number}" for number in range(count)]


def run_alone(node: BareNode, *sites: str) -> None:
    """Let a node that has no contact make changes, then end it."""
    node.start().wait("active").wait_gate()
    if sites:
        assert set(node.sites(*sites)) == {"unsafe"}
    node.kill()


def test_the_lower_address_becomes_active_and_changes_are_safe(bare: BarePair) -> None:
    bare.high.start()
    bare.low.start()
    bare.wait_healthy()
    assert bare.active is bare.low
    assert "lower IP address" in bare.low.reason()
    assert bare.low.sites("Ward") == ["safe"]
    found = bare.check_same_data()
    assert found["admins"] == 1
    assert not bare.low.warnings()
    assert not bare.high.warnings()


def test_ten_is_above_nine(bare: BarePair) -> None:
    """Addresses are numbers: 127.0.0.9 is lower than 127.0.0.10."""
    nine, ten = {"address": "127.0.0.9"}, {"address": "127.0.0.10"}
    bare.low.start(**ten, peer_address=nine["address"])
    bare.high.start(**nine, peer_address=ten["address"])
    bare.wait_healthy()
    assert bare.active is bare.high


def test_one_omm_alone_is_active_without_a_warning(bare: BarePair) -> None:
    bare.low.start(peer_address="").wait("active").wait_gate()
    assert bare.low.sites("Ward") == ["unsafe"]
    document = bare.low.document()
    assert document["peer"] is None
    assert document["warnings"] == []
    seq = bare.low.look()["head"]["seq"]
    bare.low.wait_for(lambda: bare.low.document()["journal"]["seq"] == seq, "shows the change")
    assert document["journal"]["peer_seq"] is None
    assert document["journal"]["unsafe"] == 0
    assert document["node"]["synchronised"] is False


def test_an_absent_peer_is_waited_for_and_then_reported(bare: BarePair) -> None:
    bare.high.start()
    bare.high.wait_for(bare.high.lease, "beats")
    assert bare.high.role() == "starting"
    assert not bare.high.warnings()
    lease = bare.high.wait("active").wait_gate().lease()
    assert lease is not None
    assert lease.term == 1
    assert "No Standby" in bare.high.wait_warning("no_standby")
    assert bare.high.sites("Ward") == ["unsafe"]
    seq = bare.high.look()["head"]["seq"]
    bare.high.wait_for(lambda: bare.high.document()["journal"]["seq"] == seq, "shows the change")
    assert f"{seq} changes are unsafe" in bare.high.wait_warning("no_standby")
    bare.low.start()
    bare.wait_healthy()
    assert bare.active is bare.high, "who comes later does not take the role"
    assert bare.high.document()["journal"]["unsafe"] == 0
    assert not bare.high.warnings()


def test_the_longer_journal_comes_before_the_lower_address(bare: BarePair) -> None:
    bare.start()
    bare.low.kill()
    bare.high.wait("active").wait_gate()
    assert bare.high.sites(*names("Alone", 5)) == ["unsafe"] * 5
    bare.high.kill()
    bare.start()
    assert {f"Alone {n}" for n in range(5)} <= set(bare.check_same_data()["sites"])
    assert not bare.active.warnings()


def test_a_recovered_omm_never_takes_the_role_back(bare: BarePair) -> None:
    bare.start()
    bare.low.kill()
    bare.high.wait("active")
    bare.low.start()
    bare.wait_healthy()
    assert bare.active is bare.high
    assert "is active" in bare.low.reason()


@pytest.mark.parametrize("empty", ["low", "high"])
def test_an_empty_disk_never_overwrites(bare: BarePair, empty: str) -> None:
    """Whoever was replaced, and whoever starts first: the data stays."""
    bare.start()
    assert set(bare.active.sites(*names("Ward", 3))) == {"safe"}
    for node in bare.nodes:
        node.kill()
    new = bare.low if empty == "low" else bare.high
    new.empty()
    bare.start()
    found = bare.check_same_data()
    assert found["sites"] == names("Ward", 3)
    assert found["lineages"] == 1
    assert found["set_aside"] == 0


def test_beginnings_of_an_omm_that_ran_alone_never_count_against_data(bare: BarePair) -> None:
    """An empty OMM that was active alone, and longer, holds nothing but its beginnings."""
    run_alone(bare.low)
    run_alone(bare.low)
    run_alone(bare.high, *names("Ward", 3))
    bare.start()
    found = bare.check_same_data()
    assert found["sites"] == names("Ward", 3)
    assert (found["admins"], found["lineages"], found["set_aside"]) == (1, 1, 0)


def test_beginnings_yield_to_data_even_when_active(bare: BarePair) -> None:
    """The empty one is found active by one that holds data: the data stands, nothing is lost."""
    run_alone(bare.high, *names("Ward", 3))
    bare.low.start().wait("active").wait_gate()
    bare.high.start()
    bare.wait_healthy()
    assert bare.check_same_data()["sites"] == names("Ward", 3)


def test_a_fast_restart_has_lost_the_role(bare: BarePair) -> None:
    """Rule 9: back before its silence was noticed, with a new boot id."""
    bare.start()
    victim, heir = bare.active, bare.standby
    heir.send(signal.SIGSTOP)
    victim.kill()
    victim.start()
    heir.send(signal.SIGCONT)
    bare.wait_healthy()
    assert bare.active.document()["node"]["term"] >= 2


def test_other_version_is_reported_and_the_pair_works(bare: BarePair) -> None:
    bare.low.start()
    bare.high.start(version="9.9.9")
    bare.wait_healthy()
    assert "9.9.9" in bare.low.wait_warning("version_mismatch")
    assert "9.9.9" in bare.high.wait_warning("version_mismatch")
    assert bare.active.sites("Ward") == ["safe"]


def test_a_frozen_standby_disturbs_nobody(bare: BarePair) -> None:
    """It thaws, finds its active and follows; nobody took anything over."""
    bare.start()
    active, standby = bare.active, bare.standby
    term = active.document()["node"]["term"]
    standby.send(signal.SIGSTOP)
    active.wait_warning("no_standby")
    assert active.sites("Meanwhile") == ["unsafe"]
    standby.send(signal.SIGCONT)
    bare.wait_healthy()
    assert bare.active is active
    assert active.document()["node"]["term"] == term
    assert bare.check_same_data()["sites"] == ["Meanwhile"]


def test_both_frozen_for_longer_than_the_timeout(bare: BarePair) -> None:
    """As on two virtual machines of one host: afterwards one is active, nothing is lost."""
    bare.start()
    assert bare.active.sites("Before") == ["safe"]
    for node in bare.nodes:
        node.send(signal.SIGSTOP)
    eventually(lambda: boot_time() - stopped_at(bare) > 1.3, "the timeout has passed")
    for node in bare.nodes:
        node.send(signal.SIGCONT)
    bare.wait_healthy()
    assert bare.active.sites("After") == ["safe"]
    found = bare.check_same_data()
    assert (found["sites"], found["set_aside"]) == (["After", "Before"], 0)


def stopped_at(bare: BarePair) -> float:
    """Boot time of the last beat of either."""
    found = [node.last_lease() for node in bare.nodes]
    return max(lease.renewed_at for lease in found if lease is not None)
