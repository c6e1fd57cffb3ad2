"""The pair in people's words."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from standby.presentation import (
    KINDS,
    PAIR_STATES,
    WARNINGS,
    derived,
    labels,
    lag,
    pair_state,
    peer_state,
    sip_state,
    warning_rows,
)
from tests.pair import ROOT


def document(role: str = "active", peer: dict[str, Any] | None = None, **node: Any) -> Any:
    return {"node": {"role": role, "synchronised": True, **node}, "peer": peer, "warnings": []}


def in_contact(role: str) -> dict[str, Any]:
    return {"address": "127.0.0.2", "in_contact": True, "role": role}


GONE = {"address": "127.0.0.2", "in_contact": False, "role": "standby"}


@pytest.mark.parametrize(
    ("found", "state"),
    [
        (document(peer=in_contact("standby")), "synchronised"),
        (document(peer=in_contact("standby"), synchronised=False), "not_synchronised"),
        (document(peer=GONE), "no_standby"),
        (document(), "single"),
        (document("standby", peer=in_contact("active")), "synchronised"),
        (document("standby", peer=GONE), "no_active"),
        (document("starting", peer=in_contact("standby")), "no_active"),
        (document("failed", peer=in_contact("active")), "synchronised"),
        (
            {**document(peer=in_contact("failed")), "warnings": [{"code": "no_standby"}]},
            "no_standby",
        ),
    ],
)
def test_the_pairs_state(found: Any, state: str) -> None:
    assert pair_state(found) == state
    assert state in PAIR_STATES


def test_no_standby_is_said_in_the_manuals_words() -> None:
    assert str(PAIR_STATES["no_standby"].text) == "No Standby"
    assert str(WARNINGS["no_standby"].title) == "No Standby"


def test_a_peer_out_of_contact_shows_no_role() -> None:
    assert peer_state(document(peer=GONE)) == "no_contact"
    assert peer_state(document()) == "none"
    assert peer_state(document(peer=in_contact("starting"))) == "starting"


@pytest.mark.parametrize(
    ("sip", "state"),
    [
        ({"configured": False, "reachable": None}, "none"),
        ({"configured": True, "reachable": None}, "unknown"),
        ({"configured": True, "reachable": True}, "reachable"),
        ({"configured": True, "reachable": False}, "unreachable"),
        (None, "none"),
    ],
)
def test_sip(sip: Any, state: str) -> None:
    assert sip_state({"sip": sip}) == state


def test_lag() -> None:
    assert lag({"journal": {"seq": 9, "peer_seq": 4}}) == 5
    assert lag({"journal": {"seq": 9, "peer_seq": None}}) is None
    assert lag({}) is None


def test_warnings_come_gravest_first_without_saying_their_title_twice() -> None:
    rows = warning_rows(
        {
            "warnings": [
                {"code": "path_down", "severity": "warning", "message": "No heartbeats over x."},
                {"code": "no_standby", "severity": "error", "message": "No Standby: it is gone."},
                {"code": "of_the_future", "severity": "info", "message": "Something."},
            ]
        }
    )
    assert [row["title"] for row in rows] == ["No Standby", "Heartbeat path down", "Something."]
    assert [row["message"] for row in rows] == ["It is gone.", "No heartbeats over x.", ""]


def test_every_state_has_a_word_and_an_icon() -> None:
    sprite = (ROOT / "static" / "img" / "icons.svg").read_text()
    for known in KINDS.values():
        for label in known.values():
            assert str(label.text)
            assert f'id="{label.icon}"' in sprite


def test_the_script_gets_plain_values_and_derives_the_same_states() -> None:
    json.dumps(labels())
    script = (ROOT / "static" / "js" / "render.js").read_text()
    names = set(derived(document())) - set(document())
    assert names == set(re.findall(r"^    (\w+): \w+\(doc\),$", script, re.MULTILINE))
