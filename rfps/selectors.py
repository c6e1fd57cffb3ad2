"""Reading sites and base stations; each function costs a constant number of queries."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from ipaddress import ip_address
from operator import itemgetter
from typing import Any, NamedTuple

from django.db.models import CharField, Count, Q, QuerySet
from django.db.models.functions import Cast

from rfps.models import IpMode, Rfp, RfpLive, Site
from rfps.states import RANKS, state_of
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


HEX = Cast("pk", CharField())
"""A key as the database's text: making thousands of UUID objects takes longer than reading."""


def connected_keys() -> list[str]:
    """The base stations that are connected to this OMM, for ``pk__among`` (second database)."""
    connected = RfpLive.objects.filter(connected=True)
    return list(connected.annotate(key=HEX).values_list("key", flat=True))


def seen_keys() -> list[str]:
    """The base stations that were ever connected to this OMM, for ``pk__among``."""
    return list(RfpLive.objects.annotate(key=HEX).values_list("key", flat=True))


def rfp_count() -> int:
    """How many base stations are configured."""
    return Rfp.objects.count()


def rfp_connected_count() -> int:
    """How many base stations are connected to this OMM (second database)."""
    return RfpLive.objects.filter(connected=True).count()


@dataclass(frozen=True, slots=True)
class RfpsInOrder:
    """Base stations in an order that no database knows; a slice reads only its own rows."""

    keys: list[str]

    def __len__(self) -> int:
        return len(self.keys)

    def __getitem__(self, part: slice) -> list[Rfp]:
        wanted = [uuid.UUID(key) for key in self.keys[part]]
        found = rfp_list().in_bulk(wanted)
        return [found[pk] for pk in wanted if pk in found]


class Reported(NamedTuple):
    """What the live columns of one base station are made of; ``connected`` None: never seen."""

    address: str | None
    hardware_type: str
    connected: bool | None


LIVE_COLUMNS: dict[str, Callable[[Reported], Any]] = {
    "address": lambda row: int(ip_address(row.address)) if row.address else None,
    "type": lambda row: row.hardware_type or None,
    "state": lambda row: RANKS[state_of(row.connected)],
}
"""Columns that show what is in the second database, with what they are sorted by."""


def rfps_by_live(rfps: QuerySet[Rfp], column: str, *, descending: bool) -> RfpsInOrder:
    """Base stations by what they reported, then by MAC; unknown values last (two queries).

    The two databases cannot be joined: the few columns that are needed of all rows are read.
    """
    value = LIVE_COLUMNS[column]
    fields = ("key", "address", "hardware_type")
    lives = {
        key: Reported(address, kind, connected)
        for key, address, kind, connected in RfpLive.objects.annotate(key=HEX).values_list(
            *fields, "connected"
        )
    }
    known, unknown = [], []
    for text, address, kind in rfps.annotate(key=HEX).order_by("mac").values_list(*fields):
        live = lives.get(key := text.replace("-", ""), NEVER)
        found = value(Reported(live.address or address, live.hardware_type or kind, live.connected))
        unknown.append(key) if found is None else known.append((found, key))
    known.sort(key=itemgetter(0), reverse=descending)
    return RfpsInOrder([key for _, key in known] + unknown)


NEVER = Reported(None, "", None)
