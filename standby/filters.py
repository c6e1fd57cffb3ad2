"""How the change log, the set-aside list and the events are narrowed."""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, ClassVar

import django_filters
from django.apps import apps
from django.db.models import Q, QuerySet

from standby.journal import registry
from standby.models import Event, JournalEntry, SetAside, SetAsideClass, Severity

LARGEST = 2**63 - 1


def _number(field: str, lookup: str) -> Any:
    return django_filters.NumberFilter(
        field_name=field, lookup_expr=lookup, min_value=0, max_value=LARGEST
    )


class ChangeFilterSet(django_filters.FilterSet):  # type: ignore[misc]
    """Changes by object, author, place, time or a range of sequence numbers."""

    object = django_filters.UUIDFilter()
    transaction = django_filters.UUIDFilter()
    actor = django_filters.CharFilter()
    source = django_filters.CharFilter()
    node = django_filters.CharFilter()
    model = django_filters.CharFilter(lookup_expr="iexact")
    operation = django_filters.CharFilter()
    seq_min = _number("seq", "gte")
    seq_max = _number("seq", "lte")
    term = _number("term", "exact")
    since = django_filters.IsoDateTimeFilter(field_name="at", lookup_expr="gte")
    until = django_filters.IsoDateTimeFilter(field_name="at", lookup_expr="lte")

    class Meta:
        model = JournalEntry
        fields: ClassVar[list[str]] = []


SEARCHED = ("name", "username", "mac", "system_name")
"""Fields that tell objects apart for people."""


class ChangePageFilterSet(ChangeFilterSet):
    """As people narrow the change log: whole days, and any part of an object's name."""

    search = django_filters.CharFilter(method="filter_search")
    actor = django_filters.CharFilter(lookup_expr="icontains")
    first_day = django_filters.DateFilter(method="filter_first_day")
    last_day = django_filters.DateFilter(method="filter_last_day")

    def filter_search(
        self, rows: QuerySet[JournalEntry], name: str, value: str
    ) -> QuerySet[JournalEntry]:
        """Objects that have the name now, and entries that tell it (former names, deleted rows).

        Only the names in an entry are looked at: a search of its whole text would let readers
        guess at password hashes.
        """
        part = re.escape(json.dumps(value, ensure_ascii=False)[1:-1])
        wanted = Q(body__iregex=f'"({"|".join(SEARCHED)})":"[^"]*{part}')
        if value.isascii():  # the quick look first: expressions are tried on what it lets through
            wanted = Q(body__icontains=json.dumps(value)[1:-1]) & wanted
        for label in registry.labels():
            wanted |= _named_now(label, value)
        return rows.filter(wanted)

    def filter_first_day(
        self, rows: QuerySet[JournalEntry], name: str, value: date
    ) -> QuerySet[JournalEntry]:
        """From the beginning of the day (UTC)."""
        return rows.filter(at__gte=datetime.combine(value, time.min, UTC))

    def filter_last_day(
        self, rows: QuerySet[JournalEntry], name: str, value: date
    ) -> QuerySet[JournalEntry]:
        """To the end of the day (UTC)."""
        if value == date.max:
            return rows
        return rows.filter(at__lt=datetime.combine(value + timedelta(days=1), time.min, UTC))


def _named_now(label: str, value: str) -> Q:
    """Entries of rows of one model whose name has ``value`` in it."""
    model = apps.get_model(label)
    fields = {field.name for field in model._meta.concrete_fields} & set(SEARCHED)
    if not fields:
        return Q()
    named = Q()
    for field in sorted(fields):
        named |= Q(**{f"{field}__icontains": value})
    return Q(object__in=model._default_manager.filter(named).values("pk"))


class SetAsideFilterSet(django_filters.FilterSet):  # type: ignore[misc]
    """Set-aside changes by class or by the OMM that made them."""

    origin = django_filters.CharFilter(field_name="node")
    split = django_filters.UUIDFilter()

    class Meta:
        model = SetAside
        fields: ClassVar[list[str]] = []

    @classmethod
    def get_filters(cls) -> dict[str, Any]:
        """``class`` is a word of the language and cannot be declared as an attribute."""
        by_class = django_filters.ChoiceFilter(field_name="state", choices=SetAsideClass.choices)
        return {**super().get_filters(), "class": by_class}


class EventFilterSet(django_filters.FilterSet):  # type: ignore[misc]
    """Events by kind, severity, OMM or time."""

    code = django_filters.CharFilter()
    node = django_filters.CharFilter()
    severity = django_filters.ChoiceFilter(choices=Severity.choices)
    since = django_filters.IsoDateTimeFilter(field_name="at", lookup_expr="gte")
    until = django_filters.IsoDateTimeFilter(field_name="at", lookup_expr="lte")

    class Meta:
        model = Event
        fields: ClassVar[list[str]] = []


EVENT_KINDS = {
    "roles": ("role_change", "handover", "takeover", "split", "switch"),
    "warnings": ("warning", "contact"),
    "sign_ins": ("sign_in",),
}
"""Beginnings of the codes of events, by what people look for."""


class EventPageFilterSet(EventFilterSet):
    """As people narrow the events."""

    kind = django_filters.ChoiceFilter(
        method="filter_kind", choices=[(kind, kind) for kind in EVENT_KINDS]
    )

    def filter_kind(self, rows: QuerySet[Event], name: str, value: str) -> QuerySet[Event]:
        """Events whose code begins as the kind says."""
        wanted = Q()
        for beginning in EVENT_KINDS[value]:
            wanted |= Q(code__startswith=beginning)
        return rows.filter(wanted)
