"""Tickets that keep a person signed in when the other OMM takes over."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from django.test import Client

from omm_portal.accounts import services
from omm_portal.accounts.models import User
from omm_portal.accounts.tickets import LIFETIME, TicketRefused, ticket_issue, ticket_redeem
from standby.domain.facts import Role
from tests.conftest import ADMIN_PASSWORD
from tests.gate import OpenGate

pytestmark = pytest.mark.django_db(databases=["default", "live"])

ORIGIN = "http://127.0.0.2:8000"


@pytest.fixture
def ticket(admin: User, peer: str, settings: Any) -> str:
    """A ticket that the other OMM made out for this one."""
    here = settings.OMM
    settings.OMM = replace(here, address="127.0.0.2", peer_address="127.0.0.1")
    ticket = ticket_issue(user=admin)
    settings.OMM = here
    assert ticket is not None
    return ticket


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
    own = ticket_issue(user=admin)  # made out for the peer, not for this OMM
    assert own is not None
    with pytest.raises(TicketRefused, match="another OMM"):
        ticket_redeem(own)


def test_it_ends(ticket: str) -> None:
    import time

    with pytest.raises(TicketRefused, match="age"):
        ticket_redeem(ticket, now=time.time() + LIFETIME + 2)


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
    assert ticket_issue(user=admin) is None


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
