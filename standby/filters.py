"""How the change log, the set-aside list and the events are narrowed."""

from __future__ import annotations

from typing import Any, ClassVar

import django_filters

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


class SetAsideFilterSet(django_filters.FilterSet):  # type: ignore[misc]
    """Set-aside changes by class or by the OMM that made them."""

    origin = django_filters.CharFilter(field_name="node")

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
