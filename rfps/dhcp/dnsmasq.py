"""dnsmasq: ``/etc/dnsmasq.d/rfp.conf``."""

from __future__ import annotations

from collections.abc import Iterator

from rfps.dhcp.option43 import VENDOR_CLASS
from rfps.dhcp.plan import Form, Host, Network, Plan

TITLE = "dnsmasq"
FILENAME = "rfp.conf"
CHECK = "dnsmasq --test --conf-file={file}"
COMMENT = "#"

_FORCE = "dhcp-option-force=tag:rfp"


def render(plan: Plan) -> str:
    """The configuration; every option is forced, for base stations do not ask for all of them."""
    lines = list(_options(plan))
    if plan.form is Form.COMPLETE:
        lines = ["port=0", "no-ping", "dhcp-authoritative", "dhcp-ignore=tag:!rfp", "", *lines]
        for number, network in enumerate(plan.networks, 1):
            lines += ["", *_range(network, f"net{number}")]
    for host in plan.hosts:
        lines += _host(host)
    return "\n".join(lines) + "\n"


def _options(plan: Plan) -> Iterator[str]:
    yield f"dhcp-match=set:rfp,60,{VENDOR_CLASS.encode().hex(':')}"
    yield f'{_FORCE},224,"{plan.magic}"'
    yield f"{_FORCE},43,{plan.option43.hex(':')}"
    if plan.vlan is not None:
        yield f"{_FORCE},132,{plan.vlan}s"
    if plan.ntp:
        yield f"{_FORCE},42,{','.join(map(str, plan.ntp))}"
    if plan.boot_server:
        yield f'{_FORCE},66,"{plan.boot_server}"'
    if plan.boot_file:
        yield f'{_FORCE},67,"{plan.boot_file}"'


def _range(each: Network, tag: str) -> Iterator[str]:
    mask = each.network.netmask
    if each.pool is None:
        yield f"dhcp-range=set:{tag},{each.network.network_address},static,{mask},{each.lease}"
    else:
        first, last = each.pool
        yield f"dhcp-range=set:{tag},tag:rfp,{first},{last},{mask},{each.lease}"
    if each.gateway is not None:
        yield f"dhcp-option=tag:{tag},option:router,{each.gateway}"
    else:
        yield f"dhcp-option=tag:{tag},option:router"


def _host(host: Host) -> Iterator[str]:
    yield ""
    if host.label:
        yield f"# {host.label}"
    yield f"dhcp-host={host.mac.lower()},{host.address},{host.name}"
