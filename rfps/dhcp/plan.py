"""What a DHCP server is to do for base stations, whatever server it is, and what is wrong with it.

Syntax checkers of DHCP servers pass the mistakes that hurt most: an address outside its network,
a device twice, a text too long. They are found here, before anything is rendered.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network

from rfps.dhcp.option43 import MAGIC, MAGICS, BadOption, Told, encode
from standby.domain.sentence import Sentence, say


class Form(StrEnum):
    """How much of a server's configuration is rendered."""

    COMPLETE = "complete"
    """A whole file: this server serves base stations only."""
    MINIMAL = "minimal"
    """The part that an existing configuration needs in addition."""


@dataclass(frozen=True, slots=True)
class Network:
    """One network with base stations."""

    network: IPv4Network
    gateway: IPv4Address | None = None
    pool: tuple[IPv4Address, IPv4Address] | None = None
    """First and last address for base stations without one of their own."""
    lease: int = 86_400
    """Seconds."""


@dataclass(frozen=True, slots=True)
class Host:
    """A base station with an address of its own."""

    mac: str
    """Upper case with colons."""
    address: IPv4Address
    label: str = ""
    """How people know it; used in comments only."""

    @property
    def name(self) -> str:
        """ASCII, no blanks, unique: what every server takes as a host name."""
        return "rfp-" + self.mac.replace(":", "").lower()


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything a renderer needs."""

    told: Told
    networks: tuple[Network, ...] = ()
    hosts: tuple[Host, ...] = ()
    magic: str = MAGIC
    vlan: int | None = None
    """Option 132."""
    ntp: tuple[IPv4Address, ...] = ()
    """Option 42."""
    boot_server: str = ""
    """Option 66: URL or name of where configuration or boot files lie."""
    boot_file: str = ""
    """Option 67."""
    form: Form = Form.COMPLETE
    title: str = ""
    """One line for the file's first comment."""

    @property
    def option43(self) -> bytes:
        """The bytes that base stations get; raises BadOption when they would be too many."""
        return encode(self.told)

    def hosts_in(self, network: Network) -> list[Host]:
        """Base stations whose own address lies in a network."""
        return [host for host in self.hosts if host.address in network.network]


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong with a plan; ``subject`` names the row or field."""

    subject: str
    text: Sentence


def problems(plan: Plan) -> list[Problem]:
    """Everything that some server would take in silence and get wrong; empty: it may be used."""
    return [*_option_problems(plan), *_network_problems(plan), *_host_problems(plan)]


def _option_problems(plan: Plan) -> Iterator[Problem]:
    try:
        encode(plan.told)
    except BadOption as problem:
        yield Problem("43", problem.text)
    if plan.told.first_omm == plan.told.second_omm:
        yield Problem("43", say("both OMM addresses are %(address)s", address=plan.told.first_omm))
    if plan.magic not in MAGICS:
        yield Problem("224", say("base stations ignore offers with another text in option 224"))
    if plan.vlan is not None and not 0 <= plan.vlan <= 4094:
        yield Problem("132", say("there is no VLAN %(vlan)s", vlan=plan.vlan))
    for code, text in (("66", plan.boot_server), ("67", plan.boot_file)):
        if not (text.isascii() and (text == "" or text.isprintable())) or '"' in text:
            yield Problem(code, say("only printable ASCII without quotation marks"))
        elif len(text) > 127:
            yield Problem(code, say("%(count)s characters are too many", count=len(text)))


def _network_problems(plan: Plan) -> Iterator[Problem]:
    for at, each in enumerate(plan.networks):
        name = str(each.network)
        for other in plan.networks[:at]:
            if each.network.overlaps(other.network):
                yield Problem(name, say("overlaps with %(other)s", other=other.network))
        if each.network.prefixlen > 30:
            yield Problem(name, say("has no room for a base station and a gateway"))
            continue
        if each.gateway is not None and not _is_host(each.gateway, each.network):
            yield Problem(
                name, say("the gateway %(gateway)s is no host of it", gateway=each.gateway)
            )
        if each.lease < 60:
            yield Problem(name, say("a lease of %(seconds)s s is too short", seconds=each.lease))
        if each.pool is not None:
            yield from _pool_problems(plan, each, name, *each.pool)


def _pool_problems(
    plan: Plan, each: Network, name: str, first: IPv4Address, last: IPv4Address
) -> Iterator[Problem]:
    if not (_is_host(first, each.network) and _is_host(last, each.network)):
        yield Problem(
            name, say("%(first)s to %(last)s does not lie within it", first=first, last=last)
        )
        return
    if last < first:
        yield Problem(name, say("%(first)s to %(last)s runs backwards", first=first, last=last))
    taken = {plan.told.first_omm, plan.told.second_omm, each.gateway}
    for address in sorted(address for address in taken if address is not None):
        if first <= address <= last:
            yield Problem(name, say("%(address)s in the pool is in use", address=address))


def _host_problems(plan: Plan) -> Iterator[Problem]:
    macs: set[str] = set()
    addresses: set[IPv4Address] = set()
    in_use = {plan.told.first_omm, plan.told.second_omm}
    in_use |= {network.gateway for network in plan.networks}
    for host in plan.hosts:
        if host.mac in macs:
            yield Problem(host.mac, say("is there twice"))
        if host.address in addresses:
            yield Problem(host.mac, say("%(address)s is there twice", address=host.address))
        elif host.address in in_use:
            yield Problem(host.mac, say("%(address)s is in use", address=host.address))
        macs.add(host.mac)
        addresses.add(host.address)
        if plan.form is Form.MINIMAL:
            continue
        if not any(_is_host(host.address, each.network) for each in plan.networks):
            yield Problem(
                host.mac, say("%(address)s lies in none of the networks", address=host.address)
            )


def _is_host(address: IPv4Address, network: IPv4Network) -> bool:
    edges = (network.network_address, network.broadcast_address)
    return address in network and address not in edges
