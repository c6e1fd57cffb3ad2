"""What a base station's configuration must obey."""

import pytest
from django.core.exceptions import ValidationError

from rfps.models import Rfp
from rfps.validation import mac_normalised, own_problems

LOCAL = {
    "ip_mode": "local",
    "address": "10.77.0.11",
    "netmask": "255.255.255.0",
    "gateway": "10.77.0.1",
    "first_omm": "10.77.0.2",
    "second_omm": "10.77.0.3",
}


def problems(**values):
    return sorted(own_problems(Rfp(mac="00:30:42:00:00:01", **values)))


@pytest.mark.parametrize(
    "text",
    [
        "00:30:42:aa:bb:cc",
        "00-30-42-AA-BB-CC",
        "00.30.42.aa.bb.cc",
        "003042AABBCC",
        "0030.42aa.bbcc",
        " 003042aabbcc ",
    ],
)
def test_mac_addresses_in_all_written_forms(text):
    assert mac_normalised(text) == "00:30:42:AA:BB:CC"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "00:30:42:aa:bb",
        "00:30-42:aa:bb:cc",
        "00:30:42:aa:bb:cc:dd",
        "00:30:42:aa:bb:cg",
        "0:30:42:aa:bb:cc",
        "00:30:42:aa:bb:cc\n00",
        "000000000000",
        "ff:ff:ff:ff:ff:ff",
        "01:00:5e:00:00:01",
        "\uff10" + "0:30:42:00:00:01",
    ],
)
def test_what_is_no_address_of_one_device(text):
    with pytest.raises(ValidationError):
        mac_normalised(text)


def test_other_vendors_are_welcome():
    assert mac_normalised("08000F000001") == "08:00:0F:00:00:01"


def test_dhcp_needs_nothing():
    assert problems() == []


def test_a_complete_local_configuration():
    assert problems(**LOCAL) == []
    assert problems(**{**LOCAL, "second_omm": None}) == []


@pytest.mark.parametrize("field", ["address", "netmask", "gateway", "first_omm"])
def test_local_addresses_are_complete(field):
    assert field in problems(**{**LOCAL, field: None})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("gateway", "10.78.0.1"),
        ("gateway", "10.77.0.11"),
        ("gateway", "10.77.0.255"),
        ("address", "10.77.0.0"),
        ("address", "10.77.0.255"),
        ("address", "0.0.0.0"),
        ("address", "224.0.0.1"),
        ("address", "10.77.0.300"),
        ("netmask", "255.0.255.0"),
        ("netmask", "0.0.0.255"),
        ("netmask", "255.255.255.255"),
        ("netmask", "0.0.0.0"),
        ("second_omm", "10.77.0.2"),
        ("dns", "255.255.255.255"),
        ("cluster", 0),
        ("cluster", None),
        ("paging_area", 256),
        ("paging_area", -1),
        ("position_x", 10**9),
        ("name", "a\0b"),
        ("name", "x" * 65),
        ("room", "two\nlines"),
        ("ip_mode", "static"),
    ],
)
def test_bad_values_are_named(field, value):
    assert field in problems(**{**LOCAL, field: value})


def test_a_second_omm_needs_a_first():
    assert problems(second_omm="10.0.0.1") == ["first_omm"]
