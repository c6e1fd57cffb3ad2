"""Kea DHCPv4: ``/etc/kea/kea-dhcp4.conf``."""

from __future__ import annotations

import json
from typing import Any

from rfps.dhcp.option43 import VENDOR_CLASS
from rfps.dhcp.plan import Form, Host, Network, Plan

TITLE = "Kea"
FILENAME = "kea-dhcp4.conf"
CHECK = "kea-dhcp4 -t {file}"
COMMENT = "//"

_43 = "vendor-encapsulated-options"


def render(plan: Plan) -> str:
    """The configuration; sub-options are one binary value, which Kea leaves as it stands."""
    content: dict[str, Any] = {"option-def": _definitions(plan), "client-classes": [_class(plan)]}
    if plan.form is Form.COMPLETE:
        content = {
            "interfaces-config": {"interfaces": ["*"]},
            "lease-database": {"type": "memfile"},
            "authoritative": True,
            **content,
            "subnet4": [
                _subnet(network, number, plan.hosts_in(network))
                for number, network in enumerate(plan.networks, 1)
            ],
        }
        return json.dumps({"Dhcp4": content}, indent=2) + "\n"
    if plan.hosts:
        content["reservations"] = [_host(host) for host in plan.hosts]
    return json.dumps(content, indent=2) + "\n"


def _definitions(plan: Plan) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {"space": "dhcp4", "name": _43, "code": 43, "type": "binary"},
        {"space": "dhcp4", "name": "omm-magic", "code": 224, "type": "string"},
    ]
    if plan.vlan is not None:
        found.append({"space": "dhcp4", "name": "rfp-vlan", "code": 132, "type": "uint16"})
    return found


def _class(plan: Plan) -> dict[str, Any]:
    test = f"substring(option[60].hex,0,{len(VENDOR_CLASS)}) == '{VENDOR_CLASS}'"
    data: list[dict[str, Any]] = [
        {"name": _43, "csv-format": False, "data": plan.option43.hex()},
        {"name": "omm-magic", "data": plan.magic},
    ]
    if plan.vlan is not None:
        data.append({"name": "rfp-vlan", "data": str(plan.vlan)})
    if plan.ntp:
        data.append({"name": "ntp-servers", "data": ", ".join(map(str, plan.ntp))})
    if plan.boot_server:
        data.append({"name": "tftp-server-name", "data": _text(plan.boot_server)})
    if plan.boot_file:
        data.append({"name": "boot-file-name", "data": _text(plan.boot_file)})
    return {
        "name": "rfp",
        "test": test,
        "option-data": [{**option, "always-send": True} for option in data],
    }


def _text(text: str) -> str:
    """A comma would end the value without a word."""
    return text.replace(",", "\\,")


def _subnet(each: Network, number: int, hosts: list[Host]) -> dict[str, Any]:
    subnet: dict[str, Any] = {
        "id": number,
        "subnet": str(each.network),
        "client-class": "rfp",
        "valid-lifetime": each.lease,
        "pools": [],
        "reservations": [_host(host) for host in hosts],
    }
    if each.pool is not None:
        first, last = each.pool
        subnet["pools"] = [{"pool": f"{first} - {last}"}]
    if each.gateway is not None:
        subnet["option-data"] = [{"name": "routers", "data": str(each.gateway)}]
    return subnet


def _host(host: Host) -> dict[str, Any]:
    return {
        "hw-address": host.mac.lower(),
        "ip-address": str(host.address),
        "hostname": host.name,
    }
