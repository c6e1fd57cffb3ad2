"""Reading sites and base stations; each function costs a constant number of queries."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

from django.db.models import Count, Q, QuerySet

from rfps.models import IpMode, Rfp, RfpLive, Site
from rfps.states import RANKS, rfp_state
from standby.selectors import omm_settings

WITHOUT_STANDBY = Q(ip_mode=IpMode.LOCAL, second_omm=None)
"""Base stations whose own addresses name one OMM only: they cannot follow a fail-over."""


def other_omms() -> Q:
    """Base stations whose own addresses name other OMMs than the settings do (one query)."""
    told = omm_settings()
    one, two = told.first_address, told.second_address
    same = Q(first_omm=one, second_omm=two) | Q(first_omm=two, second_omm=one)
    return Q(ip_mode=IpMode.LOCAL) & ~same


def site_list() -> QuerySet[Site]:
    """All sites by name, each with ``rfp_count``."""
    return Site.objects.annotate(rfp_count=Count("rfps")).order_by("name")


def site_choices() -> list[tuple[str, str]]:
    """Ids and names of all sites, by name."""
    return [(str(pk), name) for pk, name in Site.objects.order_by("name").values_list("pk", "name")]


def rfp_list() -> QuerySet[Rfp]:
    """All base stations by MAC, their sites joined."""
    return Rfp.objects.select_related("site").order_by("mac")


def rfp_states(ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, RfpLive]:
    """What base stations last reported to this OMM, by the base station's id (one query)."""
    return RfpLive.objects.in_bulk(list(ids))


def connected_ids() -> set[uuid.UUID]:
    """The base stations that are connected to this OMM (one query, second database)."""
    return set(RfpLive.objects.filter(connected=True).values_list("rfp_id", flat=True))


def seen_ids() -> set[uuid.UUID]:
    """The base stations that were ever connected to this OMM (one query, second database)."""
    return set(RfpLive.objects.values_list("rfp_id", flat=True))


def rfp_count() -> int:
    """How many base stations are configured."""
    return Rfp.objects.count()


def rfp_connected_count() -> int:
    """How many base stations are connected to this OMM (second database)."""
    return RfpLive.objects.filter(connected=True).count()


@dataclass(frozen=True, slots=True)
class RfpsInOrder:
    """Base stations in an order that no database knows; a slice reads only its own rows."""

    ids: list[uuid.UUID]

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, part: slice) -> list[Rfp]:
        wanted = self.ids[part]
        found = rfp_list().in_bulk(wanted)
        return [found[pk] for pk in wanted if pk in found]


def _address(rfp: Rfp, live: RfpLive | None) -> Any:
    text = (live.address if live else None) or rfp.address
    return int(ip_address(text)) if text else None


def _type(rfp: Rfp, live: RfpLive | None) -> Any:
    return (live.hardware_type if live else "") or rfp.hardware_type or None


LIVE_COLUMNS: dict[str, Callable[[Rfp, RfpLive | None], Any]] = {
    "address": _address,
    "type": _type,
    "state": lambda _rfp, live: RANKS[rfp_state(live)],
}
"""Columns that show what is in the second database, with what they are sorted by."""


def rfps_by_live(rfps: QuerySet[Rfp], column: str, *, descending: bool) -> RfpsInOrder:
    """Base stations by what they reported, then by MAC; unknown values last (two queries).

    The two databases cannot be joined: the few columns that are needed of all rows are read.
    """
    value = LIVE_COLUMNS[column]
    states = RfpLive.objects.only("connected", "address", "hardware_type").in_bulk()
    rows = rfps.select_related(None).only("address", "hardware_type").order_by("mac")
    keyed = [(value(rfp, states.get(rfp.pk)), rfp.pk) for rfp in rows]
    known = [pair for pair in keyed if pair[0] is not None]
    known.sort(key=lambda pair: pair[0], reverse=descending)
    return RfpsInOrder([pk for _, pk in known] + [pk for key, pk in keyed if key is None])
