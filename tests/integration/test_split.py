"""The cable between the two OMMs: cut, half cut, plugged in again (standby.md, rules 5 and 6)."""

from __future__ import annotations

import base64
import sqlite3
import threading
import time
from collections.abc import Iterator
from typing import Self

import pytest

from tests.bare import BareNode, BarePair, stays
from tests.network import V4, V6, Network, network, skip_unless_possible
from tests.pair import eventually

pytestmark = pytest.mark.processes


@pytest.fixture(scope="module")
def cables() -> Iterator[Network]:
    skip_unless_possible()
    with network() as built:
        yield built


@pytest.fixture
def cable(cables: Network) -> Iterator[Network]:
    yield cables
    cables.heal()


def start(bare: BarePair, cable: Network, addresses: tuple[str, str] = V4) -> BarePair:
    for number, node in enumerate(bare.nodes):
        node.start(
            network=cable.hosts[number],
            address=addresses[number],
            peer_address=addresses[1 - number],
        )
    return bare.wait_healthy()


def wait_split(bare: BarePair) -> None:
    """Both are active and say so."""
    for node in bare.nodes:
        node.wait("active").wait_gate()
        node.wait_warning("no_standby")


class Watch:
    """Looks all the time whether two OMMs in contact both accept changes (I1)."""

    def __init__(self, bare: BarePair) -> None:
        self.violations: list[str] = []
        self._bare = bare
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        assert not self.violations, self.violations[:3]

    def _look(self) -> None:
        while not self._over.is_set():
            if self._both_open() and self._both_open():
                self.violations.append(self._bare.describe())
            time.sleep(0.002)

    def _both_open(self) -> bool:
        held = [node.lease() for node in self._bare.nodes]
        return all(each and each.gate_open and each.peer_in_contact for each in held)


def set_aside(node: BareNode) -> list[dict[str, object]]:
    """What the REST interface of the active lists."""
    answer = node.ask("get", path="/api/v1/set-aside/?limit=100")
    assert answer["status"] == 200, answer
    return list(answer["json"]["results"])


def test_an_ipv6_pair(bare: BarePair, cable: Network) -> None:
    start(bare, cable, V6)
    assert bare.active is bare.low
    assert bare.low.sites("Ward") == ["safe"]
    assert bare.low.document()["peer"]["web"].startswith(f"http://[{V6[1]}]:")
    bare.low.kill()
    bare.high.wait("active").wait_gate()
    bare.low.start()
    bare.wait_healthy()
    assert bare.check_same_data()["sites"] == ["Ward"]


def test_after_a_split_one_goes_on_and_no_change_is_lost(bare: BarePair, cable: Network) -> None:
    """Both accept changes; the one active for longer wins, the other's changes are listed there."""
    start(bare, cable)
    low, high = bare.nodes
    assert low.sites("Common") == ["safe"]
    with Watch(bare):
        cable.cut()
        wait_split(bare)
        assert low.sites("Low 1", "Low 2", "Low 3") == ["unsafe"] * 3
        assert high.sites("High 1", "High 2") == ["unsafe"] * 2
        cable.mend()
        bare.wait_healthy()
    assert bare.active is low
    listed = low.wait_for(lambda: len(found := set_aside(low)) == 2 and found, "lists both")
    assert {entry["class"] for entry in listed} <= {"merged", "open", "kept", "replaced"}
    assert {entry["origin"] for entry in listed} == {listed[0]["origin"]}
    high.wait_for(lambda: not high.look()["pending"], "has handed its changes over")
    for node in bare.nodes:
        node.wait_no_warning("no_standby")
        node.wait_no_warning("split_resolved")
    assert {entry["class"] for entry in set_aside(low)} == {"merged"}
    found = bare.check_same_data()
    assert found["set_aside"] == 2
    assert found["sites"] == ["Common", "High 1", "High 2", "Low 1", "Low 2", "Low 3"]
    report = low.ask("get", path="/api/v1/splits/")["json"]["results"][0]
    report = low.ask("get", path=f"/api/v1/splits/{report['id']}/")["json"]
    assert (report["classes"]["merged"], report["problems"]) == (2, [])
    check_copy(low, high, report["copy"])


def check_copy(asker: BareNode, holder: BareNode, name: str) -> None:
    """The loser's database as it was can be read from the other OMM, piece by piece."""
    lies = holder.data / "split-copies" / name
    data = b""
    while len(data) < lies.stat().st_size:
        answer = asker.command("copy_part", name=name, offset=len(data))
        assert answer["ok"], answer
        data += base64.b64decode(answer["data"])
    assert data == lies.read_bytes()
    rows = sqlite3.connect(lies).execute("SELECT name FROM rfps_site ORDER BY name").fetchall()
    assert rows == [("Common",), ("High 1",), ("High 2",)]
    refused = asker.command("copy_part", name="../omm.sqlite3", offset=0)
    assert (refused["ok"], refused["reason"]) == (False, "There is no such copy any more.")


def test_what_both_sides_changed_stays_open_until_somebody_decides(
    bare: BarePair, cable: Network
) -> None:
    """The same name on both sides: the winner's stands, the other waits, and both OMMs say so."""
    start(bare, cable)
    low, high = bare.nodes
    cable.cut()
    wait_split(bare)
    assert low.sites("Ward", "Low") == ["unsafe"] * 2
    assert high.sites("Ward", "High") == ["unsafe"] * 2
    cable.mend()
    bare.wait_healthy()
    low.wait_for(lambda: classes(low) == ["merged", "open"], "has judged both")
    assert "1 change is open" in low.wait_warning("split_resolved")
    high.wait_for(lambda: not high.look()["pending"], "has handed its changes over")
    assert bare.check_same_data()["sites"] == ["High", "Low", "Ward"]


def test_a_merge_that_is_interrupted_by_a_fail_over_goes_on_there(
    bare: BarePair, cable: Network
) -> None:
    """The winner dies in the middle of merging: nothing is merged twice, nothing is forgotten."""
    start(bare, cable)
    low, high = bare.nodes
    cable.cut()
    wait_split(bare)
    names = [f"High {number:03}" for number in range(150)]
    assert high.sites(*names) == ["unsafe"] * 150
    cable.mend()
    low.wait_for(lambda: len(low.look()["sites"]) > 3, "has begun to merge")
    low.kill()
    high.wait("active").wait_gate()
    low.start()
    bare.wait_healthy()
    high.wait_for(lambda: all_merged(high, 150), "has merged all", 60.0)
    assert bare.check_same_data()["sites"] == names


def test_the_loser_dies_before_it_has_handed_everything_over(
    bare: BarePair, cable: Network
) -> None:
    """What it has not sent is on its disk: the winner goes on and gets the rest later."""
    start(bare, cable)
    cable.cut()
    wait_split(bare)
    names = [f"{node.name} {number:03}" for node in bare.nodes for number in range(60)]
    for node in bare.nodes:
        node.sites(*(name for name in names if name.startswith(node.name)))
    cable.mend()

    def found() -> BareNode | None:
        return next((node for node in bare.nodes if node.look()["pending"]), None)

    loser = eventually(found, "one has set its changes aside", 15.0)
    loser.kill()
    winner = bare.low if loser is bare.high else bare.high
    winner.wait_warning("no_standby")
    assert winner.sites("Later") == ["unsafe"]
    for report in winner.ask("get", path="/api/v1/splits/")["json"]["results"]:
        assert sum(report["classes"].values()) == report["loser_changes"] == 60
        assert report["problems"] == []
    loser.start()
    bare.wait_healthy()
    winner.wait_for(lambda: all_merged(winner, 60), "has merged all", 60.0)
    assert bare.check_same_data()["sites"] == sorted([*names, "Later"])
    for node in bare.nodes:
        node.wait_no_warning("split_resolved")


def all_merged(node: BareNode, count: int) -> bool:
    """So many changes were lost, and all are merged."""
    answer = node.ask("get", path="/api/v1/splits/")["json"]["results"]
    return sum(each["classes"]["merged"] for each in answer) == count


def classes(node: BareNode) -> list[object]:
    """The class of every set-aside change."""
    return sorted(str(entry["class"]) for entry in set_aside(node))


def test_the_old_standby_wins_when_it_reigned_longer(bare: BarePair, cable: Network) -> None:
    """The clock of the reign decides, not the address and not who was active before."""
    start(bare, cable)
    low, high = bare.nodes
    cable.cut()
    wait_split(bare)
    low.kill()
    stays(lambda: high.role() == "active", "active", 1.2)
    low.start()
    wait_split(bare)
    assert low.sites("Low") == ["unsafe"]
    assert high.sites("High") == ["unsafe"]
    with Watch(bare):
        cable.mend()
        bare.wait_healthy()
    assert bare.active is high
    high.wait_for(lambda: len(set_aside(high)) == 1, "lists the change of the other")
    assert "High" in bare.check_same_data()["sites"]


def test_a_split_without_changes_leaves_nothing_to_review(bare: BarePair, cable: Network) -> None:
    start(bare, cable)
    cable.cut()
    wait_split(bare)
    with Watch(bare):
        cable.mend()
        bare.wait_healthy()
    assert bare.active is bare.low
    found = bare.check_same_data()
    assert (found["set_aside"], found["pending"]) == (0, 0)


def test_a_short_cut_changes_nothing(bare: BarePair, cable: Network) -> None:
    """Shorter than the detection time: nobody takes over, nothing was unsafe for long."""
    start(bare, cable)
    term = bare.low.document()["node"]["term"]
    cable.cut()
    cable.mend()
    stays(lambda: bare.low.role() == "active" and bare.high.role() == "standby", "calm", 1.5)
    assert bare.wait_healthy().low.document()["node"]["term"] == term
    assert bare.low.sites("Ward") == ["safe"]


@pytest.mark.parametrize(
    "muted", [0, 1], ids=["the active is not heard", "the standby is not heard"]
)
def test_a_cable_that_is_cut_one_way(bare: BarePair, cable: Network, muted: int) -> None:
    """Contact needs both ways. Afterwards one goes on and every change is somewhere."""
    start(bare, cable)
    low, high = bare.nodes
    with Watch(bare):
        cable.mute(muted)
        low.wait_warning("no_standby")
        high.wait_warning("no_standby")
        made = {name for node in bare.nodes for name in made_where_possible(node)}
        cable.unmute(muted)
        bare.wait_healthy()
    assert made
    bare.active.wait_for(lambda: is_everywhere(bare, made), "has every change")


def made_where_possible(node: BareNode) -> set[str]:
    """The name of a site that this node accepted; none when it accepts nothing."""
    if not node.accepts_changes():
        return set()
    assert node.sites(f"Of {node.name}") == ["unsafe"]
    return {f"Of {node.name}"}


def is_everywhere(bare: BarePair, names: set[str]) -> bool:
    """Each change is in the tables of both: those of the loser were merged."""
    active, standby = bare.active.look(), bare.standby.look()
    there = names <= set(active["sites"]) and active["digest"] == standby["digest"]
    return there and not standby["pending"]
