"""Forms of sites and base stations; the services hold the rules."""

from __future__ import annotations

from typing import Any, ClassVar, TypeAlias, cast

from django import forms
from django.utils.translation import gettext_lazy as _

from omm_portal.pages import GroupedForm
from rfps.filters import WITHOUT_SITE
from rfps.models import Rfp, Site
from rfps.selectors import site_choices
from rfps.states import RfpCondition

SiteField: TypeAlias = "forms.ModelChoiceField[Site]"


class SiteForm(GroupedForm):
    """A site's name."""

    model = Site
    groups: ClassVar = ((_("Site"), ("name",)),)


class RfpForm(GroupedForm):
    """The configured side of a base station."""

    model = Rfp
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

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, text in _HELP.items():
            self.fields[name].help_text = text
        self.fields["mac"].widget.attrs["spellcheck"] = "false"
        cast("SiteField", self.fields["site"]).empty_label = str(_("No site"))


_HELP = {
    "mac": _("As printed on the device, e.g. 00:30:42:12:34:56."),
    "hardware_type": _("Only until the base station connects for the first time."),
    "cluster": _("Phones hand over only inside a cluster."),
    "paging_area": _("Empty: not assigned."),
    "ip_mode": _("DHCP or local addresses: entirely one or the other."),
    "second_omm": _("Needed for standby."),
}


class RfpFilterForm(forms.Form):
    """How the list of base stations is narrowed."""

    search = forms.CharField(
        required=False,
        label=_("Search"),
        widget=forms.TextInput(
            attrs={"type": "search", "placeholder": _("Name, MAC address or place")}
        ),
    )
    site = forms.ChoiceField(required=False, label=_("Site"))
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
