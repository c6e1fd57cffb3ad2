"""Signing in and out, the own password, users."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from omm_portal.accounts import services
from omm_portal.accounts.models import User
from standby.models import JournalEntry
from tests.conftest import ADMIN_PASSWORD

pytestmark = pytest.mark.django_db(databases=["default", "live"])

PAGES = [
    "/",
    "/rfps/",
    "/sites/",
    "/settings/omm/",
    "/settings/sip/",
    "/settings/system/",
    "/changes/",
    "/set-aside/",
    "/events/",
    "/password/",
    "/tokens/",
    "/tokens/new/",
    "/sessions/",
]
FULL_PAGES = [
    "/users/",
    "/users/new/",
    "/rfps/new/",
    "/sites/new/",
    "/standby/reboot/",
    "/standby/takeover/",
]


@pytest.fixture
def stranger() -> Client:
    return Client(headers={"host": "127.0.0.1"})


@pytest.mark.parametrize("path", [*PAGES, *FULL_PAGES])
def test_strangers_are_asked_to_sign_in(stranger: Client, admin: User, path: str) -> None:
    response = stranger.get(path)
    assert response.status_code == 302
    assert response.headers["Location"] == f"/login/?next={path}"


@pytest.mark.parametrize("path", PAGES)
def test_readers_see_the_pages(reading_browser: Client, path: str) -> None:
    assert reading_browser.get(path).status_code == 200


@pytest.mark.parametrize("path", FULL_PAGES)
def test_some_pages_need_full_access(browser: Client, reading_browser: Client, path: str) -> None:
    assert reading_browser.get(path).status_code == 403
    assert browser.get(path).status_code == 200


def test_signing_in_leads_back(stranger: Client, admin: User) -> None:
    sent = {"username": "admin", "password": ADMIN_PASSWORD, "next": "/sites/"}
    assert stranger.post("/login/", sent).headers["Location"] == "/sites/"
    assert stranger.get("/").status_code == 200


@pytest.mark.parametrize(
    "wanted", ["https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:x"]
)
def test_signing_in_never_leads_elsewhere(stranger: Client, admin: User, wanted: str) -> None:
    sent = {"username": "admin", "password": ADMIN_PASSWORD, "next": wanted}
    assert stranger.post("/login/", sent).headers["Location"] == "/"


def test_a_wrong_password_says_no_more_than_that(stranger: Client, admin: User) -> None:
    for name in ("admin", "nobody"):
        response = stranger.post("/login/", {"username": name, "password": "my-guess-7"})
        assert response.status_code == 200
        page = response.content.decode()
        assert "The user name or the password is not right." in page
        assert "my-guess-7" not in page


def test_signing_out_ends_the_session(browser: Client, admin: User) -> None:
    assert browser.get("/logout/").status_code == 405
    browser.post("/logout/")
    assert browser.get("/").status_code == 302


def test_forms_need_their_csrf_token(admin: User) -> None:
    strict = Client(enforce_csrf_checks=True, headers={"host": "127.0.0.1"})
    response = strict.post("/login/", {"username": "admin", "password": ADMIN_PASSWORD})
    assert response.status_code == 403
    assert "send the form again" in response.content.decode()


def test_a_generated_password_is_changed_first(browser: Client, admin: User) -> None:
    services.user_update(user=admin, changes={"must_change_password": True}, actor="admin")
    assert browser.get("/rfps/").headers["Location"] == "/password/"
    sent = {
        "current_password": ADMIN_PASSWORD,
        "new_password": "an entirely new one",
        "repeated": "an entirely new one",
    }
    response = browser.post("/password/", sent)
    assert response.headers["Location"] == "/"
    assert browser.get("/").status_code == 200


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"current_password": "not this"}, "current_password"),
        ({"repeated": "something else"}, "repeated"),
        ({"new_password": "short", "repeated": "short"}, "new_password"),
    ],
)
def test_a_password_that_will_not_do(
    browser: Client, admin: User, changes: dict[str, str], field: str
) -> None:
    sent = {
        "current_password": ADMIN_PASSWORD,
        "new_password": "an entirely new one",
        "repeated": "an entirely new one",
    }
    response = browser.post("/password/", {**sent, **changes})
    assert response.status_code == 200
    assert response.context["form"].errors.keys() == {field}
    assert "an entirely new one" not in response.content.decode()


def test_readers_change_their_own_password(reading_browser: Client) -> None:
    sent = {
        "current_password": "a-long-password",
        "new_password": "an entirely new one",
        "repeated": "an entirely new one",
    }
    assert reading_browser.post("/password/", sent).status_code == 302


def test_users_are_made_and_changed(browser: Client, admin: User) -> None:
    sent = {"username": "lena", "role": "read", "is_active": "on", "password": "a-long-password"}
    assert browser.post("/users/new/", sent).status_code == 302
    lena = User.objects.get(username="lena")
    old = lena.password
    sent = {"username": "lena", "role": "full", "is_active": "on", "version": lena.version}
    assert browser.post(f"/users/{lena.pk}/", sent).status_code == 302
    lena.refresh_from_db()
    assert lena.has_full_access
    assert lena.password == old, "an empty password keeps the one that is set"


def test_the_last_administrator_stays(browser: Client, admin: User) -> None:
    sent: dict[str, Any] = {"username": "admin", "role": "read", "is_active": "on"}
    response = browser.post(f"/users/{admin.pk}/", {**sent, "version": admin.version})
    assert response.status_code == 200
    assert "full access must remain" in response.content.decode()
    assert browser.post(f"/users/{admin.pk}/delete/").status_code == 200


def test_a_disabled_user_is_out_at_once(reading_browser: Client, reader: User) -> None:
    services.user_update(user=reader, changes={"is_active": False}, actor="admin")
    assert reading_browser.get("/").status_code == 302


def test_a_reset_password_is_shown_once_and_must_be_changed(
    browser: Client, reading_browser: Client, reader: User, stranger: Client
) -> None:
    page = f"/users/{reader.pk}/password/"
    assert "Reset the password of reader?" in browser.get(page).content.decode()
    answer = browser.post(page)
    assert "no-store" in answer.headers["Cache-Control"]
    password = answer.context["new"].password
    assert password in answer.content.decode()
    assert password not in browser.get("/users/").content.decode()
    assert password not in "".join(JournalEntry.objects.values_list("body", flat=True))
    assert reading_browser.get("/").status_code == 302, "the sessions have ended"
    stranger.post("/login/", {"username": "reader", "password": password})
    assert stranger.get("/rfps/").headers["Location"] == "/password/"


def test_the_own_password_is_not_reset(browser: Client, admin: User) -> None:
    old = admin.password
    answer = browser.post(f"/users/{admin.pk}/password/")
    assert "on its own page" in answer.content.decode()
    admin.refresh_from_db()
    assert admin.password == old


def test_a_reset_is_for_full_access_only(reading_browser: Client, admin: User) -> None:
    assert reading_browser.get(f"/users/{admin.pk}/password/").status_code == 403
    assert reading_browser.post(f"/users/{admin.pk}/password/").status_code == 403


def test_administrators_see_and_revoke_a_users_tokens(
    browser: Client, reader: User, reading_browser: Client, admin: User
) -> None:
    token = services.token_create(user=reader, name="panel", now=timezone.now()).value.token
    assert "panel" in browser.get(f"/users/{reader.pk}/").content.decode()
    question = f"/tokens/{token.pk}/delete/"
    assert "Revoke the token panel of reader?" in browser.get(question).content.decode()
    assert browser.post(question).headers["Location"] == f"/users/{reader.pk}/"
    assert "panel" not in browser.get(f"/users/{reader.pk}/").content.decode()


def test_the_rules_of_passwords_stand_beside_the_field(browser: Client, reader: User) -> None:
    for page in ("/password/", "/users/new/"):
        assert "At least 10 characters" in browser.get(page).content.decode()
