"""Signing out here is known there: a ticket of an ended session lets nobody in after a takeover."""

from __future__ import annotations

import json
import re

import httpx
import pytest
from websockets.sync.client import connect

from tests.pair import PASSWORD, Node, Pair, eventually

pytestmark = pytest.mark.processes


def sign_in(node: Node) -> httpx.Client:
    """A browser that has signed in."""
    browser = httpx.Client(base_url=node.url, timeout=10.0)
    page = browser.get("/login/")
    answer = browser.post(
        "/login/", data={"username": "admin", "password": PASSWORD, **csrf(page.text)}
    )
    assert answer.status_code == 302, answer.text
    return browser


def csrf(page: str) -> dict[str, str]:
    found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
    assert found is not None
    return {"csrfmiddlewaretoken": found[1]}


def ticket_of(node: Node, browser: httpx.Client) -> str:
    """What an open page holds for the moment when its OMM goes away."""
    cookies = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    url = f"ws://{node.address}:{node.web_port}/ws/status/"
    with connect(url, origin=node.url, additional_headers={"Cookie": cookies}) as socket:  # type: ignore[arg-type]
        socket.send(json.dumps({"type": "ticket"}))
        while True:
            message = json.loads(socket.recv(timeout=10))
            if message["type"] == "ticket":
                return str(message["ticket"])


def arrive(heir: Node, victim: Node, ticket: str) -> str:
    """Where the other OMM sends a page that comes with this ticket."""
    answer = httpx.post(
        f"{heir.url}/handover/",
        data={"ticket": ticket, "next": "/rfps/"},
        headers={"Origin": victim.url},
        timeout=10.0,
    )
    assert answer.status_code == 303, answer.text
    return str(answer.headers["Location"])


def test_a_ticket_of_a_session_that_ended_is_refused_by_the_next_active(pair: Pair) -> None:
    victim, heir = pair.active, pair.standby
    leaving, staying = sign_in(victim), sign_in(victim)
    void, good = ticket_of(victim, leaving), ticket_of(victim, staying)
    page = leaving.get("/")
    assert leaving.post("/logout/", data=csrf(page.text)).status_code == 302
    victim.kill()
    heir.wait("active").wait_gate()
    assert arrive(heir, victim, void).startswith("/login/")
    assert arrive(heir, victim, good) == "/rfps/", "another browser of the same person"


def test_signing_out_after_a_takeover_ends_the_session_at_the_omm_that_was_down(pair: Pair) -> None:
    victim, heir = pair.active, pair.standby
    browser, staying = sign_in(victim), sign_in(victim)
    ticket = ticket_of(victim, browser)
    victim.kill()
    heir.wait("active").wait_gate()
    moved = httpx.Client(base_url=heir.url, timeout=10.0)
    arrived = moved.post(
        "/handover/", data={"ticket": ticket, "next": "/"}, headers={"Origin": victim.url}
    )
    assert arrived.headers["Location"] == "/"
    page = moved.get("/")
    assert moved.post("/logout/", data=csrf(page.text)).status_code == 302
    victim.start()
    pair.wait_healthy()
    eventually(lambda: not is_signed_in(browser), "the session there has ended")
    assert is_signed_in(staying), "and no other"


def is_signed_in(browser: httpx.Client) -> bool:
    """Looked at on the standby's own page, which greets strangers too."""
    return "Sign out" in browser.get("/standby/").text
