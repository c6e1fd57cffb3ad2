"""MikroTik RouterOS: a script for its terminal. From public manuals; not tried on a router."""

from __future__ import annotations

from collections.abc import Iterator

from rfps.dhcp.plan import Form, Host, Network, Plan

TITLE = "MikroTik RouterOS"
FILENAME = "rfp.rsc"
CHECK = "/import file-name={file} dry-run"
COMMENT = "#"


def render(plan: Plan) -> str:
    """The script; ``force`` sends options that base stations do not ask for."""
    options = list(_options(plan))
    lines = ["/ip dhcp-server option"]
    lines += [
        f"add name={name} code={code} force=yes value={value}" for name, code, value in options
    ]
    lines.append("/ip dhcp-server option sets")
    lines.append(f"add name=rfp options={','.join(name for name, _, _ in options)}")
    if plan.form is Form.COMPLETE:
        for number, network in enumerate(plan.networks, 1):
            lines += _network(network, f"rfp-{number}")
    if plan.hosts:
        lines.append("/ip dhcp-server lease")
    for host in plan.hosts:
        lines.append(_lease(host))
    return "\n".join(lines) + "\n"


def _options(plan: Plan) -> Iterator[tuple[str, int, str]]:
    yield "rfp-43", 43, f"0x{plan.option43.hex()}"
    yield "rfp-224", 224, _text(plan.magic)
    if plan.vlan is not None:
        yield "rfp-132", 132, f"0x{plan.vlan:04x}"
    if plan.ntp:
        yield "rfp-42", 42, "0x" + b"".join(each.packed for each in plan.ntp).hex()
    if plan.boot_server:
        yield "rfp-66", 66, _text(plan.boot_server)
    if plan.boot_file:
        yield "rfp-67", 67, _text(plan.boot_file)


def _text(text: str) -> str:
    """Bytes, since a text of digits would become an address or a number."""
    return f"0x{text.encode().hex()}"


def _network(each: Network, name: str) -> Iterator[str]:
    if each.pool is not None:
        first, last = each.pool
        yield "/ip pool"
        yield f"add name={name} ranges={first}-{last}"
    yield "/ip dhcp-server network"
    gateway = f" gateway={each.gateway}" if each.gateway is not None else ""
    yield f"add address={each.network}{gateway} dhcp-option-set=rfp"


def _lease(host: Host) -> str:
    label = host.label.replace("\\", "").replace('"', "").replace("$", "")
    comment = f' comment="{label}"' if label else ""
    return f"add mac-address={host.mac} address={host.address} dhcp-option-set=rfp{comment}"
