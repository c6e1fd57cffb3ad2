"""What people can get wrong: a warning with a clear text, never a crash, never lost data."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from standby.domain.facts import Head, Heartbeat, Role
from standby.link.datagram import DatagramCodec
from tests.bare import BareNode, BarePair
from tests.pair import ROOT, SECRET, eventually

pytestmark = pytest.mark.processes

OTHER_SECRET = "the secret of quite another pair of OMMs"
TEN_YEARS = 10 * 365.25 * 86400


def alone_with(node: BareNode, site: str) -> None:
    node.start().wait("active").wait_gate()
    node.sites(site)
    node.kill()


def test_another_pair_secret_keeps_strangers_apart(bare: BarePair) -> None:
    bare.low.start()
    bare.high.start(pair_secret=OTHER_SECRET)
    for node in bare.nodes:
        assert "another pair secret" in node.wait("standby").wait_warning("wrong_peer")
        assert "no_standby" in node.warnings()
        assert node.document()["journal"]["seq"] == 0
    answer = bare.high.command("takeover", actor="admin", force=True)
    assert answer["accepted"], answer
    bare.high.wait("active")
    assert bare.low.role() == "standby"
    assert bare.low.document()["journal"]["seq"] == 0, "nothing came over"


def test_a_wrong_secret_at_a_restart_leaves_the_active_alone(bare: BarePair) -> None:
    bare.start()
    term = bare.low.document()["node"]["term"]
    bare.high.kill()
    bare.high.start(pair_secret=OTHER_SECRET)
    bare.low.wait_warning("no_standby")
    assert "another pair secret" in bare.low.wait_warning("wrong_peer")
    document = bare.low.document()
    assert (document["node"]["role"], document["node"]["term"]) == ("active", term)
    assert bare.low.sites("Ward") == ["unsafe"]
    bare.high.kill()
    bare.high.start(pair_secret=SECRET)
    bare.wait_healthy()
    bare.low.wait_no_warning("wrong_peer")
    assert bare.check_same_data()["sites"] == ["Ward"]


def test_both_have_the_same_address(bare: BarePair) -> None:
    """Somebody with our secret speaks for himself under our own address."""
    bare.low.start().wait("active")
    codec = DatagramCodec(SECRET.encode(), "impostor")
    with socket.socket(type=socket.SOCK_DGRAM) as sender:
        sender.bind((bare.low.peer, 0))

        def told() -> bool:
            data = codec.encode(statement_from("impostor", bare.low.address))
            sender.sendto(data, (bare.low.address, bare.low.link_port))
            return "wrong_peer" in bare.low.warnings()

        eventually(told, "the same address is reported")
    assert f"Both OMMs have the address {bare.low.address}" in bare.low.warnings()["wrong_peer"]
    assert bare.low.role() == "active"
    bare.low.wait_no_warning("wrong_peer")


def statement_from(node: str, address: str) -> Heartbeat:
    return Heartbeat(
        node=node,
        address=address,
        peer_address="",
        boot="boot",
        counter=1,
        echo_boot="",
        echo_counter=0,
        hears=False,
        role=Role.STARTING,
        gate_open=False,
        term=0,
        head=Head(),
    )


def test_own_address_as_peer_is_refused_at_the_start(tmp_path: Path) -> None:
    done = start_node(tmp_path, OMM_ADDRESS="127.0.0.1", OMM_PEER_ADDRESS="127.0.0.1")
    assert done.returncode == 2
    assert "OMM_PEER_ADDRESS is this OMM's own address" in done.stderr


def test_a_peer_that_expects_somebody_else(bare: BarePair) -> None:
    path = (("127.0.0.12", bare.low.address),)
    bare.high.start(peer_address="127.0.0.3", paths=path)
    bare.low.start()
    assert "expects its peer at 127.0.0.3" in bare.low.wait_warning("wrong_peer")


def test_a_copied_data_directory_is_recognised(bare: BarePair) -> None:
    bare.start()
    for node in bare.nodes:
        node.kill()
    bare.high.put_back(bare.low.save_disk())
    bare.low.start()
    bare.high.start()
    for node in bare.nodes:
        assert "same identity" in node.wait_warning("wrong_peer")


def test_a_data_directory_of_another_node_is_refused(bare: BarePair) -> None:
    environment = {**bare.low.environment(), "OMM_ADDRESS": "127.0.0.7"}
    done = subprocess.run(
        [sys.executable, "manage.py", "omm", "--quiet"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert bare.low.address in done.stderr
    assert "Traceback" not in done.stderr


def test_split_policies_that_differ_are_told_before_any_split(bare: BarePair) -> None:
    bare.low.start()
    bare.high.start(split_policy="most_rfps")
    for node in bare.nodes:
        assert "split policies differ" in node.wait_warning("settings_differ")
    bare.high.kill()
    bare.high.start(split_policy="longest_active")
    bare.wait_healthy()
    for node in bare.nodes:
        node.wait_no_warning("settings_differ")


@pytest.mark.parametrize("offset", [60.0, TEN_YEARS, -TEN_YEARS], ids=["minute", "after", "before"])
def test_clock_skew_is_a_warning_and_nothing_else(bare: BarePair, offset: float) -> None:
    bare.low.start()
    bare.high.start(wall_offset=offset)
    bare.wait_healthy()
    for node in bare.nodes:
        seconds = int(node.wait_warning("clock_skew").split(" s apart")[0].split()[-1])
        assert abs(seconds - abs(offset)) < 5
    assert bare.active.sites("Ward") == ["safe"]
    heir = bare.standby
    bare.active.kill()
    heir.wait("active").wait_gate()


def test_two_lineages_are_both_kept_as_they_are(bare: BarePair) -> None:
    for node in bare.nodes:
        alone_with(node, f"Of {node.name}")
    before = {node.name: node.look() for node in bare.nodes}
    for node in bare.nodes:
        node.start()
    for node in bare.nodes:
        text = node.wait_warning("wrong_peer")
        assert "another pair's data. Neither is overwritten" in text
    eventually(lambda: sorted(n.role() for n in bare.nodes) == ["active", "standby"], bare.describe)
    for node in bare.nodes:
        found = node.look()
        assert found["hashes"] == before[node.name]["hashes"]
        assert found["digest"] == before[node.name]["digest"]
        assert node.document()["node"]["synchronised"] is False


def test_two_lineages_that_are_both_active(bare: BarePair) -> None:
    """The second one is told of the first while it serves; neither gives its data up."""
    alone_with(bare.high, "Of high")
    bare.low.start().wait("active").wait_gate()
    bare.low.sites("Of low")
    bare.high.start()
    for node in bare.nodes:
        assert "another pair's data" in node.wait_warning("wrong_peer")
    assert bare.low.role() == "active"
    assert bare.low.sites("More") == ["unsafe"]
    assert bare.low.look()["sites"] == ["More", "Of low"]
    assert bare.high.look()["sites"] == ["Of high"]


def start_node(directory: Path, **own: str) -> subprocess.CompletedProcess[str]:
    (directory / "env").touch()
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("OMM_")}
    fixed = {
        "OMM_ENV_FILE": str(directory / "env"),
        "OMM_DATA_DIR": str(directory / "data"),
        "OMM_PAIR_SECRET": SECRET,
    }
    return subprocess.run(
        [sys.executable, "manage.py", "omm", "--quiet"],
        cwd=ROOT,
        env={**inherited, **fixed, **own},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_heartbeat_paths_that_only_one_omm_has_are_named(bare: BarePair) -> None:
    """Also one whose own address this host does not have: it is a warning, the pair works."""
    second = ("127.0.0.3", "127.0.0.4")
    bare.low.start(paths=[second, ("192.0.2.1", "192.0.2.2")])
    bare.high.start(paths=[second[::-1]])
    bare.wait_healthy()
    missing = "heartbeat path 192.0.2.1 to 192.0.2.2"
    assert f"this OMM has the {missing}" in bare.low.wait_warning("settings_differ")
    assert f"the other OMM has the {missing}" in bare.high.wait_warning("settings_differ")
    assert "192.0.2.1 to 192.0.2.2 (never heard)" in bare.low.wait_warning("path_down")
    main, further, _missing = bare.low.document()["peer"]["paths"]
    assert main["heard"]
    assert main["heard_by_peer"]
    assert main["channel"]
    assert further["heard"]
    assert further["heard_by_peer"]
    assert not further["channel"]
    assert "path_down" not in bare.high.warnings()
    assert bare.low.sites("Ward") == ["safe"]
