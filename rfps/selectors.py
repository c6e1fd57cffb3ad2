"""Reading sites and base stations; each function costs a constant number of queries."""

from __future__ import annotations

import uuid
from collections.abc import Iterable

from django.db.models import Count, QuerySet

from rfps.models import Rfp, RfpLive, Site


def site_list() -> QuerySet[Site]:
    """All sites by name, each with ``rfp_count``."""
    return Site.objects.annotate(rfp_count=Count("rfps")).order_by("name")


def rfp_list() -> QuerySet[Rfp]:
    """All base stations by MAC, their sites joined."""
    return Rfp.objects.select_related("site").order_by("mac")


def rfp_states(ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, RfpLive]:
    """What base stations last reported to this OMM, by the base station's id (one query)."""
    return RfpLive.objects.in_bulk(list(ids))


def connected_ids() -> set[uuid.UUID]:
    """The base stations that are connected to this OMM (one query, second database)."""
    return set(RfpLive.objects.filter(connected=True).values_list("rfp_id", flat=True))


def rfp_count() -> int:
    """How many base stations are configured."""
    return Rfp.objects.count()


def rfp_connected_count() -> int:
    """How many base stations are connected to this OMM (second database)."""
    return RfpLive.objects.filter(connected=True).count()
