"""Forms of sites and base stations; the services hold the rules."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, TypeAlias, cast

from django import forms
from django.forms.models import ModelChoiceIterator
from django.utils.translation import gettext_lazy as _

from omm_portal.forms import GroupedForm
from omm_portal.rendering import LongSelect
from rfps.filters import WITHOUT_SITE
from rfps.models import Rfp, Site
from rfps.selectors import site_choices
from rfps.services import rfp_problems, site_problems
from rfps.states import RfpCondition

SiteField: TypeAlias = "forms.ModelChoiceField[Site]"


class SiteForm(GroupedForm):
    """A site's name."""

    model = Site
    rules = staticmethod(site_problems)
    groups: ClassVar = ((_("Site"), ("name",)),)
    help_texts: ClassVar = {"name": _("A place with base stations; each name exists once.")}


class RfpForm(GroupedForm):
    """The configured side of a base station."""

    model = Rfp
    rules = staticmethod(rfp_problems)
    groups: ClassVar = (
        (_("Identity"), ("mac", "name", "hardware_type")),
        (_("Place"), ("site", "building", "floor", "room", "position_x", "position_y")),
        (
            _("Radio"),
            ("cluster", "paging_area", "dect_on", "preferred_sync", "reflective_environment"),
        ),
        (_("WLAN"), ("wlan_on", "wlan_profile")),
        (_("Network"), ("ip_mode",)),
        (
            _("Local addresses"),
            ("address", "netmask", "gateway", "first_omm", "second_omm", "dns", "syslog"),
        ),
    )
    dependent: ClassVar = {_("Local addresses"): ("id_ip_mode", "local")}
    help_texts: ClassVar = {
        "mac": _("As printed on the device, e.g. 00:30:42:12:34:56."),
        "name": _("How lists call it; empty: its MAC address."),
        "hardware_type": _("Only until the base station connects for the first time."),
        "site": _("The place that it belongs to; sites are made on a page of their own."),
        "building": _("Where to find it, for people."),
        "floor": _("Where to find it, for people."),
        "room": _("Where to find it, for people."),
        "position_x": _("Pixels from the left edge of the plan; empty: not placed."),
        "position_y": _("Pixels from the upper edge of the plan; empty: not placed."),
        "cluster": _("Phones hand over only inside a cluster."),
        "paging_area": _("Where a phone is searched for; empty: not assigned."),
        "dect_on": _("Off: the base station is connected, but sends nothing."),
        "preferred_sync": _("Others of its cluster rather take their radio timing from this one."),
        "reflective_environment": _("For halls with much metal, which throws radio waves back."),
        "wlan_on": _("For models with WLAN: RFP 42, 43 and 48."),
        "wlan_profile": _("Name of the WLAN settings that it uses."),
        "ip_mode": _("DHCP or local addresses: entirely one or the other."),
        "address": _("Its own IPv4 address."),
        "netmask": _("Such as 255.255.255.0."),
        "gateway": _("IPv4 address of the router, in the same network."),
        "first_omm": _("IPv4 address of the OMM that it tries first."),
        "second_omm": _("IPv4 address of the other OMM. Needed for standby."),
        "dns": _("IPv4 address of the name server; empty: none."),
        "syslog": _("IPv4 address that it sends its messages to; empty: none."),
    }
    plain = frozenset({"mac", "hardware_type", "floor", "room"})

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _offer_sites(cast("SiteField", self.fields["site"]))


class _SiteChoices(ModelChoiceIterator):  # type: ignore[type-arg]
    """The sites as plain texts: rows need not become objects to be offered."""

    def __iter__(self) -> Iterator[tuple[str, str]]:
        yield "", str(self.field.empty_label)
        yield from site_choices()


def _offer_sites(field: SiteField) -> None:
    field.empty_label = str(_("No site"))
    field.iterator = _SiteChoices
    field.widget = LongSelect(attrs=field.widget.attrs)
    field.widget.choices = field.choices


class RfpFilterForm(forms.Form):
    """How the list of base stations is narrowed."""

    search = forms.CharField(
        required=False,
        label=_("Search"),
        widget=forms.TextInput(
            attrs={"type": "search", "placeholder": _("Name, MAC address or place")}
        ),
    )
    site = forms.ChoiceField(required=False, label=_("Site"), widget=LongSelect)
    cluster = forms.IntegerField(
        required=False,
        label=_("Cluster"),
        min_value=1,
        max_value=4096,
        widget=forms.NumberInput(attrs={"placeholder": _("Cluster")}),
    )
    state = forms.ChoiceField(
        required=False, label=_("State"), choices=[("", _("Any state")), *RfpCondition.choices]
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        cast("forms.ChoiceField", self.fields["site"]).choices = [
            ("", _("All sites")),
            (WITHOUT_SITE, _("Without a site")),
            *site_choices(),
        ]


class SearchForm(forms.Form):
    """A search by name alone."""

    search = forms.CharField(
        required=False,
        label=_("Search"),
        widget=forms.TextInput(attrs={"type": "search", "placeholder": _("Name")}),
    )
