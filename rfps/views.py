"""Pages of base stations and sites."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from django.db.models import QuerySet, Value
from django.db.models.functions import Coalesce, Lower, NullIf
from django.forms import model_to_dict
from django.http import Http404
from django.shortcuts import get_object_or_404
from django.utils.functional import Promise, cached_property
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from omm_portal.forms import ConfirmForm
from omm_portal.pages import ConfirmPage, ServicePage
from omm_portal.tables import TablePage, last
from rfps import services
from rfps.filters import RfpPageFilterSet, SiteFilterSet
from rfps.forms import RfpFilterForm, RfpForm, SearchForm, SiteForm
from rfps.models import Rfp, Site
from rfps.selectors import (
    LIVE_COLUMNS,
    RfpsInOrder,
    rfp_list,
    rfp_states,
    rfps_by_live,
    site_list,
)
from rfps.states import rfp_state
from standby.written import Written


class RfpListPage(TablePage[Rfp]):
    """All base stations: searched, narrowed, sorted."""

    template_name = "rfps/rfp_list.html"
    filterset_class = RfpPageFilterSet
    columns: ClassVar = {
        "name": (Lower(Coalesce(NullIf("name", Value("")), "mac")),),
        "mac": ("mac",),
        "site": (last("site__name"), "mac"),
        "location": ("building", "floor", "room", "mac"),
        "cluster": ("cluster", "mac"),
        **dict.fromkeys(LIVE_COLUMNS, ("mac",)),
    }
    default_ordering = "mac"

    def get_filter_form(self) -> RfpFilterForm:
        return RfpFilterForm(self.request.GET)

    def get_queryset(self) -> QuerySet[Rfp]:
        return self.narrowed(rfp_list())

    def ordered(self, rows: QuerySet[Rfp]) -> QuerySet[Rfp] | RfpsInOrder:
        """By the second database where the column comes from there."""
        if self.sorting.column in LIVE_COLUMNS:
            column, descending = self.sorting.column, self.sorting.descending
            return rfps_by_live(rows, column, descending=descending)
        found: QuerySet[Rfp] = super().ordered(rows)
        return found

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Adds what each base station reported and its state."""
        context = super().get_context_data(**kwargs)
        lives = rfp_states(rfp.pk for rfp in context["rows"])
        found = [(rfp, lives.get(rfp.pk)) for rfp in context["rows"]]
        return {**context, "rows": [(rfp, live, rfp_state(live)) for rfp, live in found]}


class RfpCreatePage(ServicePage[RfpForm]):
    """Add a base station."""

    form_class = RfpForm
    template_name = "rfps/rfp_form.html"
    done = "rfp-list"
    full = True

    def save(self, form: RfpForm) -> Written[Rfp]:
        return services.rfp_create(values=form.values(), actor=self.actor)


class RfpEditPage(ServicePage[RfpForm]):
    """Change a base station; for readers, look at it."""

    form_class = RfpForm
    template_name = "rfps/rfp_form.html"
    done = "rfp-list"

    @cached_property
    def rfp(self) -> Rfp:
        """The base station of this page."""
        return get_object_or_404(rfp_list(), pk=self.kwargs["pk"])

    def get_initial(self) -> dict[str, Any]:
        return {**model_to_dict(self.rfp), "version": self.rfp.version}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        state = rfp_state(rfp_states([self.rfp.pk]).get(self.rfp.pk))
        return super().get_context_data(rfp=self.rfp, state=state, **kwargs)

    def save(self, form: RfpForm) -> Written[Rfp]:
        return services.rfp_update(
            rfp=self.rfp,
            changes=form.values(),
            expected_version=form.expected_version,
            actor=self.actor,
        )


class RfpDeletePage(ConfirmPage):
    """Ask before a base station goes."""

    done = "rfp-list"
    verb = gettext_lazy("Delete base station")
    full = True

    @cached_property
    def rfp(self) -> Rfp:
        """The base station of this page."""
        return get_object_or_404(Rfp, pk=self.kwargs["pk"])

    def get_initial(self) -> dict[str, Any]:
        return {"version": self.rfp.version}

    def get_title(self) -> str:
        return _("Delete the base station %(name)s?") % {"name": self.rfp}

    def consequences(self) -> list[str | Promise]:
        return [
            _("Its configuration (%(mac)s) is removed from both OMMs.") % {"mac": self.rfp.mac},
            _("If the device is connected, its phones lose this base station."),
        ]

    def save(self, form: ConfirmForm) -> Written[None]:
        return services.rfp_delete(
            rfp=self.rfp, expected_version=form.expected_version, actor=self.actor
        )


class SiteListPage(TablePage[Site]):
    """All sites."""

    template_name = "rfps/site_list.html"
    filterset_class = SiteFilterSet
    columns: ClassVar = {"name": (Lower("name"),), "rfps": ("rfp_count", "name")}
    default_ordering = "name"

    def get_filter_form(self) -> SearchForm:
        return SearchForm(self.request.GET)

    def get_queryset(self) -> QuerySet[Site]:
        return self.narrowed(site_list())


class SiteCreatePage(ServicePage[SiteForm]):
    """Add a site."""

    form_class = SiteForm
    template_name = "rfps/site_form.html"
    done = "site-list"
    full = True

    def save(self, form: SiteForm) -> Written[Site]:
        return services.site_create(name=form.values()["name"], actor=self.actor)


class SiteEditPage(ServicePage[SiteForm]):
    """Rename a site."""

    form_class = SiteForm
    template_name = "rfps/site_form.html"
    done = "site-list"

    @cached_property
    def site(self) -> Site:
        """The site of this page."""
        return _site(self.kwargs["pk"])

    def get_initial(self) -> dict[str, Any]:
        return {"name": self.site.name, "version": self.site.version}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(site=self.site, **kwargs)

    def save(self, form: SiteForm) -> Written[Site]:
        return services.site_update(
            site=self.site,
            name=form.values()["name"],
            expected_version=form.expected_version,
            actor=self.actor,
        )


class SiteDeletePage(ConfirmPage):
    """Ask before a site goes."""

    done = "site-list"
    verb = gettext_lazy("Delete site")
    full = True

    @cached_property
    def site(self) -> Site:
        """The site of this page."""
        return _site(self.kwargs["pk"])

    def get_initial(self) -> dict[str, Any]:
        return {"version": self.site.version}

    def get_title(self) -> str:
        return _("Delete the site %(name)s?") % {"name": self.site.name}

    def consequences(self) -> list[str | Promise]:
        count = self.site.rfps.count()
        if not count:
            return [_("No base station belongs to it. It is removed from both OMMs.")]
        text = ngettext(
            "%(count)s base station belongs to it: move it to another site first.",
            "%(count)s base stations belong to it: move them to another site first.",
            count,
        )
        return [text % {"count": count}]

    def save(self, form: ConfirmForm) -> Written[None]:
        return services.site_delete(
            site=self.site, expected_version=form.expected_version, actor=self.actor
        )


def _site(pk: UUID) -> Site:
    site = Site.objects.filter(pk=pk).first()
    if site is None:
        raise Http404
    return site
