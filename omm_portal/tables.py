"""Lists of rows: narrowed, sorted and paged by their address, so that every view has a link.

A script only saves the full page load: it fetches the same addresses (static/js/lists.js).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from django import forms
from django.core.paginator import Page, Paginator
from django.db.models import F, Model, QuerySet
from django.http import QueryDict
from django.views.generic import ListView

from omm_portal.pages import SignedIn

if TYPE_CHECKING:
    from django_filters import FilterSet

PAGE_SIZE = 50
ORDERING = "ordering"
"""The parameter that names the column; the REST lists have the same one."""
PAGE = "page"
Row = TypeVar("Row", bound=Model)

if TYPE_CHECKING:

    class TypedListView(ListView[Row]):
        """A list view that knows the type of its rows."""

else:  # Django's views take no type parameters at run time

    class TypedListView(ListView):
        """The same; the type is for readers."""

        def __class_getitem__(cls, _types):
            return cls


@dataclass(frozen=True, slots=True)
class Sorting:
    """Which column a list is sorted by, and the way back to its own order."""

    column: str
    descending: bool
    default: str
    columns: frozenset[str]

    @classmethod
    def wanted(cls, text: str, columns: Mapping[str, Any], default: str) -> Sorting:
        """What ``ordering=name`` or ``-name`` asks for; nonsense is the default order."""
        known = frozenset(columns)
        chosen = text if text.removeprefix("-") in known else default
        return cls(chosen.removeprefix("-"), chosen.startswith("-"), default, known)

    def __str__(self) -> str:
        return f"-{self.column}" if self.descending else self.column

    @property
    def is_default(self) -> bool:
        """True when the address need not name it."""
        return str(self) == self.default

    def next_for(self, column: str) -> str:
        """What a click on a column's head asks for: up, down, then the default order (empty)."""
        if column == self.default.removeprefix("-"):
            opposite = column if self.descending else f"-{column}"
            return opposite if self.is_default else ""
        if column != self.column:
            return column
        return "" if self.descending else f"-{column}"


@dataclass(frozen=True, slots=True)
class Narrowing:
    """One filter that is in effect, in words, and the address without it."""

    name: str
    label: str
    value: str
    without: str


class TablePage(SignedIn, TypedListView[Row]):
    """A list of rows, narrowed by a form, sorted by a column, cut into pages."""

    paginate_by = PAGE_SIZE
    context_object_name = "rows"
    columns: ClassVar[Mapping[str, tuple[Any, ...]]] = {}
    """What can be sorted by: the column's name in the address and the fields behind it."""
    default_ordering: ClassVar[str] = ""
    filterset_class: ClassVar[type[FilterSet] | None] = None

    def get_filter_form(self) -> forms.Form | None:
        """The form that narrows the list, bound to the address."""
        return None

    @cached_property
    def filter_form(self) -> forms.Form | None:
        """The form of this request."""
        return self.get_filter_form()

    @cached_property
    def sorting(self) -> Sorting:
        """The order of this request."""
        asked = self.request.GET.get(ORDERING, "")
        return Sorting.wanted(asked, self.columns, self.default_ordering)

    def narrowed(self, rows: QuerySet[Row]) -> QuerySet[Row]:
        """The rows that the filter lets through; none when it is nonsense, which the form says."""
        if self.filter_form is not None and not self.filter_form.is_valid():
            return rows.none()
        if self.filterset_class is None:
            return rows
        found = self.filterset_class(self.request.GET, queryset=rows)
        return found.qs if found.is_valid() else rows.none()

    def ordered(self, rows: Any) -> Any:
        """The rows in the order of this request; equal ones by key, so that pages never overlap."""
        if not self.columns:
            return rows
        found = rows.order_by(*self.columns[self.sorting.column], "pk")
        return found.reverse() if self.sorting.descending else found

    def paginate_queryset(self, queryset: Any, page_size: int) -> Any:
        """Pages beyond the last one show the last one: rows may have gone meanwhile."""
        paginator = self.get_paginator(self.ordered(queryset), page_size)
        page = paginator.get_page(self.request.GET.get(PAGE))
        return paginator, page, page.object_list, page.has_other_pages()

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Adds the filter and what is in effect of it, the order, and the numbers of pages."""
        context = super().get_context_data(**kwargs)
        narrowings = list(self.narrowings())
        return {
            **context,
            "filter": self.filter_form,
            "narrowings": narrowings,
            "is_narrowed": any(self.request.GET.get(name) for name in self.filter_names()),
            "sorting": self.sorting,
            "numbers": page_numbers(context["paginator"], context["page_obj"]),
            "all_rows": self.address(self.remaining({PAGE, *(found.name for found in narrowings)})),
        }

    def filter_names(self) -> Sequence[str]:
        """The parameters that narrow the list, those of hidden fields too."""
        return list(self.filter_form.fields) if self.filter_form is not None else []

    def narrowings(self) -> Iterator[Narrowing]:
        """The filters in effect, in the order of the form."""
        for field in self.filter_form or ():
            value = self.request.GET.get(field.name, "").strip()
            if value and not field.is_hidden:
                without = self.address(self.remaining({PAGE, field.name}))
                yield Narrowing(field.name, str(field.label), value_words(field, value), without)

    def remaining(self, left_out: set[str]) -> QueryDict:
        """The parameters of this address without some and without empty ones."""
        query = self.request.GET.copy()
        for name, values in list(query.lists()):
            if name in left_out or not any(values):
                del query[name]
        return query

    def address(self, query: QueryDict) -> str:
        """This page's address with other parameters."""
        return f"{self.request.path}?{query.urlencode()}" if query else self.request.path


def value_words(field: forms.BoundField, value: str) -> str:
    """The value of a filter as its form shows it."""
    choices = getattr(field.field, "choices", None)
    if choices is None:
        return value
    return next((str(label) for key, label in choices if str(key) == value), value)


def page_numbers(paginator: Paginator[Any], page: Page[Any]) -> list[int | None]:
    """The pages to link to; None where some are left out."""
    if paginator.num_pages == 1:
        return []
    shown = paginator.get_elided_page_range(page.number, on_each_side=1, on_ends=1)
    return [number if isinstance(number, int) else None for number in shown]


def last(field: str) -> Any:
    """A field to sort by whose empty values come last, on every database."""
    return F(field).asc(nulls_last=True)
