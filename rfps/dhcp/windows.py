"""Windows Server: PowerShell for its DHCP server. Written from public manuals, not tried on one."""

from __future__ import annotations

from collections.abc import Iterator

from rfps.dhcp.option43 import VENDOR_CLASS
from rfps.dhcp.plan import Form, Host, Network, Plan

TITLE = "Windows Server"
FILENAME = "rfp.ps1"
CHECK = ""
COMMENT = "#"

_CLASSES = {"RFP": f"{VENDOR_CLASS}3G", "RFP-generation-2": VENDOR_CLASS}
"""Vendor classes by name; both are what base stations send in option 60."""


def render(plan: Plan) -> str:
    """The script; a policy for the vendor class gives the options to base stations only."""
    lines = ['$ErrorActionPreference = "Stop"']
    for name, data in _CLASSES.items():
        lines.append(f"Add-DhcpServerv4Class -Name {_text(name)} -Type Vendor -Data {_text(data)}")
    lines.append(
        "Add-DhcpServerv4OptionDefinition -OptionId 224 -Name 'OMM' -Type String -DefaultValue ''"
    )
    if plan.vlan is not None:
        lines.append("Add-DhcpServerv4OptionDefinition -OptionId 132 -Name 'VLAN' -Type Word")
    if plan.form is Form.COMPLETE:
        for number, network in enumerate(plan.networks, 1):
            lines += _scope(network, number)
    names = ",".join(_text(name) for name in _CLASSES)
    lines.append(f"Add-DhcpServerv4Policy -Name 'RFP' -Condition Or -VendorClass EQ,{names}")
    for code, value in _options(plan):
        lines.append(
            f"Set-DhcpServerv4OptionValue -PolicyName 'RFP' -OptionId {code} -Value {value}"
        )
    for network in plan.networks:
        lines += [_reservation(network, host) for host in plan.hosts_in(network)]
    return "\n".join(lines) + "\n"


def _options(plan: Plan) -> Iterator[tuple[int, str]]:
    yield 43, ",".join(f"0x{octet:02X}" for octet in plan.option43)
    yield 224, _text(plan.magic)
    if plan.vlan is not None:
        yield 132, f"{plan.vlan}"
    if plan.ntp:
        yield 42, ",".join(_text(str(each)) for each in plan.ntp)
    if plan.boot_server:
        yield 66, _text(plan.boot_server)
    if plan.boot_file:
        yield 67, _text(plan.boot_file)


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _scope(each: Network, number: int) -> Iterator[str]:
    scope = each.network.network_address
    first, last = each.pool or (scope + 1, each.network.broadcast_address - 1)
    yield (
        f"Add-DhcpServerv4Scope -Name 'RFP {number}' -StartRange {first} -EndRange {last}"
        f" -SubnetMask {each.network.netmask}"
        f" -LeaseDuration ([TimeSpan]::FromSeconds({each.lease}))"
    )
    if each.pool is None:
        yield (
            f"Add-DhcpServerv4ExclusionRange -ScopeId {scope} -StartRange {first} -EndRange {last}"
        )
    if each.gateway is not None:
        yield f"Set-DhcpServerv4OptionValue -ScopeId {scope} -Router {each.gateway}"


def _reservation(network: Network, host: Host) -> str:
    client = host.mac.replace(":", "-").lower()
    return (
        f"Add-DhcpServerv4Reservation -ScopeId {network.network.network_address}"
        f" -IPAddress {host.address} -ClientId '{client}' -Name '{host.name}'"
    )
