"""Unsaved text that moves along to the other OMM: what is taken, what is refused, where it goes."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from django.test import Client

from omm_portal.accounts import drafts
from omm_portal.accounts.auth import BACKEND
from omm_portal.accounts.models import User
from omm_portal.accounts.tickets import ticket_issue
from rfps.services import site_create
from standby.domain.facts import Role
from tests.gate import OpenGate

pytestmark = pytest.mark.django_db(databases=["default", "live"])

ORIGIN = "http://127.0.0.2:8000"
PATH = "/sites/new/"
FIELD = {"name": "name", "values": ["Half a na"], "label": "Name", "shown": "Half a na"}


def draft(path: str = PATH, **form: Any) -> dict[str, Any]:
    return {
        "path": path,
        "forms": [{"action": "", "fields": [FIELD], "retype": [], "unsure": False, **form}],
    }


@pytest.fixture
def ticket(admin: User, peer: str, settings: Any) -> str:
    """A ticket that the other OMM made out for this one."""
    here = settings.OMM
    settings.OMM = replace(here, address="127.0.0.2", peer_address="127.0.0.1")
    ticket = ticket_issue(user=admin, session_key="s1")
    settings.OMM = here
    assert ticket is not None
    return ticket


@pytest.fixture
def arriving() -> Client:
    """A browser that comes from the other OMM's page."""
    return Client(enforce_csrf_checks=True, headers={"host": "127.0.0.1", "origin": ORIGIN})


def config(page: str) -> dict[str, Any]:
    found = re.search(r'<script id="pair-config" type="application/json">(.*?)</script>', page)
    assert found
    given: dict[str, Any] = json.loads(found[1])
    return given


def test_the_page_gets_its_text_once(arriving: Client, ticket: str) -> None:
    sent = {"ticket": ticket, "next": PATH, "draft": json.dumps(draft())}
    assert arriving.post("/handover/", sent).status_code == 303
    assert config(arriving.get("/sites/").content.decode())["draft"] is None
    page = arriving.get(PATH).content.decode()
    assert config(page)["draft"] == draft()
    assert "Your unsaved text was brought along from the other OMM." in page
    again = arriving.get(PATH).content.decode()
    assert config(again)["draft"] is None
    assert 'id="brought"' not in again


def test_a_question_in_a_dialog_leaves_it_to_the_page(arriving: Client, ticket: str) -> None:
    arriving.post("/handover/", {"ticket": ticket, "next": PATH, "draft": json.dumps(draft())})
    arriving.get(PATH, headers={"hx-request": "true"})
    assert config(arriving.get(PATH).content.decode())["draft"] == draft()


@pytest.mark.parametrize("path", ["/sites/00000000-0000-0000-0000-000000000000/", "/nowhere/"])
def test_a_page_that_is_gone_still_shows_it(arriving: Client, ticket: str, path: str) -> None:
    sent = {"ticket": ticket, "next": path, "draft": json.dumps(draft(path))}
    arriving.post("/handover/", sent)
    page = arriving.get(path)
    assert page.status_code == 404
    assert config(page.content.decode())["draft"] == draft(path)
    assert "<dd>Half a na</dd>" in page.content.decode()


def test_what_must_be_typed_again_is_named(arriving: Client, ticket: str) -> None:
    sent = {
        "ticket": ticket,
        "next": PATH,
        "draft": json.dumps(draft(retype=["Password", "New password"])),
    }
    arriving.post("/handover/", sent)
    assert "Please type again: Password, New password." in arriving.get(PATH).content.decode()


def test_without_a_good_ticket_it_is_kept_nowhere_but_shown(arriving: Client, ticket: str) -> None:
    sent = {"ticket": ticket + "x", "next": PATH, "draft": json.dumps(draft())}
    response = arriving.post("/handover/", sent)
    assert response.status_code == 403
    assert "<dd>Half a na</dd>" in response.content.decode()
    assert 'href="/login/?next=%2Fsites%2Fnew%2F"' in response.content.decode()
    assert "_auth_user_id" not in arriving.session
    assert "omm-draft" not in arriving.session


def test_nobody_elses_page_can_have_text_shown(ticket: str) -> None:
    client = Client(headers={"host": "127.0.0.1", "origin": "http://evil.example"})
    sent = {"ticket": ticket, "next": PATH, "draft": json.dumps(draft())}
    response = client.post("/handover/", sent)
    assert response.status_code == 303
    assert response.headers["Location"].startswith("/login/")


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        "[" * 5000,
        '{"path": "/sites/new/"}',
        json.dumps(draft("/users/new/")),
        json.dumps(draft(fields=[{"name": "x", "values": "text"}])),
        json.dumps(draft(fields=[{"name": "x" * 300, "values": []}])),
        json.dumps(draft(fields=[{"name": "x", "values": [1]}])),
        json.dumps(draft(fields=[FIELD] * 301)),
        json.dumps(draft(fields=[{"name": "x", "values": ["y" * 70_000]}])),
    ],
    ids=range(10),
)
def test_what_is_no_draft_is_refused_and_the_sign_in_goes_on(
    arriving: Client, ticket: str, text: str
) -> None:
    with pytest.raises(drafts.DraftRefused):
        drafts.draft_parse(text, path=PATH)
    assert arriving.post("/handover/", {"ticket": ticket, "next": PATH, "draft": text}).status_code
    page = arriving.get(PATH)
    assert page.status_code == 200
    assert config(page.content.decode())["draft"] is None


def test_unknown_parts_are_dropped() -> None:
    given = draft(extra=1, fields=[{**FIELD, "onclick": "x"}])
    assert drafts.draft_parse(json.dumps({**given, "more": 2}), path=PATH) == draft()


def test_markup_in_it_stays_text(arriving: Client, ticket: str) -> None:
    evil = "</script><script>alert(1)</script>"
    field = {"name": "name", "values": [evil], "label": evil, "shown": evil}
    sent = {"ticket": ticket, "next": PATH, "draft": json.dumps(draft(fields=[field]))}
    arriving.post("/handover/", sent)
    page = arriving.get(PATH).content.decode()
    assert evil not in page
    assert config(page)["draft"]["forms"][0]["fields"][0]["values"] == [evil]


@pytest.mark.parametrize(
    ("theme", "cookie"), [("dark", "dark"), ("light", "light"), ("", "system")]
)
def test_the_look_comes_along(arriving: Client, ticket: str, theme: str, cookie: str) -> None:
    arriving.post("/handover/", {"ticket": ticket, "next": "/", "theme": theme})
    assert arriving.cookies["omm-theme"].value == cookie
    assert not arriving.cookies["omm-theme"]["httponly"], "the page's script takes it over"


def test_no_other_look_comes_along(arriving: Client, ticket: str) -> None:
    arriving.post("/handover/", {"ticket": ticket, "next": "/", "theme": "red; x=1"})
    assert "omm-theme" not in arriving.cookies


# --- a save that reaches an OMM which has just lost its role --------------------------------------


@pytest.fixture
def lost_role(open_gate: OpenGate, browser: Client, peer: str) -> OpenGate:
    """The administrator's OMM is standby now, the other one is active."""
    say_standby(open_gate, peer_role="active")
    return open_gate


def say_standby(gate: OpenGate, *, peer_role: str) -> None:
    peer = {"address": "127.0.0.2", "in_contact": True, "role": peer_role}
    document = {"node": {"role": "standby"}, "peer": peer}
    gate.say(role=Role.STANDBY, gate_open=False, document=json.dumps(document).encode())


def values_of(page: str) -> dict[str, str]:
    import html

    return {
        name: html.unescape(value)
        for name, value in re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page)
    }


def test_a_save_there_goes_on_at_the_active_one(
    lost_role: OpenGate, browser: Client, admin: User, settings: Any
) -> None:
    response = browser.post(PATH, {"name": "Half a na", "version": ""})
    page = response.content.decode()
    assert response.status_code == 503
    assert 'action="http://127.0.0.2:8000/handover/"' in page
    assert "Go on at the active OMM" in page
    assert "<dd>Half a na</dd>" in page
    sent = values_of(page)
    assert sent["next"] == PATH

    settings.OMM = replace(settings.OMM, address="127.0.0.2", peer_address="127.0.0.1")
    lost_role.say(role=Role.ACTIVE, gate_open=True, document=b"{}")
    other = Client(headers={"host": "127.0.0.2", "origin": "http://127.0.0.1:8000"})
    settings.ALLOWED_HOSTS = [*settings.ALLOWED_HOSTS, "127.0.0.2"]
    assert other.post("/handover/", sent).headers["Location"] == PATH
    fields = config(other.get(PATH).content.decode())["draft"]["forms"][0]["fields"]
    assert {field["name"]: field["values"] for field in fields} == {
        "name": ["Half a na"],
        "version": [""],
    }


def test_nothing_secret_is_handed_on(lost_role: OpenGate, browser: Client) -> None:
    typed = {"username": "new", "password": "hunter2hunter2", "is_active": "on"}
    page = browser.post("/users/new/", typed).content.decode()
    assert "hunter2" not in page
    form = json.loads(values_of(page)["draft"])["forms"][0]
    assert form["retype"] == ["Password"]
    found = {field["name"]: field["values"] for field in form["fields"]}
    assert found["is_active"] == ["on"]
    assert found["must_change_password"] == []


def test_without_an_active_omm_it_can_be_tried_again(lost_role: OpenGate, browser: Client) -> None:
    say_standby(lost_role, peer_role="standby")
    page = browser.post(PATH, {"name": "Half a na"}).content.decode()
    assert f'action="{PATH}"' in page
    assert values_of(page)["name"] == "Half a na"
    lost_role.say(role=Role.ACTIVE, gate_open=True, document=b"{}")
    assert browser.post(PATH, {"name": values_of(page)["name"]}).status_code == 302


def test_a_foreign_page_gets_no_ticket(lost_role: OpenGate, admin: User) -> None:
    strict = Client(enforce_csrf_checks=True, headers={"host": "127.0.0.1"})
    strict.force_login(admin, backend=BACKEND)
    response = strict.post(PATH, {"name": "x"})
    assert response.status_code == 403
    assert b"ticket" not in response.content


def test_who_is_not_signed_in_is_only_sent_on(lost_role: OpenGate) -> None:
    response = Client(headers={"host": "127.0.0.1"}).post(PATH, {"name": "x"})
    assert response.status_code == 302
    assert response.headers["Location"] == f"http://127.0.0.2:8000{PATH}"


def test_a_question_goes_on_without_text(lost_role: OpenGate, browser: Client) -> None:
    site = "11111111-1111-1111-1111-111111111111"
    sent = values_of(browser.post(f"/sites/{site}/delete/").content.decode())
    assert sent["next"] == f"/sites/{site}/delete/"
    assert "draft" not in sent


# --- a save that nobody knows the end of --------------------------------------------------------


def arrive(arriving: Client, ticket: str, path: str, **form: Any) -> str:
    text = json.dumps(draft(path, unsure=True, **form))
    sent = {"ticket": ticket, "next": path, "draft": text}
    assert arriving.post("/handover/", sent).status_code == 303
    return arriving.get(path).content.decode()


def test_a_new_object_that_may_be_saved_already(arriving: Client, ticket: str) -> None:
    page = arrive(arriving, ticket, PATH)
    assert "nobody knows whether it was saved" in page
    assert 'value="Half a na"' in page
    assert config(page)["draft"] is None, "the server has put it into the form"
    assert "nobody knows" not in arriving.get(PATH).content.decode(), "told once"


@pytest.mark.parametrize("is_saved", [False, True])
def test_a_change_that_may_be_saved_already(
    arriving: Client, ticket: str, admin: User, is_saved: bool
) -> None:
    site = site_create(name="Half a na" if is_saved else "Harbour", actor="admin").value
    fields = [{"name": "version", "values": ["1"]}, FIELD]
    page = arrive(arriving, ticket, f"/sites/{site.pk}/", fields=fields)
    assert "nobody knows whether it was saved" in page
    assert 'value="Half a na"' in page
    assert ("Nothing of it differs from what you typed." in page) is is_saved
    assert ("<span>Harbour</span>" in page) is not is_saved
    assert f'name="version" value="{site.version}"' in page


def test_what_is_gone_meanwhile_can_be_copied(arriving: Client, ticket: str) -> None:
    page = arrive(arriving, ticket, "/sites/00000000-0000-0000-0000-000000000000/")
    assert "Somebody else removed this" in page
    assert "Half a na" in page
