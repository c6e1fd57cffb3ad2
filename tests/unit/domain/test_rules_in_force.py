"""The rules in force, a sentence each."""

from __future__ import annotations

from dataclasses import replace

import pytest

from standby.domain.facts import SplitPolicy
from standby.domain.rules_in_force import RulesView, rules_in_force
from standby.presentation import RULE_TITLES

PLAIN = RulesView(
    detection=0.64,
    contact_timeout=1.0,
    paths=1,
    paths_down=0,
    witnesses="",
    witness_armed=False,
    witness_answers=False,
    witness_holds=False,
    maintenance_until="",
    error_handovers=0,
    error_handovers_allowed=2,
    budget_free="",
    sip_configured=False,
    sip_reachable=None,
    policy=SplitPolicy.LONGEST_ACTIVE,
    policies_differ=False,
)
ASKED = {"witnesses": "10.0.0.5", "witness_armed": True}


def told(code: str, **facts: object) -> str:
    rows = rules_in_force(replace(PLAIN, **facts))  # type: ignore[arg-type]
    return next(row["text"] for row in rows if row["code"] == code)


@pytest.mark.parametrize(
    ("code", "facts", "words"),
    [
        ("contact", {}, "0.6 s of silence"),
        ("paths", {}, "one path"),
        ("paths", {"paths": 2}, "2 paths, and all work"),
        ("paths", {"paths": 2, "paths_down": 1}, "1 of 2 heartbeat paths do not work"),
        ("witness", {}, "No witness is configured"),
        ("witness", {"witnesses": "10.0.0.5"}, "10.0.0.5 answers neither OMM"),
        ("witness", ASKED, "neither takes over nor stays active"),
        ("witness", {**ASKED, "witness_answers": True}, "does not hear that either"),
        ("witness", {**ASKED, "witness_holds": True}, "lends the active role to this OMM"),
        ("maintenance", {}, "automatic"),
        ("maintenance", {"maintenance_until": "12:00 UTC"}, "until 12:00 UTC"),
        ("error_budget", {"error_handovers": 1}, "1 hand-over for an error"),
        ("error_budget", {"budget_free": "12:34 UTC"}, "until 12:34 UTC"),
        ("sip", {}, "No SIP proxy"),
        ("sip", {"sip_configured": True, "sip_reachable": True}, "answers this OMM"),
        ("sip", {"sip_configured": True, "sip_reachable": False}, "would not take over"),
        ("split", {}, "active for longer"),
        ("split", {"policy": SplitPolicy.MOST_RFPS}, "more base stations"),
        (
            "split",
            {"policy": SplitPolicy.MOST_RFPS, "policies_differ": True},
            "because the two split policies differ",
        ),
    ],
)
def test_each_rule_says_what_holds_now(code: str, facts: dict[str, object], words: str) -> None:
    assert words in told(code, **facts)


def test_every_rule_has_a_title() -> None:
    assert {row["code"] for row in rules_in_force(PLAIN)} == set(RULE_TITLES)
