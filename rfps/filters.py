"""How lists of base stations and sites are narrowed, in endpoints and pages alike."""

from __future__ import annotations

from typing import ClassVar
from uuid import UUID

import django_filters
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from rfps.models import IpMode, Rfp, Site
from rfps.selectors import WITHOUT_STANDBY, connected_keys, other_omms, seen_keys
from rfps.states import RfpCondition
from rfps.validation import mac_normalised

LARGEST = 2**31 - 1
WITHOUT_SITE = "none"
"""How the page asks for base stations that belong to no site."""


class SiteFilterSet(django_filters.FilterSet):  # type: ignore[misc]
    """Sites by a part of their name."""

    search = django_filters.CharFilter(field_name="name", lookup_expr="icontains")

    class Meta:
        model = Site
        fields: ClassVar[list[str]] = []


class RfpFilterSet(django_filters.FilterSet):  # type: ignore[misc]
    """Base stations by place, radio settings, or a part of their name or MAC address."""

    search = django_filters.CharFilter(method="filter_search", label=_("Search"))
    mac = django_filters.CharFilter(method="filter_mac", label=_("MAC address"))
    site = django_filters.UUIDFilter(field_name="site_id", label=_("Site"))
    without_site = django_filters.BooleanFilter(field_name="site", lookup_expr="isnull")
    cluster = django_filters.NumberFilter(min_value=0, max_value=LARGEST)
    paging_area = django_filters.NumberFilter(min_value=0, max_value=LARGEST)
    dect_on = django_filters.BooleanFilter()
    ip_mode = django_filters.ChoiceFilter(choices=IpMode.choices)
    connected = django_filters.BooleanFilter(method="filter_connected", label=_("Connected"))
    state = django_filters.ChoiceFilter(method="filter_state", choices=RfpCondition.choices)

    class Meta:
        model = Rfp
        fields: ClassVar[list[str]] = []

    def filter_search(self, rows: QuerySet[Rfp], name: str, value: str) -> QuerySet[Rfp]:
        """Name, place or any part of the MAC address, however its digits are separated."""
        digits = "".join(char for char in value if char not in ":-. ").upper()
        pairs = ":".join(digits[at : at + 2] for at in range(0, len(digits), 2))
        wanted = Q(mac__icontains=value) | Q(mac__icontains=pairs) if pairs else Q()
        for field in ("name", "building", "floor", "room", "site__name"):
            wanted |= Q(**{f"{field}__icontains": value})
        return rows.filter(wanted)

    def filter_mac(self, rows: QuerySet[Rfp], name: str, value: str) -> QuerySet[Rfp]:
        """Exactly one MAC address, in any of its written forms."""
        try:
            return rows.filter(mac=mac_normalised(value))
        except ValidationError:
            return rows.none()

    def filter_connected(
        self,
        rows: QuerySet[Rfp],
        name: str,
        value: bool,  # noqa: FBT001 - as the filter calls it
    ) -> QuerySet[Rfp]:
        """Connected to this OMM or not; the states live in the second database."""
        keys = connected_keys()
        return rows.filter(pk__among=keys) if value else rows.exclude(pk__among=keys)

    def filter_state(self, rows: QuerySet[Rfp], name: str, value: str) -> QuerySet[Rfp]:
        """Those that fit a condition; *not connected* includes those never seen."""
        match RfpCondition(value):
            case RfpCondition.CONNECTED:
                return rows.filter(pk__among=connected_keys())
            case RfpCondition.NOT_CONNECTED:
                return rows.exclude(pk__among=connected_keys())
            case RfpCondition.NEVER_SEEN:
                return rows.exclude(pk__among=seen_keys())
            case RfpCondition.DECT_OFF:
                return rows.filter(dect_on=False)
            case RfpCondition.NO_STANDBY:
                return rows.filter(WITHOUT_STANDBY)
            case RfpCondition.OTHER_OMM:
                return rows.filter(other_omms())


class RfpPageFilterSet(RfpFilterSet):
    """As people narrow the list: one field holds the sites and *without a site*."""

    site = django_filters.CharFilter(method="filter_site")

    def filter_site(self, rows: QuerySet[Rfp], name: str, value: str) -> QuerySet[Rfp]:
        """Base stations of a site, or of none."""
        if value == WITHOUT_SITE:
            return rows.filter(site=None)
        try:
            return rows.filter(site_id=UUID(value))
        except ValueError:
            return rows.none()
