"""Real DHCP servers run what is rendered: base stations get exactly the bytes, others nothing."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from rfps.dhcp.option43 import Told
from rfps.dhcp.plan import Host, Network, Plan, problems
from rfps.dhcp.servers import SERVERS
from tests import namespaces
from tests.dhcp.client import Client
from tests.dhcp.lab import Lab, laboratory, program

REAL = ("dhcpd", "dnsmasq", "kea")
PROGRAM = {"dhcpd": "dhcpd", "dnsmasq": "dnsmasq", "kea": "kea-dhcp4"}
NET = Network(
    IPv4Network("10.77.0.0/24"),
    gateway=IPv4Address("10.77.0.254"),
    pool=(IPv4Address("10.77.0.50"), IPv4Address("10.77.0.99")),
)
PLAN = Plan(
    told=Told(
        IPv4Address("10.77.0.2"),
        IPv4Address("10.77.0.3"),
        IPv4Address("10.77.0.9"),
        514,
        country=1,
        ntp_name="10.77.0.9",
        config_url="http://h/a,b",
    ),
    networks=(NET,),
    hosts=(Host("00:30:42:00:00:01", IPv4Address("10.77.0.11"), 'Reception "1"'),),
    vlan=100,
    ntp=(IPv4Address("10.77.0.9"),),
    boot_server="http://10.77.0.2/boot,1",
    boot_file="iprfp.bin",
)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    reason = namespaces.why_impossible()
    missing = [name for name in PROGRAM.values() if program(name) is None]
    if reason or missing:
        pytest.skip(reason or f"not installed: {', '.join(missing)}")
    with laboratory(tmp_path_factory.mktemp("dhcp")) as made:
        yield made


@pytest.mark.parametrize("code", REAL)
def test_base_stations_get_the_bytes_and_others_nothing(lab: Lab, code: str) -> None:
    assert problems(PLAN) == []
    with lab.serving(code, SERVERS[code].render(PLAN)):
        for vendor_class in ("OpenMobility3G", "OpenMobility"):
            for answer in lab.with_client("00:30:42:00:00:01", vendor_class, patient_lease):
                assert answer.address == "10.77.0.11"
                assert answer.options[43] == PLAN.option43
                assert answer.options[224] == b"OpenMobilitySIP-DECT"
                assert answer.options[132] == (100).to_bytes(2, "big")
                assert answer.options[3] == IPv4Address("10.77.0.254").packed
                assert answer.options[42] == IPv4Address("10.77.0.9").packed
                assert answer.options[66].rstrip(b"\0") == b"http://10.77.0.2/boot,1"
                assert answer.options[67].rstrip(b"\0") == b"iprfp.bin"
        offer, _ = lab.with_client("00:30:42:00:00:77", "OpenMobility3G", patient_lease)
        assert IPv4Address("10.77.0.50") <= IPv4Address(offer.address) <= IPv4Address("10.77.0.99")
        assert offer.options[43] == PLAN.option43
        other = lab.with_client("00:11:22:00:00:01", "Other", lambda client: client.offer(1.5))
        assert other is None or not {43, 224} & other.options.keys()


def patient_lease(client: Client) -> object:
    """Servers need a moment before they answer the first time."""
    return client.lease(15)


hosts_of_net = st.sets(st.integers(4, 49), max_size=8).map(
    lambda numbers: tuple(
        Host(f"00:30:42:00:01:{number:02X}", IPv4Address(f"10.77.0.{number}"), "Raum ä\\ ${x} ' ;")
        for number in sorted(numbers)
        if number != 9
    )
)
texts = st.text(
    st.characters(min_codepoint=33, max_codepoint=126, exclude_characters='"\\'), max_size=40
)
plans = st.builds(
    replace,
    st.just(PLAN),
    hosts=hosts_of_net,
    vlan=st.none() | st.integers(0, 4094),
    ntp=st.sampled_from([(), (IPv4Address("10.77.0.9"),), (IPv4Address(1), IPv4Address(2))]),
    boot_server=st.just("") | texts,
    boot_file=st.just("") | texts,
    told=st.builds(
        Told,
        first_omm=st.just(IPv4Address("10.77.0.2")),
        second_omm=st.sampled_from([None, IPv4Address("10.77.0.3")]),
        country=st.sampled_from([None, 1, 101]),
        ntp_name=st.just("") | texts,
        config_url=st.just("") | texts,
    ),
    networks=st.sampled_from([(NET,), (replace(NET, pool=None),), (replace(NET, gateway=None),)]),
)


@pytest.mark.parametrize("code", REAL)
@settings(
    max_examples=50,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(plan=plans)
def test_the_servers_own_check_passes(lab: Lab, code: str, tmp_path: Path, plan: Plan) -> None:
    """On 50 random settings: what is taken as right here is right for the server's checker."""
    assert problems(plan) == []
    path = tmp_path / SERVERS[code].filename
    path.write_text(SERVERS[code].render(plan))
    words = SERVERS[code].check.replace("{file}", str(path)).split()
    words[0] = str(program(words[0]))
    done = subprocess.run(words, check=False, capture_output=True, text=True)
    assert done.returncode == 0, path.read_text() + done.stderr + done.stdout
