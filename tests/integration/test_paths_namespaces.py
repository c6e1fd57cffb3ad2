"""Two OMM hosts with two cables between them, each of which can be pulled (network namespaces)."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.bare import BarePair, stays
from tests.network import skip_unless_possible

pytestmark = pytest.mark.processes

CABLES = (("10.78.1.1", "10.78.1.2"), ("10.78.2.1", "10.78.2.2"))
LONGER_THAN_A_VERDICT = 2.0


@dataclass(frozen=True)
class TwoCables:
    """Host 0 and host 1, joined by cable 0 and cable 1, each a network of its own."""

    hosts: tuple[str, str]

    def build(self) -> None:
        for host in self.hosts:
            _ip("netns", "add", host)
            _ip("-n", host, "link", "set", "lo", "up")
        first, second = self.hosts
        for number, addresses in enumerate(CABLES):
            port = f"cable{number}"
            _ip("-n", first, "link", "add", port, "type", "veth", "peer", port, "netns", second)
            for host, address in zip(self.hosts, addresses, strict=True):
                _ip("-n", host, "address", "add", f"{address}/24", "dev", port)
                _ip("-n", host, "link", "set", port, "up")

    def cut(self, *cables: int) -> None:
        """Everything that is sent over these cables is lost; nobody's link light goes out."""
        for cable in cables:
            for number, host in enumerate(self.hosts):
                _ip("-n", host, "route", "add", "blackhole", f"{CABLES[cable][1 - number]}/32")

    def mend(self, *cables: int) -> None:
        for cable in cables:
            for number, host in enumerate(self.hosts):
                with contextlib.suppress(subprocess.CalledProcessError):
                    _ip("-n", host, "route", "del", "blackhole", f"{CABLES[cable][1 - number]}/32")

    def remove(self) -> None:
        for host in self.hosts:
            if (Path("/run/netns") / host).exists():
                _ip("netns", "del", host)


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, text=True)


@pytest.fixture(scope="module")
def built_cables() -> Iterator[TwoCables]:
    skip_unless_possible()
    built = TwoCables((f"omm-{os.getpid()}-p0", f"omm-{os.getpid()}-p1"))
    try:
        built.build()
        yield built
    finally:
        built.remove()


@pytest.fixture
def cables(built_cables: TwoCables) -> Iterator[TwoCables]:
    yield built_cables
    built_cables.mend(0, 1)


def start(bare: BarePair, cables: TwoCables) -> BarePair:
    (low, high), (low_2, high_2) = CABLES
    own = ((low, high, low_2, high_2), (high, low, high_2, low_2))
    for node, host, (address, peer, second, peer_second) in zip(
        bare.nodes, cables.hosts, own, strict=True
    ):
        node.start(network=host, address=address, peer_address=peer, paths=[[second, peer_second]])
    return bare.wait_healthy()


def heard(bare: BarePair) -> list[list[bool]]:
    """Of every OMM, which of its paths speak."""
    return [[path["heard"] for path in node.document()["peer"]["paths"]] for node in bare.nodes]


@pytest.mark.parametrize("cut", [0, 1])
def test_one_cut_cable_is_a_warning_and_changes_stay_safe(
    bare: BarePair, cables: TwoCables, cut: int
) -> None:
    start(bare, cables)
    low, high = bare.nodes
    term = low.document()["node"]["term"]
    assert low.sites("Before") == ["safe"]
    assert heard(bare) == [[True, True], [True, True]]

    cables.cut(cut)
    stays(
        lambda: (low.role(), high.role()) == ("active", "standby"),
        "one active, one standby",
        LONGER_THAN_A_VERDICT,
    )
    assert low.sites("After 1", "After 2") == ["safe", "safe"]
    for node, addresses in ((low, CABLES[cut]), (high, CABLES[cut][::-1])):
        text = node.wait_warning("path_down")
        assert f"{addresses[0]} to {addresses[1]} (since " in text
        assert "no_standby" not in node.warnings()
    assert [each[cut] for each in heard(bare)] == [False, False]
    assert [each[1 - cut] for each in heard(bare)] == [True, True]

    cables.mend(cut)
    for node in bare.nodes:
        node.wait_no_warning("path_down")
    assert low.document()["node"]["term"] == term
    assert bare.check_same_data()["sites"] == ["After 1", "After 2", "Before"]


def test_only_with_every_cable_cut_the_standby_takes_over(
    bare: BarePair, cables: TwoCables
) -> None:
    """And one cable that is back is enough for contact, with one active OMM again."""
    start(bare, cables)
    low, high = bare.nodes
    cables.cut(0)
    stays(lambda: high.role() == "standby", "the other one is standby", LONGER_THAN_A_VERDICT)
    cables.cut(1)
    high.wait("active", within=5.0)
    assert low.role() == "active"

    cables.mend(1)
    bare.wait_healthy()
    for node in bare.nodes:
        assert "no_standby" not in node.warnings()
        node.wait_warning("path_down")
    assert bare.active.sites("Again") == ["safe"]
    assert bare.check_same_data()["sites"] == ["Again"]
