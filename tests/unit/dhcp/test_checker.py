"""What base stations would understand from configurations that people paste."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rfps.dhcp.checker import check
from rfps.dhcp.option43 import BadOption, Code, Told
from rfps.dhcp.plan import Form, Host, Network, Plan
from rfps.dhcp.reading import dnsmasq_value
from rfps.dhcp.servers import SERVERS

TOLD = Told(IPv4Address("10.77.0.2"), IPv4Address("10.77.0.3"), IPv4Address("10.77.0.9"), 514)
PLAN = Plan(
    told=TOLD,
    networks=(Network(IPv4Network("10.77.0.0/24"), pool=(IPv4Address("10.77.0.50"),) * 2),),
    hosts=(Host("00:30:42:00:00:01", IPv4Address("10.77.0.11")),),
    vlan=7,
    boot_server="http://h/a,b",
)


@pytest.mark.parametrize("form", list(Form))
@pytest.mark.parametrize("code", sorted(SERVERS))
def test_what_is_rendered_is_found_good(code: str, form: Form) -> None:
    verdict = check(SERVERS[code].render(replace(PLAN, form=form)), TOLD)
    assert verdict.server == code
    assert [str(finding.text) for finding in verdict.findings] == []
    assert verdict.option43 == PLAN.option43
    assert verdict.address(Code.SECOND_OMM) == TOLD.second_omm


DHCPD = """
option space sipdect;
option sipdect.omm1 code 10 = ip-address;
option sipdect.omm2 code 19 = ip-address;
option sipdect.port code 15 = unsigned integer 16;
option omm-magic code 224 = text;
class "rfp" {
  match if substring(option vendor-class-identifier, 0, 12) = "OpenMobility";
  vendor-option-space sipdect;
  option dhcp-parameter-request-list = concat(option dhcp-parameter-request-list, 2b, e0);
  option sipdect.omm1 10.77.0.2;
  option sipdect.omm2 10.77.0.3;
  option sipdect.port 514;
  option omm-magic "OpenMobilitySIP-DECT";
}
"""
DNSMASQ = """
dhcp-match=set:rfp,60,4f:70:65:6e:4d:6f:62:69:6c:69:74:79
dhcp-option-force=tag:rfp,224,"OpenMobilitySIP-DECT"
dhcp-option-force=tag:rfp,encap:43,19,10.77.0.3
dhcp-option-force=tag:rfp,encap:43,10,10.77.0.2
"""
KEA = """
{ "Dhcp4": { // comment
"option-def": [
 {"space": "dhcp4", "name": "vendor-encapsulated-options", "code": 43, "type": "empty",
  "encapsulate": "sipdect"},
 {"space": "dhcp4", "name": "omm-magic", "code": 224, "type": "string"},
 {"space": "sipdect", "name": "omm1", "code": 10, "type": "ipv4-address"},
 {"space": "sipdect", "name": "omm2", "code": 19, "type": "ipv4-address"}],
"client-classes": [ {"name": "rfp", "test": "substring(option[60].hex,0,12) == 'OpenMobility'",
 "option-data": [
  {"name": "vendor-encapsulated-options", "always-send": true},
  {"space": "sipdect", "name": "omm1", "data": "10.77.0.2"},
  {"space": "sipdect", "name": "omm2", "data": "10.77.0.3"},
  {"name": "omm-magic", "data": "OpenMobilitySIP-DECT", "always-send": true} ]} ] } }
"""
PAIR = Told(TOLD.first_omm, TOLD.second_omm)


@pytest.mark.parametrize("text", [DHCPD, DNSMASQ, KEA], ids=["dhcpd", "dnsmasq", "kea"])
def test_single_sub_options_are_put_together(text: str) -> None:
    verdict = check(text, PAIR)
    assert [str(finding.text) for finding in verdict.findings] == []
    assert verdict.address(Code.FIRST_OMM) == TOLD.first_omm


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("0a 04 0a 4d 00 02", "second OMM"),
        ("13040a4d0003", "first OMM"),
        ("0a040a4d00020a040a4d0003", "twice"),
        ("0a040a4d0002ff13040a4d0003", "after the end mark"),
        ("0a080a4d00020a4d0003", "8 bytes"),
        ("0a040a4d0063 13040a4d0003", "settings say 10.77.0.2"),
        ("0a040a4d0003 13040a4d0002", "the other way round"),
        (DHCPD.replace(", 2b, e0", ", e0"), "option 43 is sent to those only"),
        (DHCPD.replace("SIP-DECT", "SIPDECT"), "option 224 is 'OpenMobilitySIPDECT'"),
        (DHCPD.replace("vendor-class-identifier", "host-name"), "other devices"),
        (DNSMASQ.replace("-force=tag:rfp,encap", "=tag:rfp,encap"), "option 43 is sent to those"),
        (DNSMASQ + "dhcp-option-force=tag:rfp,encap:43,15,100", "1 bytes instead of 2"),
        (DNSMASQ + "dhcp-option-force=tag:rfp,43,0a:04:0a:4d:00:02", "in one piece and as"),
        (DNSMASQ + "dhcp-option-force=tag:rfp,encap:43,2," + "x" * 300, "2 cannot be sent"),
        (DNSMASQ + "dhcp-option-force=tag:rfp,encap:43,300,1", "300 cannot be sent"),
        (DNSMASQ + "dhcp-option-force=tag:rfp,encap:43,18,10.77.0.9", "cannot be printed"),
        (KEA.replace('options", "always', 'other", "always'), "alone"),
        (KEA.replace(', "always-send": true} ]}', "} ]}"), "option 224 is sent to those only"),
        ("/ip dhcp-server option\nadd code=43 name=a value=0x0a040a4d0002", "224 is missing"),
    ],
)  # fmt: skip
def test_mistakes_that_are_told(text: str, said: str) -> None:
    findings = [str(finding.text) for finding in check(text, PAIR).findings]
    assert any(said in finding for finding in findings), findings


def test_several_rows_of_a_router() -> None:
    text = (
        "/ip dhcp-server option\n"
        "add code=43 name=a force=yes value=0x0a040a4d0002\n"
        "add code=43 name=b force=yes value=0x13040a4d0003\n"
        "add code=224 name=c force=yes value='OpenMobility'\n"
    )
    assert any("several rows" in finding.text for finding in check(text).findings)


@pytest.mark.parametrize(
    ("value", "octets"),
    [
        ("100", "64"),
        ("100s", "0064"),
        ("70000s", "1170"),
        ("514", "0202"),
        ("10.77.0.9", "0a4d0009"),
        ('"10.77.0.9"', b"10.77.0.9".hex()),
        ("name", b"name".hex()),
        ("", ""),
    ],
)
def test_values_as_dnsmasq_sends_them(value: str, octets: str) -> None:
    assert dnsmasq_value(value).hex() == octets


@given(st.text(max_size=300) | st.sampled_from([DHCPD, DNSMASQ, KEA]).flatmap(
    lambda text: st.tuples(st.integers(0, len(text)), st.text(max_size=5)).map(
        lambda cut: text[: cut[0]] + cut[1] + text[cut[0] + 3 :]
    )
))  # fmt: skip
def test_any_text_is_judged_or_refused(text: str) -> None:
    try:
        verdict = check(text, TOLD)
    except BadOption:
        return
    assert verdict.findings or verdict.option43
