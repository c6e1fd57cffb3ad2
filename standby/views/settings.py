"""Settings of the pair: OMM addresses with their trial, SIP, the system."""

from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings
from django.contrib import messages
from django.forms import model_to_dict
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views import View

from omm_portal.pages import (
    BUSY,
    ServicePage,
    SignedIn,
    account,
    say_saved,
)
from standby import journal, selectors, services
from standby.forms import (
    OmmSettingsForm,
    SipSettingsForm,
    SystemSettingsForm,
)
from standby.gate import GateClosed
from standby.models import (
    OmmSettings,
    SipSettings,
    SystemSettings,
)
from standby.panels import panels
from standby.texts import local
from standby.written import Conflict, Written


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
