"""Option 43: the bytes that base stations are told, and back."""

from __future__ import annotations

from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rfps.dhcp.option43 import (
    BadOption,
    Code,
    Told,
    decode,
    encode,
    from_hex,
    understand,
)

addresses = st.builds(IPv4Address, st.integers(0, 2**32 - 1))
names = st.text("abcdefghijklmnopqrstuvwxyz0123456789.-", min_size=1, max_size=40)
told = st.builds(
    Told,
    first_omm=addresses,
    second_omm=st.none() | addresses,
    syslog_address=st.none() | addresses,
    syslog_port=st.integers(1, 65535),
    country=st.none() | st.integers(1, 101),
    ntp_name=st.just("") | names,
    config_url=st.just("") | names,
)


def test_a_pair() -> None:
    both = Told(IPv4Address("192.168.0.1"), IPv4Address("192.168.0.2"))
    assert encode(both).hex() == "0a04c0a800011304c0a80002"


def test_everything() -> None:
    everything = Told(
        IPv4Address("10.77.0.2"),
        IPv4Address("10.77.0.3"),
        IPv4Address("10.77.0.9"),
        514,
        1,
        "ntp.example",
        "http://h/a,b",
    )
    assert encode(everything).hex() == "".join((
        "0a040a4d0002",
        "13040a4d0003",
        "0e040a4d0009",
        "0f020202",
        "11020001",
        "120b" + b"ntp.example".hex(),
        "020c" + b"http://h/a,b".hex(),
    ))  # fmt: skip


@given(told)
def test_what_is_told_is_understood(wanted: Told) -> None:
    found = {each.code: each.value for each in understand(encode(wanted))}
    expected = {
        Code.FIRST_OMM: str(wanted.first_omm),
        Code.SECOND_OMM: wanted.second_omm and str(wanted.second_omm),
        Code.SYSLOG_ADDRESS: wanted.syslog_address and str(wanted.syslog_address),
        Code.SYSLOG_PORT: str(wanted.syslog_port) if wanted.syslog_address else None,
        Code.COUNTRY: str(wanted.country) if wanted.country is not None else None,
        Code.NTP_NAME: wanted.ntp_name or None,
        Code.CONFIG_URL: wanted.config_url or None,
    }
    assert found == {code: value for code, value in expected.items() if value is not None}


@given(st.binary(max_size=255))
def test_any_bytes_are_read_or_refused(octets: bytes) -> None:
    try:
        parts = decode(octets)
    except BadOption:
        return
    assert sum(len(part.octets) for part in parts) <= len(octets)
    assert len(understand(octets)) == len(parts)


@pytest.mark.parametrize(
    ("octets", "values"),
    [
        ("13040a4d00030a040a4d00020f0202 02", ["10.77.0.3", "10.77.0.2", "514"]),
        ("0a040a4d0002ff13040a4d0003", ["10.77.0.2"]),
        ("0x0A:04:0A:4D:00:02", ["10.77.0.2"]),
    ],
    ids=["a server's own order", "nothing after the end mark", "hexadecimal as people write it"],
)
def test_what_servers_send(octets: str, values: list[str]) -> None:
    assert [each.value for each in understand(from_hex(octets))] == values


@pytest.mark.parametrize(
    ("octets", "problem"),
    [
        ("0a080a4d00020a4d0003", "8 bytes"),
        ("0f0164", "1 bytes instead of 2"),
        ("1200", "empty"),
        ("0a093130", "cut off"),
    ],
    ids=["two addresses in one", "a number of one byte", "an empty text", "a wrong length"],
)
def test_mistakes_that_servers_let_pass(octets: str, problem: str) -> None:
    try:
        found = [str(each.problem) for each in understand(from_hex(octets))]
    except BadOption as error:
        found = [str(error)]
    assert any(problem in each for each in found)


def test_too_long() -> None:
    with pytest.raises(BadOption, match="more than 200"):
        encode(Told(IPv4Address(1), config_url="x" * 199))


def test_no_hexadecimal() -> None:
    with pytest.raises(BadOption, match="hexadecimal"):
        from_hex("0a04 zz")
