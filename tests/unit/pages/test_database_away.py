"""Pages and endpoints while the database of this OMM cannot be used."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import OperationalError, connections
from django.test import Client

from standby.domain.facts import Role
from tests.gate import OpenGate

pytestmark = pytest.mark.django_db(databases=["default", "live"])

SECRET = "connection to server at db.example failed"


@contextmanager
def _away() -> Iterator[None]:
    def refuse(*_: Any) -> None:
        raise OperationalError(SECRET)

    with connections["default"].execute_wrapper(refuse):
        yield


@pytest.fixture
def away(browser: Client) -> Iterator[Client]:
    """A browser that was signed in before every query failed."""
    browser.raise_request_exception = False
    with _away():
        yield browser


def test_pages_of_the_active_say_what_is_wrong(away: Client) -> None:
    answer = away.get("/")
    assert answer.status_code == 503
    assert "The database does not answer" in answer.content.decode()
    assert SECRET not in answer.content.decode()


def test_programs_are_told_to_try_again(away: Client) -> None:
    answer = away.get("/api/v1/sites/")
    assert answer.status_code == 503
    assert answer.json()["type"] == "database"
    assert answer["Retry-After"] == "1"
    assert SECRET not in answer.content.decode()


@pytest.mark.usefixtures("peer")
def test_the_page_of_a_failed_omm_is_shown(browser: Client, open_gate: OpenGate) -> None:
    open_gate.say(role=Role.FAILED, gate_open=False)
    with _away():
        answer = browser.get("/standby/")
    assert answer.status_code == 200
    assert "127.0.0.1" in answer.content.decode()
