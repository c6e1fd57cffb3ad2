"""Rules of sites and base stations that need no database."""

from __future__ import annotations

import ipaddress
import re

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from rfps.models import IpMode, Rfp
from standby.rules import is_host, row_problems

MAX_RFPS = 4096
MAX_SITES = 250

_MAC_FORMS = re.compile(
    r"""
    [0-9A-F]{12}
    | [0-9A-F]{2}(?P<separator>[:.-])[0-9A-F]{2}(?:(?P=separator)[0-9A-F]{2}){4}
    | [0-9A-F]{4}(?P<wide>[:.-])[0-9A-F]{4}(?P=wide)[0-9A-F]{4}
    """,
    re.VERBOSE,
)
_LOCAL_NEEDS = ("address", "netmask", "gateway", "first_omm")
_LOCAL_ADDRESSES = ("address", "gateway", "first_omm", "second_omm", "dns", "syslog")


def mac_normalised(text: str) -> str:
    """A MAC address in the stored form, ``00:30:42:AA:BB:CC``; raises ValidationError.

    Accepts colons, hyphens, dots or nothing between the digits, and any unicast address: base
    stations of several vendor prefixes exist.
    """
    compact = text.strip().upper()
    if not _MAC_FORMS.fullmatch(compact):
        raise ValidationError(_("Enter a MAC address such as 00:30:42:12:34:56."), "mac-form")
    octets = bytes.fromhex(re.sub(r"[:.-]", "", compact))
    if not any(octets) or octets[0] & 1:
        raise ValidationError(_("This is not the address of a single device."), "mac-unicast")
    return octets.hex(":").upper()


def own_problems(rfp: Rfp) -> dict[str, list[str]]:
    """Every rule that ``rfp`` breaks by itself, by field; normalises its MAC and texts in place."""
    problems = row_problems(rfp, exclude={"site", "mac"})
    if "mac" not in problems:
        try:
            rfp.mac = mac_normalised(rfp.mac)
        except ValidationError as error:
            problems["mac"] = error.messages
    for field, text in _address_problems(rfp, set(problems)).items():
        problems.setdefault(field, []).append(text)
    return problems


def _address_problems(rfp: Rfp, known: set[str]) -> dict[str, str]:
    """Rules among the address fields; those in ``known`` are already found to be wrong."""
    problems: dict[str, str] = {}
    for field in _LOCAL_ADDRESSES:
        value = getattr(rfp, field)
        if value and field not in known and not is_host(value):
            problems[field] = str(_("This address cannot belong to a device."))
    if rfp.first_omm and rfp.first_omm == rfp.second_omm:
        problems["second_omm"] = str(_("The two OMM addresses must differ."))
    if rfp.second_omm and not rfp.first_omm:
        problems["first_omm"] = str(_("A second OMM needs a first one."))
    if rfp.ip_mode == IpMode.LOCAL:
        problems |= _local_problems(rfp, known | problems.keys())
    return problems


def _local_problems(rfp: Rfp, known: set[str]) -> dict[str, str]:
    """A local configuration is complete by itself: the RFP asks no DHCP server at all."""
    missing = {
        field: str(_("Needed when the addresses are local."))
        for field in _LOCAL_NEEDS
        if not getattr(rfp, field)
    }
    wrong = known | missing.keys()
    if "netmask" in wrong:
        return missing
    prefix = _prefix_length(str(rfp.netmask))
    if prefix is None or not 1 <= prefix <= 30:
        return {**missing, "netmask": str(_("This is not a netmask of a network with hosts."))}
    if "address" in wrong:
        return missing
    gateway = None if "gateway" in wrong else str(rfp.gateway)
    return {**missing, **_subnet_problems(str(rfp.address), prefix, gateway)}


def _subnet_problems(address: str, prefix: int, gateway: str | None) -> dict[str, str]:
    network = ipaddress.IPv4Network(f"{address}/{prefix}", strict=False)
    edges = {network.network_address, network.broadcast_address}
    problems = {}
    if ipaddress.IPv4Address(address) in edges:
        problems["address"] = str(_("This is the network's own or its broadcast address."))
    if gateway is None:
        return problems
    own = ipaddress.IPv4Address(gateway)
    if own not in network or own in edges:
        problems["gateway"] = str(_("The gateway must be a host of the same network."))
    elif gateway == address:
        problems["gateway"] = str(_("The gateway must differ from the address."))
    return problems


def _prefix_length(netmask: str) -> int | None:
    """Bits of a contiguous netmask, None for any other value (wildcard masks too)."""
    bits = int(ipaddress.IPv4Address(netmask))
    inverted = bits ^ 0xFFFFFFFF
    return 32 - inverted.bit_length() if inverted & (inverted + 1) == 0 else None
