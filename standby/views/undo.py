"""The page that takes changes back: first what would happen, then just that."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.translation import gettext as _

from omm_portal.pages import BUSY, ServicePage
from standby import journal, selectors
from standby.filters import ChangePageFilterSet
from standby.forms import ChangeFilterForm, UndoForm
from standby.gate import GateClosed
from standby.models import JournalEntry
from standby.rows import change_rows
from standby.texts import local
from standby.undo_document import plan_rows
from standby.undo_plan import MOST, Undo, picked
from standby.undoing import UndoStale, undo_changes, undo_preview
from standby.written import StaleObject, Written

ALONE = "alone"
"""In the address: without what was saved together with the changes that are named."""
LOOK = "look"
"""The button that only shows what the choice means."""


class UndoPage(ServicePage[UndoForm]):
    """Changes of the log and what undoing them does: of one, of several, or of a filter's.

    The address names them: ``seq`` for each, or ``all`` with the log's own filter; ALONE
    leaves out what was saved together with them.
    """

    template_name = "standby/undo.html"
    form_class = UndoForm
    full = True
    done = "change-list"

    stale: UndoStale | None = None
    """What was different when somebody wanted to do what an earlier preview showed."""

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """The preview; or why there is none."""
        return self._told(lambda: self._shown(request, *args, **kwargs))

    def _shown(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return super().get(request, *args, **kwargs)

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Do what was shown; another choice is shown first."""
        return self._told(lambda: self._done(request, *args, **kwargs))

    def _done(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        form = self.get_form()
        if form.is_valid() and (LOOK in request.POST or not form.is_as_shown):
            return self.render_to_response(self.get_context_data(form=form, is_look=True))
        return super().post(request, *args, **kwargs)

    def _told(self, work: Callable[[], HttpResponse]) -> HttpResponse:
        """What ``work`` answers, or a page that says why there is nothing to see or to do."""
        try:
            return work()
        except ValidationError as error:
            return self._nothing(" ".join(error.messages), 400)
        except GateClosed as error:
            return self._nothing(local(error.reason), 503)
        except journal.Busy:
            return self._nothing(str(BUSY), 503)

    def _nothing(self, reason: str, status: int) -> HttpResponse:
        context = {"reason": reason}
        response = render(self.request, "standby/undo_none.html", context, status=status)
        if status == 503:
            response.headers["Retry-After"] = "1"
        return response

    @cached_property
    def entries(self) -> list[JournalEntry]:
        """The changes that the address names, newest first; raises ValidationError."""
        return picked(self._numbers(), together=ALONE not in self.request.GET)

    def _numbers(self) -> list[int]:
        query = self.request.GET
        if "all" not in query:
            texts = [text for text in query.getlist("seq") if text.isascii() and text.isdecimal()]
            return [int(text) for text in texts if len(text) < 19]
        rows = selectors.change_list()
        found = ChangePageFilterSet(query, queryset=rows)
        if not (ChangeFilterForm(query).is_valid() and found.is_valid()):
            return []
        return list(found.qs.values_list("seq", flat=True)[: MOST + 1])

    @cached_property
    def choice(self) -> list[str]:
        """What is meant in spite of what speaks against it."""
        return self.request.POST.getlist("overrule")

    @cached_property
    def plan(self) -> Undo:
        """What would happen now."""
        if self.stale is not None:
            return self.stale.undo
        return undo_preview(self.entries, overrule=self.choice, actor=self.actor)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        plan = self.plan
        form = cast("UndoForm", kwargs.get("form") or self.get_form())
        form.show(plan.seen, self.choice)
        return super().get_context_data(
            **{**kwargs, "form": form},
            plan=plan,
            rows=plan_rows(plan),
            since=change_rows(self.stale.since) if self.stale else [],
            choice=self.choice,
            other_extent=self._other_extent(),
            is_alone=ALONE in self.request.GET,
        )

    def _other_extent(self) -> str:
        """The address with, or without, what was saved together with the chosen changes."""
        query = self.request.GET.copy()
        if query.pop(ALONE, None) is None:
            query[ALONE] = "1"
        return f"{self.request.path}?{query.urlencode()}"

    def save(self, form: UndoForm) -> Written[Undo]:
        try:
            return undo_changes(
                self.entries,
                overrule=self.choice,
                seen=form.cleaned_data["seen"],
                actor=self.actor,
            )
        except UndoStale as error:
            self.stale = error
            raise StaleObject(None) from error

    def show_stale(self, form: UndoForm, error: StaleObject) -> None:
        """The new preview, with who was faster."""
        form.add_error(None, _("Something was changed after the preview. Nothing is undone yet."))

    def get_success_url(self) -> str:
        return reverse(self.done)
