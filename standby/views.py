"""Pages of the pair: dashboard, standby and its actions, settings, what happened."""

from __future__ import annotations

import logging
from typing import Any, ClassVar

from django.conf import settings
from django.contrib import messages
from django.db import DatabaseError
from django.db.models import Case, IntegerField, QuerySet, Value, When
from django.forms import model_to_dict
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views import View
from django.views.generic import TemplateView

from omm_portal.accounts.models import User
from omm_portal.forms import ConfirmForm
from omm_portal.pages import (
    BUSY,
    ConfirmPage,
    ServicePage,
    SignedIn,
    account,
    say_saved,
)
from omm_portal.tables import TablePage
from standby import actions, journal, selectors, services
from standby.context import PairContext
from standby.filters import ChangePageFilterSet, EventPageFilterSet
from standby.forms import (
    ChangeFilterForm,
    EventFilterForm,
    OmmSettingsForm,
    SipSettingsForm,
    SystemSettingsForm,
    TakeoverForm,
)
from standby.gate import GateClosed
from standby.history import role_history
from standby.maintenance import maintenance_running
from standby.models import (
    Event,
    JournalEntry,
    Maintenance,
    OmmSettings,
    SetAside,
    Severity,
    SipSettings,
    SystemSettings,
)
from standby.panels import panels
from standby.presentation import event_rows
from standby.rows import (
    change_groups,
    change_rows,
    details_text,
    original_row,
    set_aside_rows,
)
from standby.texts import local, localised
from standby.timeline import timeline
from standby.written import Conflict, Written

SILENT = gettext_lazy("The standby process of this OMM gives no answer. Is it running?")

PREFLIGHT_PATIENCE = 1.0
"""Seconds that a page waits for the preflight list; the switch-over's own page waits longer."""
HISTORY_SHOWN = 20
GRAVITY = Case(
    *(When(severity=severity, then=Value(rank)) for rank, severity in enumerate(Severity)),
    output_field=IntegerField(),
)
"""Severities by how much they matter, not by letter."""

log = logging.getLogger(__name__)


class DashboardPage(SignedIn, TemplateView):
    """The pair at a glance."""

    template_name = "standby/dashboard.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        events = event_rows(localised(timeline()))
        return super().get_context_data(events=events, panels=panels("dashboard"), **kwargs)


class PairPage(TemplateView):
    """Role, peer and synchronisation of this OMM; the one page that a standby serves.

    Strangers are told no more than the public status document tells; whoever signed in also
    sees the preflight list and the history of the roles.
    """

    template_name = "standby/pair.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        user = self.request.user
        signed_in = isinstance(user, User) and not user.must_change_password
        may_act = isinstance(user, User) and user.has_full_access
        pair = PairContext(self.request)
        peer = pair.values.get("peer") or {}
        return super().get_context_data(
            may_act=may_act,
            signed_in=signed_in,
            maintenance=maintenance_now() if may_act else None,
            paths=list(enumerate(peer.get("paths") or ())),
            checks=preflight_list(pair) if signed_in else None,
            history=role_history(recent(selectors.role_changes())) if signed_in else [],
            **kwargs,
        )


def preflight_list(pair: PairContext) -> tuple[actions.Check, ...] | None:
    """The checks of a switch-over; None where there can be none or the runtime is silent."""
    if not pair.is_active or not pair.peer_origin:
        return None
    try:
        return actions.preflight(PREFLIGHT_PATIENCE)
    except actions.RuntimeSilent as error:
        log.warning("the preflight list could not be asked for: %s", error)
        return ()


def maintenance_now() -> Maintenance | None:
    """The maintenance that is on; None also when that cannot be read."""
    try:
        return maintenance_running(timezone.now())
    except DatabaseError:
        log.warning("the maintenance could not be read", exc_info=True)
        return None


def recent(events: QuerySet[Event]) -> list[Event]:
    """The newest of ``events``; none when they cannot be read: this page must work then, too."""
    try:
        return list(events[:HISTORY_SHOWN])
    except DatabaseError:
        log.warning("the events could not be read", exc_info=True)
        return []


class ActionPage(ConfirmPage):
    """Says what an action of the pair will do, then asks the runtime to do it."""

    done = "pair"
    template_name = "standby/action.html"
    full = True
    checks: tuple[actions.Check, ...] = ()

    @property
    def pair(self) -> PairContext:
        """The pair as this request finds it."""
        return PairContext(self.request)

    def act(self) -> actions.ActionAnswer:
        """Ask the runtime."""
        raise NotImplementedError

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        failed = any(not check.ok for check in self.checks)
        return super().get_context_data(checks=self.checks, is_refused=failed, **kwargs)

    def reconnecting(self) -> str:
        """How many base stations lose their connection for a moment."""
        rfps = self.pair.values.get("rfps") or {}
        count = int((rfps.get("connected") if self.pair.is_active else rfps.get("configured")) or 0)
        if self.pair.is_active:
            text = ngettext(
                "Interrupted: %(count)s base station is connected to this OMM; it connects to the "
                "other one by itself.",
                "Interrupted: %(count)s base stations are connected to this OMM; they connect to "
                "the other one by themselves.",
                count,
            )
        else:
            text = ngettext(
                "Interrupted: %(count)s base station is configured; if connected, it connects to "
                "this OMM by itself.",
                "Interrupted: %(count)s base stations are configured; those that are connected "
                "connect to this OMM by themselves.",
                count,
            )
        return text % {"count": count}

    def form_valid(self, form: ConfirmForm) -> HttpResponse:
        """Act; what speaks against it is shown on the same page."""
        try:
            answer = self.act()
        except actions.RuntimeSilent as error:
            log.warning("an action could not be asked for: %s", error)
            return self.refused(form, SILENT, 503)
        if answer.accepted:
            messages.info(self.request, local(answer.reason) or _("Accepted."))
            return redirect(self.get_success_url())
        self.checks = answer.checks
        return self.refused(form, local(answer.reason) or _("Not accepted."), 409)


class SwitchoverPage(ActionPage):
    """Hand the active role over."""

    title = gettext_lazy("Switch over to the other OMM?")
    verb = gettext_lazy("Switch over")
    is_dangerous = False

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """With the preflight list, if the runtime answers."""
        try:
            self.checks = actions.preflight()
        except actions.RuntimeSilent as error:
            log.warning("the preflight list could not be asked for: %s", error)
            messages.error(request, SILENT)
        return super().get(request, *args, **kwargs)

    def consequences(self) -> list[str | Promise]:
        return [
            _("The other OMM becomes active, this one standby; neither is restarted."),
            _("Every confirmed change is on the other OMM before it takes over."),
            self.reconnecting(),
            _("Open pages move there by themselves and stay signed in."),
        ]

    def act(self) -> actions.ActionAnswer:
        return actions.switchover(actor=self.actor)


class RebootPage(ActionPage):
    """Restart this OMM."""

    title = gettext_lazy("Reboot this OMM?")
    verb = gettext_lazy("Reboot")

    def consequences(self) -> list[str | Promise]:
        if not self.pair.is_active:
            return [
                _("This standby OMM stops and starts again; the active one carries on."),
                _("Until it is back there is no standby: changes are not safe meanwhile."),
            ]
        first = _("This OMM hands its role over to the other one, then stops and starts again.")
        if not self.pair.peer_origin:
            first = _("No standby OMM is configured: nothing is served until it is back.")
            return [first, self.interrupted_alone()]
        back = _("When it is back it is standby; it does not take the role back.")
        return [first, self.reconnecting(), back]

    def interrupted_alone(self) -> str:
        """How many base stations are without any OMM meanwhile."""
        count = int((self.pair.values.get("rfps") or {}).get("connected") or 0)
        text = ngettext(
            "Interrupted: %(count)s base station is connected and has no OMM meanwhile.",
            "Interrupted: %(count)s base stations are connected and have no OMM meanwhile.",
            count,
        )
        return text % {"count": count}

    def act(self) -> actions.ActionAnswer:
        return actions.reboot(actor=self.actor)


class TakeoverPage(ActionPage):
    """Force the active role onto this OMM."""

    form_class = TakeoverForm
    title = gettext_lazy("Force this OMM to become active?")
    verb = gettext_lazy("Force takeover")

    def consequences(self) -> list[str | Promise]:
        return [
            _("This OMM becomes active even if the SIP proxy does not answer it."),
            _("If the other OMM is active and in contact, this is a switch-over."),
            self.reconnecting(),
            _(
                "If it is active but out of contact, both are active until they meet again: "
                "changes of one side are then set aside for review."
            ),
        ]

    def act(self) -> actions.ActionAnswer:
        return actions.takeover(actor=self.actor, force=True)


class OmmSettingsPage(ServicePage[OmmSettingsForm]):
    """The OMM addresses that base stations are told, with their trial."""

    form_class = OmmSettingsForm
    template_name = "standby/omm_settings.html"
    done = "omm-settings"

    edited_id = services.OMM_ID

    def get_initial(self) -> dict[str, Any]:
        row = selectors.omm_settings()
        return {**model_to_dict(row), "version": row.version}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        row = selectors.omm_settings()
        on_trial = row.trial_until is not None and row.trial_until > timezone.now()
        seconds = settings.OMM.address_trial
        return super().get_context_data(
            row=row,
            on_trial=on_trial,
            trial_seconds=seconds,
            panels=panels("omm-settings"),
            **kwargs,
        )

    def save(self, form: OmmSettingsForm) -> Written[OmmSettings]:
        return services.omm_settings_update(
            changes=form.values(),
            now=timezone.now(),
            expected_version=form.expected_version,
            actor=self.actor,
        )


class Button(SignedIn, View):
    """A button that calls a service: one POST, then back to its page."""

    full = True
    page: ClassVar[str] = "omm-settings"

    def end(self, actor: str) -> Written[Any]:
        """Call the service."""
        raise NotImplementedError

    def get(self, request: HttpRequest) -> HttpResponse:
        """A reload or a fail-over may lead here."""
        return redirect(self.page)

    def post(self, request: HttpRequest) -> HttpResponse:
        """End what the button is about, or say why not."""
        try:
            say_saved(request, self.end(account(request).username))
        except (Conflict, GateClosed) as error:
            messages.error(request, local(error.reason))
        except journal.Busy:
            messages.error(request, BUSY)
        return redirect(self.page)


class TrialConfirm(Button):
    """Keep the addresses on trial."""

    def end(self, actor: str) -> Written[OmmSettings]:
        return services.omm_settings_confirm(now=timezone.now(), actor=actor)


class TrialRevert(Button):
    """Take the former addresses back."""

    def end(self, actor: str) -> Written[OmmSettings]:
        return services.omm_settings_revert(actor=actor)


class SipSettingsPage(ServicePage[SipSettingsForm]):
    """SIP servers; one that does not answer is saved only when confirmed."""

    form_class = SipSettingsForm
    template_name = "standby/sip_settings.html"
    done = "sip-settings"
    unanswered: str = ""

    edited_id = services.SIP_ID

    def get_initial(self) -> dict[str, Any]:
        row = selectors.sip_settings()
        return {**model_to_dict(row), "version": row.version}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(unanswered=self.unanswered, **kwargs)

    def form_valid(self, form: SipSettingsForm) -> HttpResponse:
        """Save, or ask whether a silent server is meant."""
        try:
            return super().form_valid(form)
        except _AskFirst as question:
            self.unanswered = question.server
            return self.render_to_response(self.get_context_data(form=form))

    def save(self, form: SipSettingsForm) -> Written[SipSettings]:
        is_confirmed = "confirm" in self.request.POST
        try:
            return services.sip_settings_update(
                changes=form.values(),
                confirmed=is_confirmed,
                expected_version=form.expected_version,
                actor=self.actor,
            )
        except services.SipNoAnswer as error:
            raise _AskFirst(error.server) from error


class _AskFirst(Exception):
    """The SIP server ``server`` gave no answer; the person must say that it is meant."""

    def __init__(self, server: str) -> None:
        super().__init__(server)
        self.server = server


class SystemSettingsPage(ServicePage[SystemSettingsForm]):
    """The system's name."""

    form_class = SystemSettingsForm
    template_name = "standby/system_settings.html"
    done = "system-settings"

    edited_id = services.SYSTEM_ID

    def get_initial(self) -> dict[str, Any]:
        row = selectors.system_settings()
        return {**model_to_dict(row), "version": row.version}

    def save(self, form: SystemSettingsForm) -> Written[SystemSettings]:
        return services.system_settings_update(
            changes=form.values(), expected_version=form.expected_version, actor=self.actor
        )


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
        }


class ChangePage(SignedIn, TemplateView):
    """One change; its address stays the same for ever."""

    template_name = "standby/change.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        entry = get_object_or_404(selectors.change_list(), pk=self.kwargs["seq"])
        row = change_rows([entry])[0]
        earlier, later = selectors.change_neighbours(entry)
        return super().get_context_data(
            row=row,
            original=original_row(row.document.get("original")),
            earlier=earlier,
            later=later,
            **kwargs,
        )


class SetAsidePage(TablePage[SetAside]):
    """Changes of the side that lost a split."""

    template_name = "standby/set_aside_list.html"

    def get_queryset(self) -> QuerySet[SetAside]:
        return selectors.set_aside_list()

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = super().get_context_data(**kwargs)
        return {**context, "rows": set_aside_rows(context["rows"])}


class SetAsideChangePage(SignedIn, TemplateView):
    """One change that lost a split, with everything that is known of it."""

    template_name = "standby/set_aside.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        found = get_object_or_404(selectors.set_aside_list(), pk=self.kwargs["pk"])
        row = set_aside_rows([found])[0]
        return super().get_context_data(row=row, **kwargs)


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
