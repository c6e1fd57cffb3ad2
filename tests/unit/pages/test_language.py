"""The reader's language: chosen, kept, and spoken by every page, live ones too."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.test import Client
from django.urls import reverse
from django.utils import timezone, translation

from omm_portal.accounts import audit
from omm_portal.accounts import services as accounts
from omm_portal.accounts.models import User
from omm_portal.accounts.tickets import ticket_issue
from rfps import services as rfps
from standby import actions, journal
from standby.domain.election import EVIDENCE_TEXT
from standby.domain.facts import ROLE_WORDS, Role
from standby.domain.merge import CONTESTED
from standby.domain.sentence import pack, say, say_count
from standby.domain.warnings import WarningView, warnings_of
from standby.live import State, changes_between
from standby.models import Event, JournalEntry, SetAside, Split
from standby.texts import local, localised
from tests.gate import OpenGate
from tests.unit.pages.conftest import client_of
from tests.unit.pages.german import english_of, texts_of
from tests.unit.pages.test_budgets import page_names, parameters_of

pytestmark = pytest.mark.django_db(databases=["default", "live"])

COOKIE = django_settings.LANGUAGE_COOKIE_NAME
GERMAN = {"accept-language": "de-AT,de;q=0.9,en;q=0.5"}
ACTIVE = say("The other OMM, %(omm)s, is active.", omm="10.0.0.2")
SILENT = EVIDENCE_TEXT[next(reversed(EVIDENCE_TEXT))]
CHECKS = (
    actions.Check("contact", True, say("The other OMM is in contact."), ""),
    actions.Check(
        "standby",
        False,
        say("The other OMM is %(role)s.", role=ROLE_WORDS[Role.FAILED]),
        say("Wait until it is standby."),
    ),
)


# --- choosing -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "spoken"), [("de", "de"), ("de-CH", "de"), ("en-GB", "en"), ("fr", "en"), ("", "en")]
)
def test_a_page_speaks_the_browsers_language(wanted: str, spoken: str, admin: User) -> None:
    page = Client(headers={"host": "127.0.0.1", "accept-language": wanted}).get("/login/")
    assert f'<html lang="{spoken}"' in page.content.decode()
    assert page.headers["Content-Language"] == spoken


def test_a_choice_stays(admin: User) -> None:
    client = Client(enforce_csrf_checks=True, headers={"host": "127.0.0.1"})
    form = client.get("/login/?next=/rfps/")
    sent = {"language": "de", "next": "/login/?next=/rfps/"}
    assert client.post("/language/", sent).status_code == 403
    token = form.context["csrf_token"]
    answer = client.post("/language/", {**sent, "csrfmiddlewaretoken": str(token)})
    assert (answer.status_code, answer.headers["Location"]) == (302, "/login/?next=/rfps/")
    cookie = answer.cookies[COOKIE]
    assert (cookie.value, cookie["samesite"], bool(cookie["httponly"])) == ("de", "Lax", True)
    assert int(cookie["max-age"]) > 30 * 24 * 3600
    assert "Anmelden" in client.get("/login/").content.decode()


@pytest.mark.parametrize("where", ["https://evil.example/", "//evil.example", "javascript:x"])
def test_the_switch_leads_nowhere_else(browser: Client, where: str) -> None:
    answer = browser.post("/language/", {"language": "de", "next": where})
    assert answer.headers["Location"] == "/"


def test_an_unknown_language_changes_nothing(browser: Client) -> None:
    answer = browser.post("/language/", {"language": "xx", "next": "/"})
    assert COOKIE not in answer.cookies
    assert browser.get("/language/").status_code == 302


def test_the_switch_stands_on_every_kind_of_page(browser: Client, admin: User) -> None:
    for client in (browser, Client(headers={"host": "127.0.0.1"})):
        for path in ("/standby/", "/login/"):
            page = client.get(path, follow=True).content.decode()
            assert 'value="de" lang="de">Deutsch<' in page
            assert 'value="en"' not in page


def test_a_standby_takes_the_choice_too(browser: Client, open_gate: OpenGate) -> None:
    open_gate.say(role=Role.STANDBY, gate_open=False)
    assert browser.post("/language/", {"language": "de"}).cookies[COOKIE].value == "de"
    assert "Übernahme erzwingen" in browser.get("/standby/takeover/").content.decode()


@pytest.mark.parametrize(("sent", "kept"), [("de", "de"), ("xx", None), ("", None)])
def test_it_moves_along_with_a_fail_over(
    admin: User, peer: str, settings: Any, sent: str, kept: str | None
) -> None:
    here = settings.OMM
    settings.OMM = replace(here, address="127.0.0.2", peer_address="127.0.0.1")
    ticket = ticket_issue(user=admin, session_key="first")
    settings.OMM = here
    arriving = Client(headers={"host": "127.0.0.1", "origin": f"http://{peer}:8000"})
    answer = arriving.post("/handover/", {"ticket": ticket, "next": "/", "language": sent})
    assert answer.status_code == 303
    assert (answer.cookies[COOKIE].value if COOKIE in answer.cookies else None) == kept
    assert f'<html lang="{kept or "en"}"' in arriving.get("/").content.decode()


# --- programs -----------------------------------------------------------------------------------


def test_rest_is_english_whatever_it_accepts(admin: User, token: str) -> None:
    program = Client(
        headers={"host": "127.0.0.1", **GERMAN, "authorization": f"Token {token}"},
    )
    program.cookies[COOKIE] = "de"
    bad = program.post("/api/v1/rfps/", {"mac": "x"}, content_type="application/json")
    assert bad.json()["errors"]["mac"] == ["Enter a MAC address such as 00:30:42:12:34:56."]
    missing = program.post("/api/v1/rfps/", {}, content_type="application/json")
    assert missing.json()["errors"]["mac"] == ["This field is required."]
    gone = program.get("/api/v1/nothing/")
    assert gone.json()["detail"] == "There is nothing at this path."
    assert "Content-Language" not in gone.headers
    refused = program.delete(f"/api/v1/users/{admin.pk}/")
    assert refused.json()["detail"] == "One enabled user with full access must remain."


# --- sentences ----------------------------------------------------------------------------------


def test_sentences_are_said_with_all_their_parts() -> None:
    serving = say("%(role)s: %(cause)s", role=ROLE_WORDS[Role.ACTIVE], cause=ACTIVE)
    many = say_count("1 change is unsafe.", "%(count)s changes are unsafe.", 2)
    with translation.override("de"):
        assert local(serving) == "aktiv: Der andere OMM, 10.0.0.2, ist aktiv."
        assert local(many) == "2 Änderungen sind nicht gesichert."
        assert local("Just text.") == "Just text."
        assert local(say("Of the %(when)s.", when="future")) == "Of the future."
        assert localised({"a": [serving, 1, None]}) == {"a": [local(serving), 1, None]}
    with translation.override("en"):
        assert local(serving) == serving


def test_a_state_is_said_once_for_each_language() -> None:
    state = State(1, {"reason": ACTIVE, "warnings": []}, [{"message": ACTIVE}])
    assert state.said("de") is state.said("de")
    assert state.said("de").document["reason"] == "Der andere OMM, 10.0.0.2, ist aktiv."
    assert state.said("en").document["reason"] == "The other OMM, 10.0.0.2, is active."
    later = State(2, {"reason": SILENT, "warnings": []}, state.events)
    changes = changes_between(state.said("de"), later.said("de"))
    assert changes["document"] == {
        "reason": "Der andere OMM ist neu gestartet und hat so seine Rolle verloren"
    }


def test_an_event_of_another_version_is_shown_in_english(browser: Client) -> None:
    old = {"node": "127.0.0.2", "code": "news"}
    Event.objects.create(message="Old news.", **old)
    Event.objects.create(message="New news.", texts={"message": {"id": "New %(x)s."}}, **old)
    Event.objects.create(message="Odd news.", texts=["odd"], **old)
    page = browser.get("/events/", headers=GERMAN).content.decode()
    assert [text for text in texts_of(page) if text.endswith(" news.")] == [
        "Odd news.",
        "New news.",
        "Old news.",
    ]


# --- every page ---------------------------------------------------------------------------------


@pytest.fixture
def everything(
    admin: User, peer: str, open_gate: OpenGate, monkeypatch: pytest.MonkeyPatch
) -> Client:
    """A German reader's browser and a pair about which there is something to say everywhere."""
    monkeypatch.setattr(actions, "preflight", lambda *_: CHECKS)
    with journal.change(actor="paula", source="merge") as change:
        change.save(_split(admin))
        change.save(_set_aside(admin))
    site = rfps.site_create(name="Nord", actor="paula").value
    rfps.rfp_create(values={"mac": "003042000001", "name": "Tor", "site_id": site.pk}, actor="otto")
    accounts.user_create(
        values={"username": "paula", "role": "read"}, password="ein-langes-wort", actor="otto"
    )
    accounts.token_create(user=admin, name="Skript", now=timezone.now())
    _events()
    open_gate.say(document=json.dumps(pack(_document(peer))).encode())
    browser = client_of(admin)
    browser.defaults["HTTP_ACCEPT_LANGUAGE"] = "de"
    return browser


def _set_aside(admin: User) -> SetAside:
    body = {
        "v": 1, "seq": 7, "term": 2, "node": "127.0.0.2", "at": "2026-01-01T00:00:00.000000Z",
        "actor": "lena", "source": "web", "transaction": str(admin.pk), "tx_index": 0,
        "tx_size": 1, "model": "rfps.site", "object": str(admin.pk), "operation": "update",
        "before": {"name": "Kai"}, "after": {"name": "Hafen"},
    }  # fmt: skip
    return SetAside(
        id=admin.pk,
        node="127.0.0.2",
        term=2,
        seq=7,
        hash="0" * 64,
        body=json.dumps(body),
        object=admin.pk,
        split=admin.pk,
        judged_at=timezone.now(),
        reason=pack({"text": CONTESTED}),
    )


def _split(admin: User) -> Split:
    return Split(
        id=admin.pk,
        winner="127.0.0.1",
        loser="127.0.0.2",
        term=3,
        ended_at=timezone.now(),
        reason=pack({"text": say("it has been active for longer")}),
        common=5,
        loser_changes=1,
        winner_changes=2,
    )


def _events() -> None:
    audit.signed_in(username="admin", address="10.1.1.1", way="web")
    audit.locked(username=None, address="10.1.1.1", way="api", seconds=300)
    audit.ended(username="admin", owners=["paula", "otto"], address="10.1.1.1")
    cause = say("%(evidence)s.", evidence=SILENT)
    sentence = say("%(role)s: %(cause)s", role=ROLE_WORDS[Role.ACTIVE], cause=cause)
    details = {"from": "standby", "to": "active", "term": 4, "evidence": "silence"}
    details |= {"last_heartbeat_s": 0.6, "sip_configured": False, "healthy": True}
    item = pack({"message": sentence})
    for code in ("role_change", "handover"):
        Event.objects.create(node="127.0.0.2", code=code, details=details, **item)


def _document(peer: str) -> dict[str, Any]:
    """Every warning that there is, some of them in several forms."""
    view = WarningView(
        role=Role.ACTIVE, address="127.0.0.1", peer_address=peer, peer_role=Role.STANDBY,
        peer_says_peer="10.0.0.9", unsafe=2, overdue=True, sip_configured=True,
        sip_reachable=False, set_aside_open=1, set_aside_pending=2, version="1", peer_version="2",
        clock_apart=9.0, healthy=False, health_text=say("The database does not answer."),
        frozen_for=2.5, error_handovers=3, error_budget=False, paths=2, paths_down=("10.0.0.1",),
        maintenance_owner="otto", maintenance_until="2026-01-01 10:00 UTC",
        disk_free_text=say("%(size)s MB free", size=3),
        timing_differs=say("this OMM waits %(own)s s, the other %(other)s s.", own=1, other=2),
    )  # fmt: skip
    views = [view, replace(view, in_contact=False), replace(view, entry_refused="x")]
    since = {"since": "2026-01-01T00:00:00Z"}
    warnings = [{**found.shown(), **since} for one in views for found in warnings_of(one)]
    return {
        "node": {"address": "127.0.0.1", "role": "active", "synchronised": False, "term": 4},
        "peer": {"address": peer, "in_contact": True, "role": "standby", "paths": []},
        "journal": {"seq": 9, "peer_seq": 7, "unsafe": 2, "set_aside": 3},
        "sip": {"configured": True, "reachable": False},
        "rfps": {"configured": 2, "connected": 1},
        "warnings": warnings,
        "reason": ACTIVE,
    }


def path_of(name: str, needed: list[str]) -> str:
    """A page that exists."""
    if name == "change":
        return reverse(name, kwargs={"seq": JournalEntry.objects.latest("seq").pk})
    query = f"?seq={JournalEntry.objects.latest('seq').pk}" if name == "undo" else ""
    return reverse(name, kwargs=parameters_of(name, needed)) + query


ADDRESSES = {name: needed for name, needed in page_names() if name != "metrics"}


@pytest.mark.parametrize("name", ADDRESSES)
def test_a_page_in_german_says_nothing_in_english(everything: Client, name: str) -> None:
    answer = everything.get(path_of(name, ADDRESSES[name]))
    assert answer.status_code == 200
    assert english_of(answer.content.decode()) == []


@pytest.mark.parametrize("path", ["/login/", "/standby/", "/nirgends/"])
def test_so_does_what_strangers_see(everything: Client, path: str) -> None:
    everything.logout()
    assert english_of(everything.get(path).content.decode()) == []


@pytest.mark.parametrize("path", ["/standby/", "/standby/takeover/", "/standby/reboot/"])
def test_so_does_a_standby(everything: Client, open_gate: OpenGate, path: str) -> None:
    open_gate.say(role=Role.STANDBY, gate_open=False)
    assert english_of(everything.get(path).content.decode()) == []


@pytest.mark.parametrize(
    "path",
    [
        "/rfps/new/",
        "/sites/new/",
        "/users/new/",
        "/settings/sip/",
        "/settings/omm/",
        "/password/",
        "/standby/takeover/",
        "/standby/switchover/",
        "/tokens/new/",
    ],
)
def test_so_does_a_refusal(everything: Client, path: str) -> None:
    sent = {"mac": "x", "first_omm": "y", "proxy_server": "???", "first_address": "z"}
    answer = everything.post(path, sent)
    assert answer.status_code in {200, 409, 503}
    assert english_of(answer.content.decode()) == []


def test_the_check_finds_english(browser: Client) -> None:
    assert "Base stations" in english_of(browser.get("/").content.decode())
