"""Two administrators save the same thing: both versions side by side, nothing typed is lost."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from omm_portal.accounts import services as accounts
from omm_portal.accounts.models import User
from rfps import services
from rfps.models import Rfp
from standby import services as settings_services
from tests.unit.pages.sending import form_data

pytestmark = pytest.mark.django_db(databases=["default", "live"])


@pytest.fixture
def rfp(admin: Any) -> Rfp:
    values = {"mac": "00:30:42:00:00:01", "name": "Hall", "room": "1", "floor": "G"}
    return services.rfp_create(values=values, actor="admin").value


def typed(rfp: Rfp, **changes: Any) -> dict[str, Any]:
    """The form as it was opened, with what this person typed."""
    names = ("mac", "name", "room", "floor", "cluster", "ip_mode", "version")
    return {**{name: getattr(rfp, name) for name in names}, "dect_on": "on", **changes}


def lena_saves(rfp: Rfp, **changes: Any) -> None:
    services.rfp_update(rfp=rfp, changes=changes, actor="lena")


def sent_back(response: Any) -> dict[str, Any]:
    """What the browser would send of the page that it was shown."""
    form, comparison = response.context["form"], response.context["comparison"]
    values = {name: form[name].value() for name in form.fields}
    found = {name: value for name, value in values.items() if value not in (None, False)}
    if comparison is not None:
        found["base_version"] = comparison.base_version
        found |= {f"typed-{field.name}": field.typed for field in comparison.fields}
    return found


def rows(response: Any) -> dict[str, tuple[str, str, bool]]:
    return {
        field.name: (field.theirs, field.yours, field.is_taken)
        for field in response.context["comparison"].fields
    }


def test_both_versions_are_shown_field_by_field(browser: Client, rfp: Rfp) -> None:
    lena_saves(rfp, name="Theirs")
    response = browser.post(f"/rfps/{rfp.pk}/", typed(rfp, name="Mine"))
    assert response.status_code == 200
    assert rows(response) == {"name": ("Theirs", "Mine", False)}
    page = response.content.decode()
    assert "lena saved" in page
    assert 'name="take" value="name"' in page
    rfp.refresh_from_db()
    assert rfp.name == "Theirs"


def test_what_only_they_changed_is_taken_over(browser: Client, rfp: Rfp) -> None:
    lena_saves(rfp, room="7", dect_on=False)
    response = browser.post(f"/rfps/{rfp.pk}/", typed(rfp, name="Mine"))
    assert rows(response) == {
        "room": ("7", "1", True),
        "dect_on": ("no", "yes", True),
        "name": ("Hall", "Mine", False),
    }
    browser.post(f"/rfps/{rfp.pk}/", sent_back(response))
    rfp.refresh_from_db()
    assert (rfp.name, rfp.room, rfp.dect_on) == ("Mine", "7", False)


def test_saving_again_overwrites(browser: Client, rfp: Rfp) -> None:
    lena_saves(rfp, name="Theirs")
    response = browser.post(f"/rfps/{rfp.pk}/", typed(rfp, name="Mine"))
    assert browser.post(f"/rfps/{rfp.pk}/", sent_back(response)).status_code == 302
    rfp.refresh_from_db()
    assert rfp.name == "Mine"


def test_theirs_can_be_taken_and_mine_be_had_back(browser: Client, rfp: Rfp) -> None:
    lena_saves(rfp, name="Theirs", room="7")
    path = f"/rfps/{rfp.pk}/"
    response = browser.post(path, typed(rfp, name="Mine", room="8", floor="2"))
    response = browser.post(path, {**sent_back(response), "take": "name"})
    assert rows(response)["name"] == ("Theirs", "Mine", True)
    assert rows(response)["room"] == ("7", "8", False)
    assert response.context["form"]["name"].value() == "Theirs"
    response = browser.post(path, {**sent_back(response), "take": "*"})
    assert response.context["form"]["floor"].value() == "G"
    response = browser.post(path, {**sent_back(response), "keep": "*"})
    assert response.context["form"]["name"].value() == "Mine"
    assert response.context["form"]["floor"].value() == "2"
    rfp.refresh_from_db()
    assert (rfp.name, rfp.room) == ("Theirs", "7")


def test_a_box_can_be_taken_and_had_back(browser: Client, rfp: Rfp) -> None:
    lena_saves(rfp, name="Theirs")
    path = f"/rfps/{rfp.pk}/"
    sent = typed(rfp, wlan_on="on", wlan_profile="office")
    response = browser.post(path, sent)
    response = browser.post(path, {**sent_back(response), "take": "wlan_on"})
    assert response.context["form"]["wlan_on"].value() is False
    response = browser.post(path, {**sent_back(response), "keep": "wlan_on"})
    assert response.context["form"]["wlan_on"].value() in (True, "on")


def test_a_third_save_meanwhile_is_noticed_too(browser: Client, rfp: Rfp) -> None:
    lena_saves(rfp, name="Theirs")
    response = browser.post(f"/rfps/{rfp.pk}/", typed(rfp, name="Mine"))
    rfp.refresh_from_db()
    lena_saves(rfp, name="Theirs again")
    response = browser.post(f"/rfps/{rfp.pk}/", sent_back(response))
    assert rows(response) == {"name": ("Theirs again", "Mine", False)}


@pytest.mark.parametrize("base", ["", "x", "-1", "9" * 40])
def test_a_forged_base_version_does_no_harm(browser: Client, rfp: Rfp, base: str) -> None:
    sent = {**typed(rfp), "base_version": base, "take": "*"}
    assert browser.post(f"/rfps/{rfp.pk}/", sent).status_code == 200


def test_readers_cannot_choose_either(reading_browser: Client, rfp: Rfp) -> None:
    sent = {**typed(rfp), "take": "*"}
    assert reading_browser.post(f"/rfps/{rfp.pk}/", sent).status_code == 403


def test_settings_are_compared_as_well(browser: Client, admin: User) -> None:
    sent = form_data(browser, "/settings/system/", system_name="Mine")
    settings_services.system_settings_update(changes={"system_name": "Theirs"}, actor="lena")
    response = browser.post("/settings/system/", sent)
    assert rows(response) == {"system_name": ("Theirs", "Mine", False)}


def test_a_password_is_asked_for_again_and_never_compared(browser: Client, admin: User) -> None:
    values = {"username": "lena", "role": "read"}
    lena = accounts.user_create(values=values, password="a-long-password", actor="admin").value
    accounts.user_update(user=lena, changes={"display_name": "Lena"}, actor="admin")
    sent = {
        "username": "lena",
        "role": "full",
        "is_active": "on",
        "password": "an entirely new one",
        "version": lena.version,
    }
    response = browser.post(f"/users/{lena.pk}/", sent)
    assert rows(response) == {
        "display_name": ("Lena", "", True),
        "role": ("Read-only", "Full access", False),
    }
    page = response.content.decode()
    assert "Please type it again." in page
    assert "an entirely new one" not in page


def test_deleting_what_was_changed_asks_once_more(browser: Client, rfp: Rfp) -> None:
    old = rfp.version
    lena_saves(rfp, name="Theirs")
    response = browser.post(f"/rfps/{rfp.pk}/delete/", {"version": old})
    assert "Is it still what you want?" in response.content.decode()
    assert Rfp.objects.exists()
    version = response.context["form"]["version"].value()
    browser.post(f"/rfps/{rfp.pk}/delete/", {"version": version})
    assert not Rfp.objects.exists()


def test_what_was_typed_for_a_removed_one_can_be_copied(browser: Client, rfp: Rfp) -> None:
    sent = typed(rfp, name="Mine <b>", password="my-guess-7")
    services.rfp_delete(rfp=rfp, actor="lena")
    for more in ({}, {"take": "*"}):
        response = browser.post(f"/rfps/{rfp.pk}/", {**sent, **more})
        assert response.status_code == 404
        page = response.content.decode()
        assert "Mine &lt;b&gt;" in page
        assert "my-guess-7" not in page
