"""Forms of the pair's settings and actions; the services hold the rules."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, ClassVar, cast

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from omm_portal.forms import ConfirmForm, GroupedForm, put_into
from standby.models import OmmSettings, SetAsideClass, Severity, SipSettings, SystemSettings
from standby.rows import OBJECTS, SOURCES
from standby.validation import omm_problems, sip_problems, system_problems, time_zones


class OmmSettingsForm(GroupedForm):
    """The two OMM addresses that base stations are told."""

    model = OmmSettings
    rules = staticmethod(omm_problems)
    groups: ClassVar = ((None, ("first_address", "second_address")),)
    help_texts: ClassVar = {
        "first_address": _("IP address that base stations try first. Empty: they are told none."),
        "second_address": _("IP address of the other OMM; without it they have no standby."),
    }


class SipSettingsForm(GroupedForm):
    """SIP proxy and registrar."""

    model = SipSettings
    rules = staticmethod(sip_problems)
    groups: ClassVar = (
        (_("Proxy"), ("proxy_server", "proxy_port", "transport")),
        (
            _("Registrar"),
            ("registrar_server", "registrar_port", "registration_period", "check_number"),
        ),
        (_("Outbound proxy"), ("outbound_proxy_server", "outbound_proxy_port")),
    )
    help_texts: ClassVar = {
        "proxy_server": _(
            "Host name or address. A takeover needs an answer from it; empty: not needed."
        ),
        "proxy_port": _("Port of the proxy, mostly 5060, or 5061 with TLS."),
        "transport": _("How SIP requests travel to proxy and registrar."),
        "registrar_server": _(
            "Host name or address. Asked like the proxy if it is another server; empty: none."
        ),
        "registrar_port": _("Port of the registrar, mostly 5060, or 5061 with TLS."),
        "registration_period": _("Seconds for which phones register, mostly 3600."),
        "check_number": _(
            "Registered to see whether the registrar answers; empty: only the proxy is asked."
        ),
        "outbound_proxy_server": _(
            "Host name or address through which all requests go first; empty: none."
        ),
        "outbound_proxy_port": _("Port of the outbound proxy, mostly 5060."),
    }
    plain = frozenset({"proxy_server", "registrar_server", "outbound_proxy_server", "check_number"})


class SystemSettingsForm(GroupedForm):
    """The system as a whole."""

    model = SystemSettings
    rules = staticmethod(system_problems)
    groups: ClassVar = (
        (_("System"), ("system_name", "tone_scheme", "remote_access")),
        (_("Time"), ("time_zone", "ntp_server_1", "ntp_server_2", "ntp_server_3")),
        (_("Syslog"), ("syslog_on", "syslog_address", "syslog_port")),
        (
            _("DECT"),
            (
                "park",
                "regulatory_domain",
                "paging_area_size",
                "dect_authentication_code",
                "dect_encryption",
            ),
        ),
        (_("SNMP"), ("snmp_community", "snmp_contact", "snmp_trap_host")),
    )
    help_texts: ClassVar = {
        "system_name": _("Shown in every page's title."),
        "tone_scheme": _("The country whose tones (dialling, busy) phones play."),
        "remote_access": _("Lets service staff reach the shell of base stations by SSH."),
        "time_zone": _("Place whose time phones show, daylight saving included."),
        "ntp_server_1": _("Host name or address that base stations take the time from."),
        "ntp_server_2": _("Asked when the first one does not answer."),
        "ntp_server_3": _("Asked when neither of the others answers."),
        "syslog_on": _("Base stations send their messages to the server below."),
        "syslog_address": _("IPv4 address of the syslog server."),
        "syslog_port": _("UDP port of the syslog server, mostly 514."),
        "park": _("Identity of the DECT system, as its licence states it: letters and digits."),
        "regulatory_domain": _("Whose rules for frequencies and power base stations keep."),
        "paging_area_size": _("Size of the areas in which phones are searched for."),
        "dect_encryption": _("Encrypts speech between phones and base stations."),
        "dect_authentication_code": _("Phones give it when they are enrolled."),
        "snmp_community": _("Whoever gives it may read the system by SNMP."),
        "snmp_contact": _("Whom to ask about the system, as SNMP managers show it."),
        "snmp_trap_host": _("Host name or address that SNMP traps are sent to; empty: none."),
    }
    plain = frozenset({"ntp_server_1", "ntp_server_2", "ntp_server_3", "park", "snmp_trap_host"})

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["time_zone"].widget = forms.Select(choices=time_zone_choices())
        for name in ("tone_scheme", "regulatory_domain"):
            choices = self.fields[name].choices  # type: ignore[attr-defined]
            self.fields[name].choices = [("", _("Not set")), *choices[1:]]  # type: ignore[attr-defined]


def time_zone_choices() -> list[Any]:
    """All time zones, by the part of the world."""
    zones = groupby(time_zones(), key=lambda name: name.partition("/")[0])
    return [
        (part, [(name, name.partition("/")[2].replace("_", " ")) for name in names])
        if part != "UTC"
        else ("UTC", "UTC")
        for part, names in zones
    ]


class DecideForm(ConfirmForm):
    """A decision on what was set aside; it names what the person was shown."""

    seen = forms.CharField(required=False, max_length=64, widget=forms.HiddenInput)


class UndoForm(ConfirmForm):
    """An undo; it names what the person was shown, and with which choice."""

    seen = forms.CharField(required=False, max_length=100, widget=forms.HiddenInput)
    shown = forms.CharField(required=False, widget=forms.HiddenInput)

    @property
    def is_as_shown(self) -> bool:
        """True when nothing else was chosen than when the page was made."""
        chosen = cast("QueryDict", self.data).getlist("overrule")
        return set(self.cleaned_data["shown"].split()) == set(chosen)

    def show(self, seen: str, choice: Iterable[str]) -> None:
        """The page that is sent now shows this."""
        values = {"seen": seen, "shown": " ".join(sorted(choice))}
        self.initial = {**self.initial, **values}
        if self.is_bound:
            put_into(self, values)


class TakeoverForm(ConfirmForm):
    """Typing the other OMM's address says that its state was looked at."""

    groups: ClassVar = ((None, ("peer_address",)),)
    peer_address = forms.CharField(
        label=_("Address of the other OMM, to confirm"),
        max_length=64,
        help_text=_("Its IP address, typed by hand: look at its state first."),
    )
    plain = frozenset({"peer_address"})

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
        help_text=_("Automatic takeovers work again from then on, whether it is ended or not."),
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


class SetAsideFilterForm(forms.Form):
    """How the set-aside list is narrowed."""

    split = forms.UUIDField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        classes = [("", _("Any state")), *SetAsideClass.choices]
        self.fields["class"] = forms.ChoiceField(required=False, label=_("State"), choices=classes)


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
