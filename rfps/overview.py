"""Base stations counted: by state for the dashboard, by what a change of addresses means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Count, Q

from rfps.models import IpMode, Rfp, RfpLive
from rfps.selectors import WITHOUT_STANDBY, connected_keys, other_omms, rfp_list

LISTED = 20


@dataclass(frozen=True, slots=True)
class RfpCounts:
    """How many base stations are in which state; ``never_seen`` are not connected either."""

    configured: int
    connected: int
    not_connected: int
    never_seen: int
    dect_off: int
    no_standby: int


def rfp_counts() -> RfpCounts:
    """All counts, with one query of each database."""
    rows = Rfp.objects.aggregate(
        configured=Count("pk"),
        dect_off=Count("pk", filter=Q(dect_on=False)),
        no_standby=Count("pk", filter=WITHOUT_STANDBY),
    )
    live = RfpLive.objects.aggregate(
        seen=Count("pk"), connected=Count("pk", filter=Q(connected=True))
    )
    # Reports of base stations that were removed since may still be there.
    connected = min(live["connected"], rows["configured"])
    return RfpCounts(
        connected=connected,
        not_connected=rows["configured"] - connected,
        never_seen=max(0, rows["configured"] - live["seen"]),
        **rows,
    )


@dataclass(frozen=True, slots=True)
class SiteShare:
    """Base stations of one site that learn their addresses by DHCP; no name: without a site."""

    site: UUID | None
    name: str
    count: int
    connected: int


@dataclass(frozen=True, slots=True)
class AddressEffect:
    """Whom a change of the OMM addresses reaches and whom it does not."""

    by_dhcp: int
    by_dhcp_connected: int
    sites: list[SiteShare]
    local: int
    local_connected: int
    others: list[Rfp]
    others_count: int


def address_effect() -> AddressEffect:
    """Base stations by where they get the OMM addresses from (a constant number of queries).

    ``others`` are those with local addresses that name other OMMs than the settings do, the first
    few of ``others_count``.
    """
    connected = Q(pk__among=connected_keys())
    counts = {"count": Count("pk"), "connected": Count("pk", filter=connected)}
    dhcp: Any = Rfp.objects.filter(ip_mode=IpMode.DHCP).order_by("site__name")
    shares = [
        SiteShare(row["site"], row["site__name"] or "", row["count"], row["connected"])
        for row in dhcp.values("site", "site__name").annotate(**counts)
    ]
    local = Rfp.objects.filter(ip_mode=IpMode.LOCAL).aggregate(**counts)
    others = rfp_list().filter(other_omms())
    return AddressEffect(
        by_dhcp=sum(share.count for share in shares),
        by_dhcp_connected=sum(share.connected for share in shares),
        sites=shares,
        local=local["count"],
        local_connected=local["connected"],
        others=list(others[:LISTED]),
        others_count=others.count(),
    )
