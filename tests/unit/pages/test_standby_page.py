"""The standby page: preflight list, paths, suspicion, the history of the roles."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from standby import actions
from standby.domain.facts import Role
from standby.history import role_history
from standby.models import Event
from tests.gate import OpenGate

pytestmark = pytest.mark.django_db(databases=["default", "live"])

PASSED = actions.Check("contact", True, "The other OMM is in contact.", "")
FAILED = actions.Check("sip", False, "The SIP proxy does not answer.", "Check the network.")


@pytest.fixture
def shown(open_gate: OpenGate, peer: str, monkeypatch: pytest.MonkeyPatch) -> OpenGate:
    """A pair with two heartbeat paths, of which one is silent, and 12 base stations."""
    paths = [
        {"own": "127.0.0.1", "peer": peer, "heard": True},
        {"own": "10.0.0.1", "peer": "10.0.0.2", "heard": False},
    ]
    document = {
        "node": {"address": "127.0.0.1", "role": "active", "synchronised": True},
        "peer": {
            "address": peer,
            "in_contact": True,
            "role": "standby",
            "suspicion": 37,
            "latency_ms": 1.4,
            "last_heard_ms": 80,
            "paths": paths,
        },
        "rfps": {"configured": 14, "connected": 12},
        "rules": [
            {"code": "paths", "text": "Heartbeats take 2 paths."},
            {"code": "witness", "text": "No witness is configured."},
        ],
        "warnings": [],
    }
    open_gate.say(document=json.dumps(document).encode())
    monkeypatch.setattr(actions, "preflight", lambda *_: (PASSED, FAILED))
    return open_gate


def role_change(**details: Any) -> Event:
    return Event.objects.create(
        node="127.0.0.2",
        code="role_change",
        severity="warning",
        message="active: The other OMM fell silent.",
        details={
            "from": "standby",
            "to": "active",
            "term": 4,
            "contact": "lost",
            "evidence": "silence",
            "last_heartbeat_s": 0.61,
            "sip_answer_s": 0.05,
            "sip_configured": True,
            "healthy": True,
            "without_active_s": 0.72,
            **details,
        },
    )


def test_it_lists_the_checks_with_verdict_and_advice(browser: Client, shown: OpenGate) -> None:
    page = browser.get("/standby/").content.decode()
    assert "<strong>Passed:</strong> The other OMM is in contact." in page
    assert "<strong>Failed:</strong> The SIP proxy does not answer." in page
    assert "What to do: Check the network." in page


def test_it_shows_paths_suspicion_and_latency(browser: Client, shown: OpenGate) -> None:
    page = browser.get("/standby/").content.decode()
    assert 'data-live="peer.paths.0.heard" data-kind="path"' in page
    assert "<span>Heard</span>" in page
    assert "<span>Silent</span>" in page
    assert 'max="100" value="37" data-live-value="peer.suspicion"' in page
    assert ">1 ms<" in page


def test_the_history_tells_cause_evidence_and_the_gap(browser: Client, shown: OpenGate) -> None:
    role_change()
    page = browser.get("/standby/").content.decode()
    for text in (
        "The other OMM fell silent.",
        "last heartbeat 0.6 s before",
        "last SIP answer 0.1 s before",
        "this OMM healthy",
        "720 ms",
        "was standby, term 4",
    ):
        assert text in page


@pytest.mark.parametrize(
    "details", [{"without_active_s": None, "evidence": None}, {"from": 7, "term": "x"}]
)
def test_an_event_with_other_details_is_shown_as_far_as_it_goes(
    browser: Client, shown: OpenGate, details: dict[str, Any]
) -> None:
    role_change(**details)
    assert browser.get("/standby/").status_code == 200
    assert role_history([Event(message="x", details=[], node="127.0.0.1")])[0].cause == "x"


def test_strangers_see_neither_checks_nor_history(shown: OpenGate, admin: Any) -> None:
    role_change()
    page = Client(headers={"host": "127.0.0.1"}).get("/standby/").content.decode()
    assert "Ready to switch over?" not in page
    assert "Role changes" not in page


def test_a_silent_runtime_is_told_and_the_page_still_comes(
    browser: Client, shown: OpenGate, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(*_: float) -> None:
        raise actions.RuntimeSilent

    monkeypatch.setattr(actions, "preflight", silent)
    response = browser.get("/standby/")
    assert response.status_code == 200
    assert "gives no answer" in response.content.decode()


def test_a_failed_check_refuses_kindly(browser: Client, shown: OpenGate) -> None:
    page = browser.get("/standby/switchover/").content.decode()
    assert "nothing is interrupted" in page
    assert "Check again" in page
    assert ">Switch over</button>" not in page


def test_with_all_checks_passed_it_asks(
    browser: Client, shown: OpenGate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(actions, "preflight", lambda *_: (PASSED,))
    page = browser.get("/standby/switchover/").content.decode()
    assert ">Switch over</button>" in page
    assert "12 base stations are connected to this OMM" in page


@pytest.mark.parametrize("path", ["/standby/switchover/", "/standby/reboot/"])
def test_dangerous_pages_count_what_they_interrupt(
    browser: Client, shown: OpenGate, path: str
) -> None:
    assert "12 base stations are connected to this OMM" in browser.get(path).content.decode()


def test_a_takeover_counts_what_is_configured(browser: Client, shown: OpenGate) -> None:
    document = {
        "node": {"address": "127.0.0.1", "role": "standby"},
        "rfps": {"configured": 14, "connected": 0},
    }
    shown.say(role=Role.STANDBY, gate_open=False, document=json.dumps(document).encode())
    page = browser.get("/standby/takeover/").content.decode()
    assert "14 base stations are configured" in page


def test_the_rules_in_force_are_told_to_everybody_a_sentence_each(
    shown: OpenGate, client: Client
) -> None:
    page = client.get("/standby/").content.decode()
    assert "Rules in force" in page
    for place, (title, sentence) in enumerate(
        (("Heartbeat paths", "Heartbeats take 2 paths."), ("Witness", "No witness is configured."))
    ):
        assert f"<dt>{title}</dt>" in page
        assert f'data-live="rules.{place}.text" data-kind="text">{sentence}</span>' in page
