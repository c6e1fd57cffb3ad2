"""ISC dhcpd: ``/etc/dhcp/dhcpd.conf``."""

from __future__ import annotations

from collections.abc import Iterator

from rfps.dhcp.option43 import VENDOR_CLASS
from rfps.dhcp.plan import Form, Host, Network, Plan

TITLE = "ISC dhcpd"
FILENAME = "dhcpd.conf"
CHECK = "dhcpd -t -cf {file}"
COMMENT = "#"


def render(plan: Plan) -> str:
    """The configuration; the options are forced on base stations, for they do not ask for all."""
    lines = [*_definitions(plan), "", *_class(plan)]
    if plan.form is Form.COMPLETE:
        lines = ["authoritative;", "ping-check false;", *lines]
        for network in plan.networks:
            lines += ["", *_subnet(network)]
    for host in plan.hosts:
        lines += _host(host)
    return "\n".join(lines) + "\n"


def _definitions(plan: Plan) -> Iterator[str]:
    yield "option omm-magic code 224 = text;"
    if plan.vlan is not None:
        yield "option rfp-vlan code 132 = unsigned integer 16;"


def _class(plan: Plan) -> Iterator[str]:
    forced = ["2b", "e0"] if plan.vlan is None else ["2b", "84", "e0"]
    asked = "option dhcp-parameter-request-list"
    yield 'class "rfp" {'
    test = f"substring(option vendor-class-identifier, 0, {len(VENDOR_CLASS)})"
    yield f'  match if {test} = "{VENDOR_CLASS}";'
    yield f"  {asked} = concat({asked}, {', '.join(forced)});"
    yield f"  option vendor-encapsulated-options {plan.option43.hex(':')};"
    yield f'  option omm-magic "{plan.magic}";'
    if plan.vlan is not None:
        yield f"  option rfp-vlan {plan.vlan};"
    if plan.ntp:
        yield f"  option ntp-servers {', '.join(map(str, plan.ntp))};"
    if plan.boot_server:
        yield f'  option tftp-server-name "{plan.boot_server}";'
    if plan.boot_file:
        yield f'  option bootfile-name "{plan.boot_file}";'
    yield "}"


def _subnet(each: Network) -> Iterator[str]:
    yield f"subnet {each.network.network_address} netmask {each.network.netmask} {{"
    yield f"  default-lease-time {each.lease};"
    yield f"  max-lease-time {each.lease};"
    if each.gateway is not None:
        yield f"  option routers {each.gateway};"
    if each.pool is not None:
        first, last = each.pool
        yield f'  pool {{ allow members of "rfp"; range {first} {last}; }}'
    yield "}"


def _host(host: Host) -> Iterator[str]:
    yield ""
    if host.label:
        yield f"# {host.label}"
    device = f"hardware ethernet {host.mac.lower()}; fixed-address {host.address};"
    yield f"host {host.name} {{ {device} }}"
