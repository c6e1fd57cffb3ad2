"""Pages of what lost a split: the list, one change, decisions, and the reports of splits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, cast
from uuid import UUID

from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise, cached_property
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.generic import TemplateView

from omm_portal.forms import ConfirmForm, put_into
from omm_portal.pages import STALE_QUESTION, ConfirmPage, Page, SignedIn, account
from omm_portal.tables import TablePage
from standby import selectors
from standby.deciding import Decided, set_aside_decide, set_aside_decide_all
from standby.domain.aside import CHOICES, REPLACE
from standby.filters import SetAsideFilterSet
from standby.forms import DecideForm, SetAsideFilterForm
from standby.models import SetAside, Split
from standby.set_aside_rows import SetAsideRow, ThreeValues, set_aside_rows
from standby.split_copies import NoCopy, download, find_copy
from standby.splits import split_report, split_rows
from standby.templatetags.pair import value_text
from standby.texts import local
from standby.written import StaleObject, Written

OPEN_SHOWN = 20
"""Open changes that a split's report lists itself."""
VERBS: dict[str, str | Promise] = {
    "keep": gettext_lazy("Keep ours"),
    "replace": gettext_lazy("Replace by theirs"),
}


class SetAsidePage(TablePage[SetAside]):
    """Changes of the side that lost a split."""

    template_name = "standby/set_aside_list.html"
    filterset_class = SetAsideFilterSet

    def get_filter_form(self) -> SetAsideFilterForm:
        return SetAsideFilterForm(self.request.GET)

    def get_queryset(self) -> QuerySet[SetAside]:
        return self.narrowed(selectors.set_aside_list())

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = super().get_context_data(**kwargs)
        count = selectors.open_set_aside().count()
        may_decide = account(self.request).has_full_access
        rows = set_aside_rows(context["rows"])
        return {**context, "rows": rows, "open_count": count, "may_decide": may_decide}


class SetAsideChangePage(SignedIn, TemplateView):
    """One change that lost a split, with everything that is known of it."""

    template_name = "standby/set_aside.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        found = get_object_or_404(selectors.set_aside_list(), pk=self.kwargs["pk"])
        row = set_aside_rows([found])[0]
        may_decide = account(self.request).has_full_access
        return super().get_context_data(row=row, may_decide=may_decide, **kwargs)


class DecidingPage(ConfirmPage):
    """Says what a decision does, then decides."""

    form_class = DecideForm
    full = True
    done = "set-aside"

    @property
    def choice(self) -> str:
        """Keep or replace; nothing else is a page."""
        choice = str(self.kwargs["choice"])
        if choice not in CHOICES:
            raise Http404
        return choice

    @property
    def seen(self) -> str:
        """The mark of what is shown now."""
        raise NotImplementedError

    def get_initial(self) -> dict[str, Any]:
        return {"seen": self.seen}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = super().get_context_data(**kwargs)
        return {**context, "verb": VERBS[self.choice], "is_dangerous": self.choice == REPLACE}

    def show_stale(self, form: ConfirmForm, error: StaleObject) -> None:
        """Ask again, with what is here now."""
        form.add_error(None, STALE_QUESTION)
        put_into(form, {"seen": self.seen})

    def seen_by(self, form: ConfirmForm) -> str:
        """The mark of what the person was shown."""
        return str(cast("DecideForm", form).cleaned_data["seen"])


class DecidePage(DecidingPage):
    """Keep or replace one change, or one field of it."""

    @cached_property
    def row(self) -> SetAsideRow:
        """The change as this page shows it."""
        found = get_object_or_404(selectors.set_aside_list(), pk=self.kwargs["pk"])
        return set_aside_rows([found])[0]

    def show_stale(self, form: ConfirmForm, error: StaleObject) -> None:
        """Ask again, with what is here now."""
        self.__dict__.pop("row", None)
        super().show_stale(form, error)

    @property
    def edited_id(self) -> UUID | None:
        """The decision is about no object that is edited here."""
        return None

    @cached_property
    def field(self) -> str:
        """The one field that is meant; empty for the whole change."""
        return self.request.GET.get("field", "")

    @property
    def seen(self) -> str:
        return str(self.row.document["seen"])

    def get_success_url(self) -> str:
        return reverse("set-aside-change", args=[self.kwargs["pk"]])

    def get_title(self) -> str:
        change = self.row.change
        name = f"{change.what} {change.name}".strip()
        if self.choice == REPLACE:
            return _("Replace by the set-aside value: %(name)s?") % {"name": name}
        return _("Keep the value of this pair: %(name)s?") % {"name": name}

    def consequences(self) -> list[str | Promise]:
        row = self.row
        meant = [each for each in row.fields if each.is_open and self.field in ("", each.name)]
        if meant:
            return [self._consequence(each) for each in meant]
        if self.choice != REPLACE:
            return [_("Nothing is changed here; the set-aside change stays listed.")]
        if row.document["original"]["operation"] == "delete":
            return [_("The object is removed here too.")]
        return [_("The object is made here with the values that were set aside.")]

    def _consequence(self, values: ThreeValues) -> str:
        words = {
            "field": values.field,
            "ours": value_text(values.ours),
            "theirs": value_text(values.theirs),
        }
        if self.choice == REPLACE:
            return _("%(field)s: %(theirs)s replaces %(ours)s.") % words
        return _("%(field)s: %(ours)s stays; %(theirs)s is not used.") % words

    def save(self, form: ConfirmForm) -> Written[SetAside]:
        return set_aside_decide(
            pk=self.kwargs["pk"],
            choice=self.choice,
            fields=[self.field] if self.field else (),
            seen=self.seen_by(form),
            now=timezone.now(),
            actor=self.actor,
        )


class DecideAllPage(DecidingPage):
    """Keep or replace everything that is open."""

    @cached_property
    def split(self) -> UUID | None:
        """The split whose changes are meant; None for all."""
        try:
            return UUID(self.request.GET["split"]) if "split" in self.request.GET else None
        except ValueError:
            raise Http404 from None

    @property
    def seen(self) -> str:
        return selectors.seen_of_all(selectors.open_set_aside(self.split))

    def get_title(self) -> str:
        if self.choice == REPLACE:
            return _("Replace everything that is open by the set-aside values?")
        return _("Keep the values of this pair for everything that is open?")

    def consequences(self) -> list[str | Promise]:
        count = selectors.open_set_aside(self.split).count()
        text = ngettext("%(count)s change is open.", "%(count)s changes are open.", count) % {
            "count": count
        }
        if self.choice == REPLACE:
            return [text, _("What the rules of an object refuse stays open.")]
        return [text, _("Nothing is changed here; the set-aside changes stay listed.")]

    def save(self, form: ConfirmForm) -> Written[Decided]:
        return set_aside_decide_all(
            choice=self.choice,
            split=self.split,
            seen=self.seen_by(form),
            now=timezone.now(),
            actor=self.actor,
        )

    def after_save(self, written: Written[Any]) -> None:
        refused: Mapping[UUID, str] = written.value.refused
        for reason in sorted(set(map(local, refused.values())))[:5]:
            messages.warning(self.request, _("Still open: %(reason)s") % {"reason": reason})


class SplitListPage(TablePage[Split]):
    """The splits that were settled, newest first."""

    template_name = "standby/split_list.html"
    columns: ClassVar = {"ended_at": ("ended_at",)}
    default_ordering = "-ended_at"

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """The list; with ``?newest`` the report of the newest split that is open, or at all."""
        if "newest" in request.GET and (newest := selectors.split_to_look_at()):
            return redirect("split", pk=newest.pk)
        return super().get(request, *args, **kwargs)

    def get_queryset(self) -> QuerySet[Split]:
        return selectors.split_list()

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = super().get_context_data(**kwargs)
        return {**context, "rows": split_rows(context["rows"])}


class SplitCopyPage(Page):
    """The copy of the loser's database as a file; a failure leads back with its reason."""

    full = True

    def get(self, request: HttpRequest, pk: UUID) -> HttpResponseBase:
        """Send the file."""
        split = get_object_or_404(selectors.split_list(), pk=pk)
        try:
            return download(find_copy(split), split, actor=account(request).username)
        except NoCopy as error:
            messages.error(request, local(error.reason))
            return redirect("split", pk=pk)


class SplitPage(SignedIn, TemplateView):
    """One split: when, why, how long, and what became of every change of the loser."""

    template_name = "standby/split.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        found = get_object_or_404(selectors.split_list(), pk=self.kwargs["pk"])
        opened = selectors.open_set_aside(found.pk)[:OPEN_SHOWN]
        return super().get_context_data(
            row=split_report(found),
            may_decide=account(self.request).has_full_access,
            open_rows=set_aside_rows(opened),
            **kwargs,
        )
