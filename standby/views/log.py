"""What happened: changes and events."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import Case, IntegerField, QuerySet, Value, When
from django.shortcuts import get_object_or_404
from django.views.generic import TemplateView

from omm_portal.pages import (
    SignedIn,
    account,
)
from omm_portal.tables import ORDERING, PAGE, TablePage
from standby import selectors
from standby.filters import ChangePageFilterSet, EventPageFilterSet
from standby.forms import (
    ChangeFilterForm,
    EventFilterForm,
)
from standby.models import (
    Event,
    JournalEntry,
    Severity,
)
from standby.rows import (
    change_groups,
    change_rows,
    details_text,
    original_row,
)
from standby.undo_plan import MOST

GRAVITY = Case(
    *(When(severity=severity, then=Value(rank)) for rank, severity in enumerate(Severity)),
    output_field=IntegerField(),
)
"""Severities by how much they matter, not by letter."""


class ChangeListPage(TablePage[JournalEntry]):
    """Who changed what, the newest first; of everything or of one object."""

    template_name = "standby/change_list.html"
    filterset_class = ChangePageFilterSet
    columns: ClassVar = {"seq": ("seq",)}
    default_ordering = "-seq"

    def get_filter_form(self) -> ChangeFilterForm:
        return ChangeFilterForm(self.request.GET)

    def get_queryset(self) -> QuerySet[JournalEntry]:
        return self.narrowed(selectors.change_list())

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = super().get_context_data(**kwargs)
        groups = change_groups(context["rows"])
        wanted = context["filter"].cleaned_data if context["filter"].is_valid() else {}
        of_one = wanted.get("object") and groups
        return {
            **context,
            "groups": groups,
            "of_object": groups[0].rows[0] if of_one else None,
            "of_transaction": wanted.get("transaction"),
            "may_undo": account(self.request).has_full_access,
            "all_query": self.remaining({PAGE, ORDERING}).urlencode(),
            "fits": context["paginator"].count <= MOST,
        }


class ChangePage(SignedIn, TemplateView):
    """One change; its address stays the same for ever."""

    template_name = "standby/change.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        entry = get_object_or_404(selectors.change_list(), pk=self.kwargs["seq"])
        row = change_rows([entry])[0]
        earlier, later = selectors.change_neighbours(entry)
        may_undo = account(self.request).has_full_access and row.may_be_undone
        return super().get_context_data(
            row=row,
            original=original_row(row.document.get("original")),
            earlier=earlier,
            later=later,
            may_undo=may_undo,
            **kwargs,
        )


class EventListPage(TablePage[Event]):
    """What happened on either OMM, the newest first."""

    template_name = "standby/event_list.html"
    filterset_class = EventPageFilterSet
    columns: ClassVar = {
        "at": ("at",),
        "node": ("node", "-at"),
        "severity": (GRAVITY, "-at"),
        "event": ("code", "-at"),
    }
    default_ordering = "-at"

    @property
    def with_sign_ins(self) -> bool:
        """True for people with full access."""
        return account(self.request).has_full_access

    def get_filter_form(self) -> EventFilterForm:
        return EventFilterForm(self.request.GET, with_sign_ins=self.with_sign_ins)

    def get_queryset(self) -> QuerySet[Event]:
        return self.narrowed(selectors.event_list(with_sign_ins=self.with_sign_ins))

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = super().get_context_data(**kwargs)
        rows = [{"event": row, "details": details_text(row.details)} for row in context["rows"]]
        return {**context, "rows": rows}
