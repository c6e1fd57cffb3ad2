"""Own API tokens, open sessions, and signing in and out as events."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from omm_portal.accounts import auth, services, sessions
from omm_portal.accounts.models import ApiToken, TokenUse, User
from standby.models import Event, JournalEntry
from tests.conftest import ADMIN_PASSWORD

pytestmark = pytest.mark.django_db(databases=["default", "live"])

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


@pytest.fixture(autouse=True)
def forget_attempts() -> None:
    cache.clear()


def signed_in(name: str = "admin", password: str = ADMIN_PASSWORD, **meta: Any) -> Client:
    client = Client(headers={"host": "127.0.0.1", "user-agent": FIREFOX}, **meta)
    response = client.post("/login/", {"username": name, "password": password})
    assert response.status_code == 302
    return client


def codes() -> list[str]:
    return list(Event.objects.order_by("id").values_list("code", flat=True))


# --- tokens -------------------------------------------------------------------------------------


def test_a_token_is_shown_once(browser: Client, admin: User) -> None:
    response = browser.post("/tokens/new/", {"name": "backup script", "days": "30"})
    assert response.status_code == 200
    assert "no-store" in response.headers["Cache-Control"]
    key = re.search(r"Authorization: Token (omm_\S+?)<", response.content.decode())[1]
    user, token = auth.token_user(key, now=timezone.now())
    assert (user, token.name) == (admin, "backup script")
    assert timedelta(days=29) < token.expires_at - timezone.now() <= timedelta(days=30)
    page = browser.get("/tokens/").content.decode()
    assert "backup script" in page
    assert key not in page
    assert key not in JournalEntry.objects.order_by("-seq")[0].body


def test_a_token_may_last_until_it_is_revoked(browser: Client, admin: User) -> None:
    browser.post("/tokens/new/", {"name": "x", "days": "0"})
    token = ApiToken.objects.get()
    assert token.expires_at is None
    assert "Revoke the token x?" in browser.get(f"/tokens/{token.pk}/delete/").content.decode()
    assert browser.post(f"/tokens/{token.pk}/delete/").status_code == 302
    assert not ApiToken.objects.exists()


def test_the_list_tells_the_last_use_and_the_end(browser: Client, admin: User) -> None:
    now = timezone.now()
    used = services.token_create(user=admin, name="used", now=now).value.token
    TokenUse.objects.create(token_id=used.pk, last_used_at=now)
    past = now - timedelta(days=2)
    services.token_create(user=admin, name="old", now=past, expires_at=past + timedelta(days=1))
    page = browser.get("/tokens/").content.decode()
    assert page.count("not yet") == 1
    assert "Expired" in page


def test_everybody_sees_the_own_tokens_only(
    browser: Client, reading_browser: Client, admin: User
) -> None:
    token = services.token_create(user=admin, name="of admin", now=timezone.now()).value.token
    assert "of admin" not in reading_browser.get("/tokens/").content.decode()
    assert reading_browser.post(f"/tokens/{token.pk}/delete/").status_code == 404
    assert reading_browser.post("/tokens/new/", {"name": "mine", "days": "30"}).status_code == 200
    assert "mine" not in browser.get("/tokens/").content.decode()


# --- sessions -----------------------------------------------------------------------------------


def test_a_session_tells_since_when_where_and_with_what(admin: User) -> None:
    page = signed_in(REMOTE_ADDR="192.0.2.7").get("/sessions/").content.decode()
    assert "192.0.2.7" in page
    assert "Firefox, Linux" in page
    assert "this one" in page


def test_no_session_key_reaches_the_page(admin: User) -> None:
    one, other = signed_in(), signed_in()
    page = one.get("/sessions/").content.decode()
    for client in (one, other):
        assert client.session.session_key not in page


def test_one_session_can_be_ended(admin: User) -> None:
    one, other = signed_in(), signed_in()
    listed = one.get("/sessions/").context["rows"]
    assert len(listed) == 2
    there = next(row for row in listed if not row.is_own)
    one.post("/sessions/", {"end": there.id})
    assert other.get("/").status_code == 302
    assert one.get("/").status_code == 200


def test_ending_the_own_session_signs_out(admin: User) -> None:
    one = signed_in()
    own = one.get("/sessions/").context["rows"][0]
    assert one.post("/sessions/", {"end": own.id}).headers["Location"] == "/login/"
    assert one.get("/").status_code == 302


def test_all_own_or_all_others_can_be_ended(admin: User, reader: User) -> None:
    one, other = signed_in(), signed_in()
    reading = signed_in("reader", "a-long-password")
    one.post("/sessions/", {"end": "mine"})
    assert other.get("/").status_code == 302
    assert reading.get("/").status_code == 200
    one.post("/sessions/", {"end": "everybody"})
    assert reading.get("/").status_code == 302
    assert one.get("/").status_code == 200


def test_readers_see_and_end_the_own_sessions_only(admin: User, reader: User) -> None:
    one = signed_in()
    reading = signed_in("reader", "a-long-password")
    theirs = next(row for row in one.get("/sessions/").context["rows"] if row.is_own)
    assert [row.user for row in reading.get("/sessions/").context["rows"]] == [reader]
    reading.post("/sessions/", {"end": theirs.id})
    reading.post("/sessions/", {"end": "everybody"})
    reading.post("/sessions/", {"end": "nonsense"})
    assert one.get("/").status_code == 200


def test_a_changed_password_takes_sessions_off_the_list(admin: User, reader: User) -> None:
    one = signed_in()
    signed_in("reader", "a-long-password")
    services.user_update(user=reader, changes={}, password="an entirely new one", actor="admin")
    assert [row.user for row in one.get("/sessions/").context["rows"]] == [admin]


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        (FIREFOX, "Firefox, Linux"),
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit Chrome/140 Safari Edg/140", "Edge, Windows"),
        ("Mozilla/5.0 (iPhone; like Mac OS X) Version/18 Safari/605", "Safari, iPhone"),
        ("curl/8.0", "curl/8.0"),
        ("", ""),
    ],
)
def test_browsers_have_short_names(agent: str, name: str) -> None:
    assert sessions.browser_name(agent) == name


# --- the audit ----------------------------------------------------------------------------------


def test_signing_in_and_out_are_events(admin: User) -> None:
    signed_in(REMOTE_ADDR="192.0.2.7").post("/logout/")
    assert codes() == ["sign_in", "sign_in_ended"]
    first = Event.objects.order_by("id")[0]
    assert first.details == {"user": "admin", "address": "192.0.2.7", "way": "web"}


def test_a_failure_is_an_event_without_secrets(admin: User) -> None:
    stranger = Client(headers={"host": "127.0.0.1"})
    stranger.post("/login/", {"username": "admin", "password": "my-guess-7"})
    stranger.post("/login/", {"username": "my-password-typed-here", "password": "x"})
    assert codes() == ["sign_in_failed", "sign_in_failed"]
    text = "".join(f"{event.message} {event.details}" for event in Event.objects.all())
    assert "my-guess-7" not in text
    assert "my-password-typed-here" not in text
    assert "an unknown name" in text


def test_a_flood_of_names_fills_no_disk(admin: User) -> None:
    stranger = Client(headers={"host": "127.0.0.1"})
    for number in range(45):
        stranger.post("/login/", {"username": f"n{number}", "password": "x"})
    assert codes().count("sign_in_failed") <= 30


def test_tokens_made_with_a_password_are_sign_ins_too(admin: User) -> None:
    sent = {"username": "admin", "password": ADMIN_PASSWORD}
    client = Client(headers={"host": "127.0.0.1"})
    client.post("/api/v1/tokens/", sent, content_type="application/json")
    assert Event.objects.get().details["way"] == "api"


def test_ending_sessions_is_an_event(admin: User, reader: User) -> None:
    one = signed_in()
    signed_in("reader", "a-long-password")
    one.post("/sessions/", {"end": "everybody"})
    event = Event.objects.get(code="sign_in_ended")
    assert event.details["owners"] == ["reader"]


def test_sign_ins_are_for_full_access_only(
    browser: Client, reading_browser: Client, admin: User
) -> None:
    signed_in(REMOTE_ADDR="192.0.2.7")
    filtered = {"kind": "sign_ins"}
    assert "192.0.2.7" in browser.get("/events/", filtered).content.decode()
    for path in ("/events/", "/", "/api/v1/events/"):
        assert "192.0.2.7" not in reading_browser.get(path).content.decode()
    assert "192.0.2.7" in browser.get("/api/v1/events/").content.decode()
    assert "192.0.2.7" not in browser.get("/").content.decode()
