"""Tickets that keep a person signed in when the other OMM takes over."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.test import Client
from django.utils import timezone

from omm_portal.accounts import services
from omm_portal.accounts.models import RedeemedTicket, User
from omm_portal.accounts.tickets import (
    LIFETIME,
    VOID,
    TicketRefused,
    session_marks,
    ticket_issue,
    ticket_mark,
    ticket_redeem,
    tickets_void,
    tickets_voided,
)
from omm_portal.node.secrets import Secret
from standby import actions, hooks
from standby.domain.facts import Role
from tests.conftest import ADMIN_PASSWORD
from tests.gate import OpenGate
from tests.unit.pages.conftest import client_of

pytestmark = pytest.mark.django_db(databases=["default", "live"])

ORIGIN = "http://127.0.0.2:8000"


@pytest.fixture
def ticket(admin: User, peer: str, settings: Any) -> str:
    """A ticket that the other OMM made out for this one."""
    return made_there(settings, admin, "first session")


def made_there(settings: Any, user: User, session_key: str) -> str:
    here = settings.OMM
    settings.OMM = replace(here, address="127.0.0.2", peer_address="127.0.0.1")
    ticket = ticket_issue(user=user, session_key=session_key)
    settings.OMM = here
    assert ticket is not None
    return ticket


@pytest.fixture
def passed_on(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any]]:
    """What this OMM tells the other one, which is well."""
    told: list[tuple[str, Any]] = []
    monkeypatch.setattr(actions, "tell_peer", lambda word, body: told.append((word, body)) is None)
    return told


@pytest.fixture
def arriving() -> Client:
    """A browser that comes from the other OMM's page."""
    return Client(enforce_csrf_checks=True, headers={"host": "127.0.0.1", "origin": ORIGIN})


def test_it_signs_in_and_leads_to_the_same_page(arriving: Client, ticket: str) -> None:
    response = arriving.post("/handover/", {"ticket": ticket, "next": "/rfps/?site=1"})
    assert response.status_code == 303
    assert response.headers["Location"] == "/rfps/?site=1"
    assert arriving.get("/").status_code == 200


def test_it_works_once(arriving: Client, ticket: str, admin: User) -> None:
    assert ticket_redeem(ticket) == admin
    response = arriving.post("/handover/", {"ticket": ticket, "next": "/rfps/"})
    assert response.headers["Location"] == "/login/?next=%2Frfps%2F&moved=1"
    with pytest.raises(TicketRefused, match="used before"):
        ticket_redeem(ticket)


def test_it_is_for_one_audience(admin: User, peer: str) -> None:
    own = ticket_issue(user=admin, session_key="s1")  # made out for the peer, not for this OMM
    assert own is not None
    with pytest.raises(TicketRefused, match="another OMM"):
        ticket_redeem(own)


def test_it_ends(ticket: str) -> None:
    with pytest.raises(TicketRefused, match="age"):
        ticket_redeem(ticket, now=time.time() + LIFETIME + 2)


NEW = Secret("n" * 40)


@pytest.mark.parametrize("both_here", [False, True])
@pytest.mark.parametrize("former", [False, True])
def test_it_works_while_the_pair_secret_is_changed(
    admin: User, peer: str, settings: Any, both_here: bool, former: bool
) -> None:
    """One OMM knows both secrets, the other one only the new or only the former one."""
    known = settings.OMM.pair_secret
    both = {"pair_secret": NEW, "pair_secret_previous": known}
    one = {"pair_secret": known if former else NEW, "pair_secret_previous": None}
    settings.OMM = replace(settings.OMM, **(one if both_here else both))
    ticket = made_there(settings, admin, "first session")
    settings.OMM = replace(settings.OMM, **(both if both_here else one))
    assert ticket_redeem(ticket) == admin
    with pytest.raises(TicketRefused, match="used before"):
        ticket_redeem(ticket)


def test_the_end_of_a_session_is_understood_while_the_secret_is_changed(
    admin: User, peer: str, settings: Any
) -> None:
    ticket = made_there(settings, admin, "a session")
    mark = ticket_mark(ticket)
    settings.OMM = replace(
        settings.OMM, pair_secret=NEW, pair_secret_previous=settings.OMM.pair_secret
    )
    assert mark in session_marks("a session")


def test_a_password_change_voids_it(ticket: str, admin: User) -> None:
    services.password_change(
        user=admin, current_password=ADMIN_PASSWORD, new_password="an entirely new one"
    )
    with pytest.raises(TicketRefused, match="password"):
        ticket_redeem(ticket)


def test_a_forged_one_is_worth_nothing(ticket: str) -> None:
    with pytest.raises(TicketRefused, match="signature"):
        ticket_redeem(ticket[:-3] + "abc")
    with pytest.raises(TicketRefused, match="signature"):
        ticket_redeem("")


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:8000", ""])
def test_only_the_other_omms_pages_may_send_it(ticket: str, origin: str) -> None:
    client = Client(headers={"host": "127.0.0.1", "origin": origin})
    response = client.post("/handover/", {"ticket": ticket, "next": "/"})
    assert response.headers["Location"].startswith("/login/")


def test_a_standby_takes_none(arriving: Client, ticket: str, open_gate: OpenGate) -> None:
    open_gate.say(role=Role.STANDBY, gate_open=False)
    response = arriving.post("/handover/", {"ticket": ticket, "next": "/"})
    assert response.headers["Location"].startswith("/login/")


def test_it_leads_nowhere_else(arriving: Client, ticket: str) -> None:
    response = arriving.post("/handover/", {"ticket": ticket, "next": "//evil.example/"})
    assert response.headers["Location"] == "/"


def test_without_a_peer_there_are_none(admin: User) -> None:
    assert ticket_issue(user=admin, session_key="s1") is None


def test_a_user_who_was_disabled_stays_out(ticket: str, admin: User) -> None:
    second = services.user_create(
        values={"username": "second", "role": "full"}, password="a-long-password", actor="admin"
    )
    changes = {"is_active": False}
    services.user_update(user=admin, changes=changes, actor=second.value.username)
    with pytest.raises(TicketRefused, match="gone"):
        ticket_redeem(ticket)


def test_the_end_of_its_session_voids_it_and_no_other(
    settings: Any, admin: User, peer: str, passed_on: list[tuple[str, Any]]
) -> None:
    tickets = {key: made_there(settings, admin, key) for key in ("one", "two", "three")}
    here = settings.OMM
    settings.OMM = replace(here, address="127.0.0.2", peer_address="127.0.0.1")
    tickets_void([session_marks("one")[0], session_marks("three")[0]])
    settings.OMM = here
    (word, body), *rest = passed_on
    assert rest == []
    assert "one" not in str(body), "a session's key is told to nobody"
    assert hooks.told(word, body)
    assert hooks.told(word, body), "told twice is told once"
    for key in ("one", "three"):
        with pytest.raises(TicketRefused, match="session has ended"):
            ticket_redeem(tickets[key])
    assert ticket_redeem(tickets["two"]) == admin


@pytest.mark.parametrize("marks", [None, "x", ["x"], [1], [str(UUID(int=1))] * 501])
def test_a_nonsense_word_of_ended_sessions_is_refused(marks: Any) -> None:
    with pytest.raises(ValueError, match=r"marks|UUID"):
        tickets_voided({"marks": marks})
    assert not RedeemedTicket.objects.exists()


def test_what_is_worth_nothing_is_forgotten_in_time(ticket: str) -> None:
    RedeemedTicket.objects.create(id=uuid4(), redeemed_at=timezone.now() - timedelta(hours=1))
    tickets_voided({"marks": [str(UUID(int=1))]})
    assert [row.pk for row in RedeemedTicket.objects.all()] == [UUID(int=1)]


def test_signing_out_ends_the_session_that_it_went_on_with(
    arriving: Client, ticket: str, admin: User, passed_on: list[tuple[str, Any]]
) -> None:
    arriving.post("/handover/", {"ticket": ticket, "next": "/"})
    leaving = Client(headers={"host": "127.0.0.1"})  # the same browser, on a page of this OMM
    leaving.cookies = arriving.cookies
    leaving.post("/logout/")
    ((_word, body),) = passed_on
    assert session_marks("first session")[0] in body["marks"]
    assert len(body["marks"]) == 2


def test_the_word_of_the_other_omm_ends_the_session_that_went_on_there(admin: User) -> None:
    leaving, staying = client_of(admin), client_of(admin)
    mark = session_marks(str(leaving.session.session_key))[0]
    assert hooks.told(VOID, {"marks": [mark, str(UUID(int=7))]})
    assert leaving.get("/").status_code == 302
    assert staying.get("/").status_code == 200


def test_signing_out_tells_the_other_omm(
    browser: Client, peer: str, passed_on: list[tuple[str, Any]]
) -> None:
    browser.post("/logout/")
    ((_word, body),) = passed_on
    assert len(body["marks"]) == 1


def test_sessions_that_somebody_ends_are_told_too(
    admin: User, peer: str, passed_on: list[tuple[str, Any]]
) -> None:
    browser, other, _third = client_of(admin), client_of(admin), client_of(admin)
    browser.post("/sessions/", {"end": "mine"})
    ((_word, body),) = passed_on
    assert len(body["marks"]) == 2
    assert other.get("/").status_code == 302


def test_nobody_at_the_other_end_does_not_keep_anybody_signed_in(
    browser: Client, peer: str
) -> None:
    started = time.monotonic()
    assert browser.post("/logout/")["Location"] == "/login/"
    assert time.monotonic() - started < 2.0
    assert browser.get("/")["Location"].startswith("/login/")


def test_without_a_peer_nobody_is_told(browser: Client, passed_on: list[tuple[str, Any]]) -> None:
    browser.post("/logout/")
    assert passed_on == []


PROXY = "https://omm.example"


@pytest.mark.parametrize("origin", [PROXY, "http://omm-b.example:8000"])
def test_it_may_come_through_a_proxy_or_from_a_name(
    ticket: str, settings: Any, origin: str
) -> None:
    settings.OMM = replace(settings.OMM, public_url=PROXY, allowed_hosts=("omm-b.example",))
    arriving = Client(headers={"host": "127.0.0.1", "origin": origin})
    response = arriving.post("/handover/", {"ticket": ticket, "next": "/rfps/"})
    assert response.headers["Location"] == "/rfps/"


@pytest.mark.parametrize(
    "origin", ["http://127.0.0.1:8000", "http://omm-b.example", "https://other.example", "null"]
)
def test_it_comes_from_nowhere_else(ticket: str, settings: Any, origin: str) -> None:
    settings.OMM = replace(settings.OMM, public_url=PROXY, allowed_hosts=("omm-b.example", "*"))
    arriving = Client(headers={"host": "127.0.0.1", "origin": origin})
    response = arriving.post("/handover/", {"ticket": ticket, "next": "/rfps/"})
    assert response.headers["Location"] == "/login/?next=%2Frfps%2F&moved=1"


def test_a_page_behind_the_proxy_looks_for_the_other_omm_there(
    admin: User, peer: str, settings: Any
) -> None:
    settings.OMM = replace(settings.OMM, public_url=PROXY)
    settings.ALLOWED_HOSTS = ["omm.example", "127.0.0.1"]
    browser = Client()
    browser.force_login(admin)
    direct = browser.get("/", headers={"host": "127.0.0.1"}).context["pair"].config
    through = browser.get("/", headers={"host": "omm.example"}).context["pair"].config
    assert direct["peer"] == ORIGIN
    assert through["peer"] == PROXY
