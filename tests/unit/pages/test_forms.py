"""Rules of all forms: every field is explained, and all errors are told in one round."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from django import forms
from django.test import Client
from django.utils import timezone

from omm_portal.forms import LARGEST, GroupedForm
from rfps import services
from rfps.models import Rfp
from standby.backup.files import Stored
from standby.backup.forms import RestoreForm
from tests.unit.pages.sending import form_data

pytestmark = pytest.mark.django_db(databases=["default", "live"])

NEED_NO_HELP = {
    ("PasswordForm", "current_password"),
    ("PasswordForm", "repeated"),
}
"""Fields whose label says it all."""
RFP = {"mac": "00:30:42:00:00:01", "cluster": "1", "ip_mode": "dhcp"}


def all_forms() -> list[type[GroupedForm]]:
    """Every form of the portal that saves something."""
    import_module("omm_portal.urls")
    return sorted(_below(GroupedForm), key=lambda each: each.__name__)


def made(form: type[GroupedForm]) -> GroupedForm:
    """The form as its page makes it."""
    if form is RestoreForm:
        stored = Stored("1", Path("1.jsonl.xz"), timezone.now(), "manual", 1, is_encrypted=True)
        return form(one=stored)
    return form()


def _below(form: type[GroupedForm]) -> Iterator[type[GroupedForm]]:
    for each in form.__subclasses__():
        yield each
        yield from _below(each)


def fields(form: GroupedForm) -> Iterator[tuple[str, forms.Field]]:
    """The visible ones."""
    for name, field in form.fields.items():
        if not field.widget.is_hidden:
            yield name, field


@pytest.mark.parametrize("form", all_forms(), ids=lambda form: form.__name__)
def test_every_field_says_what_it_means(form: type[GroupedForm]) -> None:
    shown = made(form)
    clear = getattr(shown, "labels", {})  # names of objects to choose among
    silent = {name for name, field in fields(shown) if not field.help_text} - clear.keys()
    assert silent == {name for owner, name in NEED_NO_HELP if owner == form.__name__}


@pytest.mark.parametrize("form", all_forms(), ids=lambda form: form.__name__)
def test_every_number_says_its_range(form: type[GroupedForm]) -> None:
    for name, field in fields(made(form)):
        if isinstance(field, forms.IntegerField):
            low, high = (field.widget.attrs[key] for key in ("min", "max"))
            assert -LARGEST < low < high < LARGEST, name
            assert re.search(rf"(^|\s)From {low} to {high}\.$", str(field.help_text)), name


@pytest.mark.parametrize("form", all_forms(), ids=lambda form: form.__name__)
def test_no_field_is_filled_in_or_spelt_by_the_browser_unasked(form: type[GroupedForm]) -> None:
    for name, field in fields(made(form)):
        attrs = field.widget.attrs
        if isinstance(field.widget, forms.TextInput | forms.PasswordInput):
            assert attrs.get("autocomplete"), name
        if isinstance(field, forms.GenericIPAddressField) or "server" in name:
            assert (attrs["spellcheck"], attrs["autocapitalize"]) == ("false", "none"), name


def test_a_page_ties_help_and_error_to_the_field(browser: Client, admin: Any) -> None:
    page = browser.post("/rfps/new/", {**RFP, "cluster": "5000"}).content.decode()
    control = re.search(r'<input[^>]*name="cluster"[^>]*>', page)
    assert control
    described = re.search(r'aria-describedby="([^"]+)"', control[0])
    assert described
    for part in described[1].split():
        assert f'id="{part}"' in page
    assert 'aria-invalid="true"' in control[0]


def test_rules_of_the_services_are_told_together_with_those_of_the_fields(
    browser: Client, admin: Any
) -> None:
    services.rfp_create(values={"mac": "00:30:42:00:00:01"}, actor="admin")
    sent = {
        **RFP,
        "cluster": "0",
        "paging_area": "x",
        "ip_mode": "local",
        "address": "10.0.0.1",
        "netmask": "255.0.255.0",
        "gateway": "10.0.0.300",
    }
    response = browser.post("/rfps/new/", sent)
    assert response.context["form"].errors.keys() == {
        "mac",
        "cluster",
        "paging_area",
        "netmask",
        "gateway",
        "first_omm",
    }
    assert Rfp.objects.count() == 1


def test_the_summary_leads_to_the_wrong_fields_and_the_first_has_the_focus(
    browser: Client, admin: Any
) -> None:
    response = browser.post("/rfps/new/", {**RFP, "mac": "nonsense", "cluster": "0"})
    page = response.content.decode()
    assert "2 fields need a look" in page
    assert re.findall(r'<a href="#(id_\w+)" data-focus>', page) == ["id_mac", "id_cluster"]
    assert re.findall(r'<input[^>]*name="(\w+)"[^>]* autofocus', page) == ["mac"]


def test_an_error_stands_once_at_its_field(browser: Client, admin: Any) -> None:
    page = browser.post("/rfps/new/", {**RFP, "mac": "nonsense"}).content.decode()
    assert page.count("Enter a MAC address such as") == 1


def test_an_error_of_a_hidden_field_is_told_on_top(browser: Client, admin: Any) -> None:
    sent = form_data(browser, "/settings/system/", version="x")
    page = browser.post("/settings/system/", sent).content.decode()
    assert "Version: Enter a whole number." in page


def test_an_unchanged_mac_is_not_taken_by_itself(browser: Client, admin: Any) -> None:
    rfp = services.rfp_create(values={"mac": "00:30:42:00:00:01"}, actor="admin").value
    path = f"/rfps/{rfp.pk}/"
    assert browser.post(path, form_data(browser, path, name="Hall")).status_code == 302
    rfp.refresh_from_db()
    assert rfp.name == "Hall"


@pytest.mark.parametrize(
    ("path", "changes", "wrong"),
    [
        ("/sites/new/", {"name": " North "}, {"name"}),
        (
            "/settings/omm/",
            {"first_address": "", "second_address": "224.0.0.1"},
            {"first_address", "second_address"},
        ),
        (
            "/settings/sip/",
            {"proxy_server": "a b", "proxy_port": "0", "check_number": "1 2"},
            {"proxy_server", "proxy_port", "check_number"},
        ),
        (
            "/settings/system/",
            {"syslog_on": "on", "syslog_port": "70000", "ntp_server_2": "b.example"},
            {"syslog_address", "syslog_port", "ntp_server_1"},
        ),
        (
            "/users/new/",
            {"username": "ADMIN", "password": "1234", "role": "boss"},
            {"username", "password", "role"},
        ),
    ],
)
def test_every_form_tells_all_errors_in_one_round(
    browser: Client, admin: Any, path: str, changes: dict[str, str], wrong: set[str]
) -> None:
    services.site_create(name="North", actor="admin")
    response = browser.post(path, form_data(browser, path, **changes))
    assert response.status_code == 200
    assert response.context["form"].errors.keys() == wrong
