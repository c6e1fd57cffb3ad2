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
    options = dict(_options(plan))
    forced = ", ".join(f"{code:02x}" for code in sorted(options))
    asked = "option dhcp-parameter-request-list"
    test = f"substring(option vendor-class-identifier, 0, {len(VENDOR_CLASS)})"
    yield 'class "rfp" {'
    yield f'  match if {test} = "{VENDOR_CLASS}";'
    yield f"  {asked} = concat({asked}, {forced});"
    for option in options.values():
        yield f"  option {option};"
    yield "}"


def _options(plan: Plan) -> Iterator[tuple[int, str]]:
    """Each option with its number."""
    yield 43, f"vendor-encapsulated-options {plan.option43.hex(':')}"
    yield 224, f'omm-magic "{plan.magic}"'
    if plan.vlan is not None:
        yield 132, f"rfp-vlan {plan.vlan}"
    if plan.ntp:
        yield 42, f"ntp-servers {', '.join(map(str, plan.ntp))}"
    if plan.boot_server:
        yield 66, f'tftp-server-name "{plan.boot_server}"'
    if plan.boot_file:
        yield 67, f'bootfile-name "{plan.boot_file}"'


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
