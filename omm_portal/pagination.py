"""How lists are cut into pages and ordered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db.models import QuerySet
from rest_framework.filters import OrderingFilter
from rest_framework.pagination import LimitOffsetPagination
from rest_framework.request import Request

if TYPE_CHECKING:
    from rest_framework.views import APIView


class ListPagination(LimitOffsetPagination):
    """``limit`` (100, at most 500) and ``offset``; count, next, previous, results."""

    default_limit = 100
    max_limit = 500


class StableOrdering(OrderingFilter):
    """``ordering=name`` or ``-name``; equal values are ordered by key, so pages never overlap."""

    def filter_queryset(
        self, request: Request, queryset: QuerySet[Any], view: APIView
    ) -> QuerySet[Any]:
        ordering = self.get_ordering(request, queryset, view)
        return queryset.order_by(*ordering, "pk") if ordering else queryset
