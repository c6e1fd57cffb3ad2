"""Forms of the pair's settings and actions; the services hold the rules."""

from __future__ import annotations

import ipaddress
from datetime import datetime, timedelta
from typing import Any, ClassVar, cast

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from omm_portal.pages import ConfirmForm, GroupedForm
from standby.models import OmmSettings, Severity, SipSettings, SystemSettings
from standby.rows import OBJECTS, SOURCES


class OmmSettingsForm(GroupedForm):
    """The two OMM addresses that base stations are told."""

    model = OmmSettings
    groups: ClassVar = ((None, ("first_address", "second_address")),)


class SipSettingsForm(GroupedForm):
    """SIP proxy and registrar."""

    model = SipSettings
    groups: ClassVar = (
        (_("Proxy"), ("proxy_server", "proxy_port", "transport")),
        (_("Registrar"), ("registrar_server", "registrar_port", "check_number")),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["proxy_server"].help_text = _(
            "Host name or address. A takeover needs an answer from it; empty: not needed."
        )
        self.fields["check_number"].help_text = _(
            "Registered to see whether the registrar answers; empty: only the proxy is asked."
        )


class SystemSettingsForm(GroupedForm):
    """The system as a whole."""

    model = SystemSettings
    groups: ClassVar = ((None, ("system_name",)),)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["system_name"].help_text = _("Shown in every page's title.")


class TakeoverForm(ConfirmForm):
    """Typing the other OMM's address says that its state was looked at."""

    groups: ClassVar = ((None, ("peer_address",)),)
    peer_address = forms.CharField(
        label=_("Address of the other OMM, to confirm"),
        max_length=64,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )

    def clean_peer_address(self) -> str:
        """Must be the peer's address, in any of its written forms."""
        typed: str = self.cleaned_data["peer_address"].strip()
        try:
            is_peer = ipaddress.ip_address(typed) == ipaddress.ip_address(settings.OMM.peer_address)
        except ValueError:
            is_peer = False
        if not is_peer:
            raise ValidationError(_("This is not the address of the other OMM."))
        return typed


class MaintenanceForm(ConfirmForm):
    """For how long nobody shall take over automatically, and why."""

    CHOSEN = "until"

    groups: ClassVar = (
        (None, ("length", "reason")),
        (_("Time of your choice"), ("until",)),
    )
    dependent: ClassVar = {_("Time of your choice"): ("id_length", CHOSEN)}
    length = forms.ChoiceField(
        label=_("Ends"),
        initial="60",
        choices=[
            ("15", _("after 15 minutes")),
            ("60", _("after 1 hour")),
            ("240", _("after 4 hours")),
            (CHOSEN, _("at a time of your choice")),
        ],
    )
    until = forms.DateTimeField(
        required=False,
        label=_("End (UTC)"),
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        help_text=_("At most 24 hours from now."),
    )
    reason = forms.CharField(
        required=False, label=_("Reason"), max_length=200, help_text=_("Shown to everybody.")
    )

    def clean(self) -> dict[str, Any]:
        """A time of the person's choice must be given."""
        values: dict[str, Any] = super().clean() or self.cleaned_data
        chosen = values.get("length") == self.CHOSEN
        if chosen and "until" not in self.errors and not values.get("until"):
            self.add_error("until", _("Enter the time of the end."))
        return values

    def end(self, now: datetime) -> datetime:
        """When the maintenance is to end."""
        length: str = self.cleaned_data["length"]
        if length == self.CHOSEN:
            return cast("datetime", self.cleaned_data["until"])
        return now + timedelta(minutes=int(length))


class ChangeFilterForm(forms.Form):
    """How the change log is narrowed."""

    search = forms.CharField(
        required=False,
        label=_("What"),
        widget=forms.TextInput(attrs={"type": "search", "placeholder": _("Name or MAC address")}),
    )
    model = forms.ChoiceField(
        required=False, label=_("Kind"), choices=[("", _("Everything")), *OBJECTS.items()]
    )
    actor = forms.CharField(
        required=False,
        label=_("Who"),
        widget=forms.TextInput(
            attrs={"placeholder": _("User"), "autocapitalize": "none", "spellcheck": "false"}
        ),
    )
    source = forms.ChoiceField(
        required=False, label=_("From where"), choices=[("", _("Anywhere")), *SOURCES.items()]
    )
    first_day = forms.DateField(
        required=False, label=_("From (day, UTC)"), widget=forms.DateInput(attrs={"type": "date"})
    )
    last_day = forms.DateField(
        required=False, label=_("To (day, UTC)"), widget=forms.DateInput(attrs={"type": "date"})
    )
    object = forms.UUIDField(required=False, widget=forms.HiddenInput)
    transaction = forms.UUIDField(required=False, widget=forms.HiddenInput)


class EventFilterForm(forms.Form):
    """How the list of events is narrowed; sign-ins are for people with full access."""

    kind = forms.ChoiceField(required=False, label=_("Kind"))
    severity = forms.ChoiceField(
        required=False, label=_("Severity"), choices=[("", _("Any severity")), *Severity.choices]
    )

    def __init__(self, *args: Any, with_sign_ins: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        kinds = [("", _("Everything")), ("roles", _("Roles")), ("warnings", _("Warnings"))]
        if with_sign_ins:
            kinds.append(("sign_ins", _("Sign-ins")))
        cast("forms.ChoiceField", self.fields["kind"]).choices = kinds
