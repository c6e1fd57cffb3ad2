"""The charts of the last hours are on the pages of those who signed in, hidden until drawn."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import resolve

from standby.domain.facts import Role
from standby.samples import JOINED
from tests.gate import OpenGate

pytestmark = pytest.mark.django_db(databases=["default", "live"])


def card(page: bytes) -> str:
    found = re.search(
        r'<section class="card" id="sparklines"[^>]*>.*?</section>', page.decode(), re.DOTALL
    )
    return found.group() if found else ""


@pytest.mark.parametrize("path", ["/", "/standby/"])
def test_nothing_shows_without_the_script(browser: Client, open_gate: OpenGate, path: str) -> None:
    shown = card(browser.get(path).content)
    assert re.match(r"<section [^>]*\shidden>", shown)
    columns = re.findall(r'data-column="(\w+)"', shown)
    assert len(columns) == 5
    assert set(columns) < set(JOINED), "each chart has its column"


def test_the_samples_are_where_the_page_says(browser: Client, open_gate: OpenGate) -> None:
    source = re.search(r'data-samples="([^"]+)"', card(browser.get("/").content))
    assert source is not None
    assert resolve(source[1]).view_name == "api:standby-samples"
    assert browser.get(source[1], {"hours": 1}).status_code == 200


def test_a_standby_has_them_too(browser: Client, open_gate: OpenGate) -> None:
    open_gate.say(role=Role.STANDBY, document=b'{"node": {"role": "standby"}}')
    assert card(browser.get("/standby/").content)


def test_strangers_do_not_see_them(admin: Any, open_gate: OpenGate) -> None:
    page = Client(headers={"host": "127.0.0.1"}).get("/standby/")
    assert page.status_code == 200
    assert not card(page.content)
