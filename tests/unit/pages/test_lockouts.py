"""The brake on guessing passwords: whom it stops, for how long, what it keeps, who may lift it."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from axes.models import AccessAttempt
from django.apps import apps
from django.conf import settings as django_settings
from django.contrib.auth import authenticate
from django.core.cache import cache
from django.core.management import call_command
from django.db import connections
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.utils import timezone

from omm_portal.accounts import auth, lockouts
from omm_portal.accounts.counts import count
from omm_portal.accounts.models import User
from standby import tasks
from standby.models import Event
from tests.conftest import ADMIN_PASSWORD

pytestmark = pytest.mark.django_db(databases=["default", "live"])

commits = pytest.mark.django_db(databases=["default", "live"], transaction=True)

LIMIT = django_settings.AXES_FAILURE_LIMIT
HERE = "192.0.2.7"


@pytest.fixture(autouse=True)
def forget_attempts() -> None:
    cache.clear()


def send(
    name: str = "admin", password: str = "wrong", *, address: str = HERE, **more: Any
) -> HttpResponse:
    client = Client(headers={"host": "127.0.0.1"}, REMOTE_ADDR=address)
    return client.post("/login/", {"username": name, "password": password}, **more)


def ask_token(name: str = "admin", password: str = "wrong") -> HttpResponse:
    client = Client(headers={"host": "127.0.0.1"}, REMOTE_ADDR=HERE)
    given = {"username": name, "password": password}
    return client.post("/api/v1/tokens/", json.dumps(given), content_type="application/json")


def lock_out(name: str = "admin", *, address: str = HERE) -> None:
    for _ in range(LIMIT):
        assert send(name, address=address).status_code == 200


def sign_in_right(*, address: str = HERE) -> HttpResponse:
    return send(password=ADMIN_PASSWORD, address=address)


@contextmanager
def read_only(alias: str) -> Iterator[None]:
    """A database that refuses every write, as one on a full disk does."""
    connection = connections[alias]
    connection.ensure_connection()
    connection.connection.execute("PRAGMA query_only = 1")
    try:
        yield
    finally:
        connection.connection.execute("PRAGMA query_only = 0")


# --- whom it stops ------------------------------------------------------------------------------


def test_ten_wrong_passwords_lock_one_name_from_one_address(admin: User) -> None:
    lock_out()
    assert send().status_code == 429
    assert sign_in_right().status_code == 429, "the right password is not even looked at"
    assert sign_in_right(address="192.0.2.8").status_code == 302
    assert send("somebody").status_code == 200


def test_page_and_api_share_the_brake(admin: User) -> None:
    for _ in range(LIMIT // 2):
        assert send().status_code == 200
        assert ask_token().status_code == 401
    assert send().status_code == 429
    answer = ask_token(password=ADMIN_PASSWORD)
    assert (answer.status_code, answer.json()["type"]) == (429, "too-many-requests")


def test_the_answer_says_how_long_and_nothing_about_the_user(admin: User) -> None:
    lock_out("admin")
    lock_out("nobody")
    told = []
    for name in ("admin", "nobody"):
        page, answer = send(name), ask_token(name)
        assert 290 <= int(page.headers["Retry-After"]) <= 300
        assert 290 <= int(answer.headers["Retry-After"]) <= 300
        assert "Try again in 5 minutes." in page.content.decode()
        told.append(page.context["form"].non_field_errors())
    assert told[0] == told[1]


def test_trying_meanwhile_makes_it_no_longer(admin: User) -> None:
    lock_out()
    earlier = timezone.now() - timedelta(minutes=4)
    AccessAttempt.objects.update(attempt_time=earlier)
    page = send()
    assert 50 <= int(page.headers["Retry-After"]) <= 60
    assert "seconds." in page.content.decode()
    AccessAttempt.objects.update(attempt_time=earlier - timedelta(minutes=2))
    assert sign_in_right().status_code == 302


def test_a_right_password_forgets_the_wrong_ones(admin: User) -> None:
    for _ in range(3):
        for _ in range(LIMIT - 1):
            assert send().status_code == 200
        assert sign_in_right().status_code == 302
    assert not AccessAttempt.objects.exists()


def test_the_browsers_name_opens_no_second_door(admin: User) -> None:
    for number in range(LIMIT):
        assert send(headers={"user-agent": f"agent {number}"}).status_code == 200
    assert send(headers={"user-agent": "another"}).status_code == 429


def test_a_forwarded_address_counts_from_a_trusted_proxy_only(
    admin: User, settings: Any, omm: Any
) -> None:
    from dataclasses import replace

    settings.OMM = replace(settings.OMM, trusted_proxies=("192.0.2.0/24",))
    for _ in range(LIMIT):
        send(headers={"x-forwarded-for": "198.51.100.1"})
    assert send(headers={"x-forwarded-for": "198.51.100.1"}).status_code == 429
    assert send(headers={"x-forwarded-for": "198.51.100.2"}).status_code == 200
    settings.OMM = replace(settings.OMM, trusted_proxies=())
    for number in range(LIMIT):
        send(address="203.0.113.9", headers={"x-forwarded-for": f"198.51.100.{number}"})
    assert send(address="203.0.113.9").status_code == 429


def test_one_address_has_so_many_attempts_a_minute(
    admin: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auth, "ATTEMPTS_ALLOWED", 5)
    for _ in range(5):
        assert sign_in_right().status_code == 302
    answer = sign_in_right()
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "60")
    assert sign_in_right(address="192.0.2.8").status_code == 302


def test_other_addresses_do_not_make_it_forget(
    admin: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auth, "ATTEMPTS_ALLOWED", 3)
    for _ in range(3):
        sign_in_right()
    for number in range(1000):
        count(f"sign-in:198.51.100.{number}", auth.ATTEMPT_WINDOW)
    assert sign_in_right().status_code == 429


@commits
def test_failures_of_twelve_threads_all_count(admin: User) -> None:
    def wrong(_number: int) -> None:
        try:
            auth.sign_in(username="admin", password="wrong", address=HERE)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(wrong, range(LIMIT - 1)))
        assert AccessAttempt.objects.get().failures_since_start == LIMIT - 1
        results = [pool.submit(wrong, number) for number in range(24)]
    refused = [result for result in results if isinstance(result.exception(), auth.TooManyAttempts)]
    assert 24 - len(refused) <= 12, "no more get through than were under way at once"
    assert AccessAttempt.objects.get().failures_since_start == LIMIT - 1 + 24 - len(refused)
    assert send().status_code == 429


def test_nobody_signs_in_past_the_brake(admin: User) -> None:
    request = RequestFactory().post("/login/")
    with pytest.raises(TypeError, match=r"auth\.sign_in"):
        authenticate(request, username="admin", password=ADMIN_PASSWORD)


# --- what it keeps ------------------------------------------------------------------------------


def test_nothing_typed_is_kept_in_clear(admin: User) -> None:
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    logging.getLogger().addHandler(handler)
    level = logging.getLogger().level
    logging.getLogger().setLevel(logging.DEBUG)
    try:
        for _ in range(LIMIT + 1):
            send("my-secret-typed-as-name", "my-guess-7", headers={"user-agent": "agent-x"})
            ask_token("my-secret-typed-as-name", "my-guess-7")
        send("admin", "my-guess-7")
    finally:
        logging.getLogger().removeHandler(handler)
        logging.getLogger().setLevel(level)
    kept = [str(row) for row in AccessAttempt.objects.values()]
    kept += [f"{event.message} {event.details}" for event in Event.objects.all()]
    everything = "\n".join([*kept, written.getvalue()])
    for secret in ("my-secret", "my-guess", "agent-x", "csrf"):
        assert secret not in everything
    assert len(kept) > 2


def test_its_tables_are_in_the_second_database_only() -> None:
    tables = {alias: set(connections[alias].introspection.table_names()) for alias in connections}
    own = {model._meta.db_table for model in apps.get_app_config("axes").get_models()}
    assert own <= tables["live"]
    assert not {name for name in tables["default"] if name.startswith("axes_")}


@commits
def test_a_lock_out_writes_no_configuration(admin: User) -> None:
    with read_only("default"):
        lock_out()
        assert send().status_code == 429


def test_old_failures_go(admin: User) -> None:
    lock_out()
    lock_out("other")
    old = timezone.now() - timedelta(minutes=6)
    AccessAttempt.objects.filter(username="admin").update(attempt_time=old)
    tasks.clean_up()
    assert [lock.username for lock in lockouts.lock_outs(now=timezone.now())] == [None]
    assert AccessAttempt.objects.count() == 1


# --- a database that cannot be written ----------------------------------------------------------


@commits
def test_without_its_database_the_brake_goes_on_in_memory(admin: User) -> None:
    with read_only("live"):
        for _ in range(LIMIT):
            page = send()
            assert page.status_code == 200
            assert "is not right" in page.content.decode()
        assert send().status_code == 429
        assert ask_token(password=ADMIN_PASSWORD).status_code == 429


@commits
def test_nobody_is_locked_out_by_a_full_disk(admin: User) -> None:
    send()
    with read_only("live"):
        page = sign_in_right()
        assert page.status_code == 503
        assert "disk is full" in page.content.decode()
        assert page.headers["Retry-After"]
        assert ask_token(password=ADMIN_PASSWORD).status_code == 201, "needs no session"
    assert sign_in_right().status_code == 302


@commits
def test_a_token_that_cannot_be_stored_says_why(admin: User) -> None:
    with read_only("default"):
        answer = ask_token(password=ADMIN_PASSWORD)
    assert (answer.status_code, answer.json()["type"]) == (503, "database")


# --- seeing and lifting -------------------------------------------------------------------------


def test_a_lock_out_is_an_event_once(admin: User) -> None:
    lock_out()
    for _ in range(3):
        send()
    event = Event.objects.get(code="sign_in_locked")
    assert event.details == {"user": "admin", "address": HERE, "way": "web"}
    assert "300 s" in event.message


def test_administrators_see_and_lift_lock_outs(browser: Client, admin: User) -> None:
    lock_out("admin")
    lock_out("my-secret-typed-as-name", address="192.0.2.8")
    page = browser.get("/sessions/")
    listed = page.context["lock_outs"]
    assert [(one.username, one.address) for one in listed] == [(None, "192.0.2.8"), ("admin", HERE)]
    assert "a name that nobody has" in page.content.decode()
    assert "my-secret" not in page.content.decode()
    browser.post("/sessions/", {"lift": listed[1].id})
    assert sign_in_right().status_code == 302
    event = Event.objects.get(code="sign_in_lifted")
    assert (event.details["user"], event.details["locked"]) == ("admin", "admin")
    assert (
        "this lock-out is over"
        in browser.post("/sessions/", {"lift": listed[1].id}, follow=True).content.decode().lower()
    )
    lock_out()
    assert Event.objects.filter(code="sign_in_locked", details__user="admin").count() == 2


def test_lock_outs_can_be_lifted_on_the_nodes_shell(admin: User) -> None:
    lock_out()
    call_command("axes_reset_username", "admin")
    assert sign_in_right().status_code == 302


def test_readers_neither_see_nor_lift_them(reading_browser: Client, admin: User) -> None:
    lock_out()
    assert HERE not in reading_browser.get("/sessions/").content.decode()
    lift = {"lift": AccessAttempt.objects.get().pk}
    assert reading_browser.post("/sessions/", lift).status_code == 403
    assert send().status_code == 429
