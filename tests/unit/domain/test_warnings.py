"""Every warning of the pair: when it shows, what it says, and that it goes away."""

from __future__ import annotations

from dataclasses import replace

import pytest

from standby.domain import warnings
from standby.domain.facts import Role
from standby.domain.warnings import Severity, WarningView, warnings_of

CALM = WarningView(
    role=Role.ACTIVE,
    address="10.0.0.9",
    peer_address="10.0.0.10",
    peer_role=Role.STANDBY,
    peer_says_peer="10.0.0.9",
    version="1.0",
    peer_version="1.0",
    clock_apart=0.2,
)


def only(**facts: object) -> warnings.PairWarning:
    (warning,) = warnings_of(replace(CALM, **facts))  # type: ignore[arg-type]
    return warning


def test_calm_pair_has_no_warnings() -> None:
    assert warnings_of(CALM) == []


def test_omm_alone_never_warns_of_a_missing_standby() -> None:
    alone = WarningView(role=Role.ACTIVE, address="10.0.0.9", in_contact=False, unsafe=3)
    assert warnings_of(alone) == []


@pytest.mark.parametrize(
    ("facts", "text"),
    [
        ({"in_contact": False, "peer_role": None}, "10.0.0.10, is not in contact"),
        ({"peer_role": Role.FAILED}, "10.0.0.10, reports an error"),
        ({"role": Role.FAILED, "peer_role": Role.ACTIVE}, "this OMM reports an error"),
        ({"in_contact": False, "contact_text": "nobody answers."}, "nobody answers"),
    ],
)
def test_no_standby_begins_with_the_manuals_words(facts: dict[str, object], text: str) -> None:
    warning = only(**facts)
    assert warning.code == "no_standby"
    assert warning.severity is Severity.ERROR
    assert warning.message.startswith("No Standby: ")
    assert text in warning.message
    assert warning.advice


def test_no_standby_counts_unsafe_changes() -> None:
    assert "1 change is unsafe." in only(in_contact=False, unsafe=1).message
    assert "4 changes are unsafe." in only(in_contact=False, unsafe=4).message


@pytest.mark.parametrize(
    ("facts", "code", "text"),
    [
        ({"unsafe": 3, "overdue": True}, "not_synchronised", "3 changes are"),
        ({"comparing": True}, "not_synchronised", "being compared"),
        ({"older_disk": True}, "not_synchronised", "older disk"),
        ({"sip_configured": True, "sip_reachable": False}, "sip_unreachable", "no takeover"),
        (
            {"sip_configured": True, "sip_reachable": False, "peer_sip_reachable": False},
            "sip_unreachable",
            "from either OMM",
        ),
        ({"set_aside_open": 2}, "split_resolved", "2 changes are open"),
        (
            {"set_aside_open": 3, "set_aside_waiting": 2},
            "split_resolved",
            "2 changes are about to be merged. 1 change is open",
        ),
        ({"set_aside_missing": 4}, "split_resolved", "4 changes are on the way"),
        ({"set_aside_pending": 1}, "split_resolved", "1 change is on the way"),
        (
            {"set_aside_missing": 5, "set_aside_lost": 5},
            "split_resolved",
            "5 changes are missing: the other OMM has them no more",
        ),
        ({"split_problem": "One is twice."}, "split_resolved", "One is twice."),
        ({"split_resolved": True}, "split_resolved", "standby again"),
        ({"wrong_secret": True}, "wrong_peer", "another pair secret"),
        ({"same_address": True}, "wrong_peer", "address 10.0.0.9"),
        ({"same_node": True}, "wrong_peer", "same identity"),
        ({"two_lineages": True}, "wrong_peer", "another pair's data"),
        ({"peer_says_peer": "10.0.0.77"}, "wrong_peer", "expects its peer at 10.0.0.77"),
        ({"peer_says_peer": ""}, "wrong_peer", "has no peer configured"),
        ({"peer_version": "1.1"}, "version_mismatch", "1.1"),
        ({"entry_refused": "unknown field"}, "version_mismatch", "unknown field"),
        ({"clock_apart": -6.0}, "clock_skew", "6 s apart"),
        ({"clock_apart": 315360000.0}, "clock_skew", "315360000 s apart"),
        ({"healthy": False, "health_text": "Disk full."}, "omm_error", "Disk full."),
        ({"peer_healthy": False}, "omm_error", "the other OMM, 10.0.0.10"),
        ({"frozen_for": 2.34}, "frozen", "2.3 s"),
        ({"error_budget": False, "error_handovers": 3}, "flapping", "3 hand-overs"),
        ({"paths": 2, "paths_down": ("eth1",)}, "path_down", "eth1"),
        (
            {"maintenance_until": "12:00", "maintenance_owner": "anna"},
            "maintenance",
            "by anna until 12:00",
        ),
        ({"timing_differs": "1 s and 2 s."}, "settings_differ", "1 s and 2 s"),
        ({"paths_differ": "one has more."}, "settings_differ", "heartbeat paths differ: one has"),
        ({"policies_differ": True}, "settings_differ", "split policies differ"),
        ({"disk_free_text": "3 MB free"}, "disk_low", "3 MB free"),
        ({"keys_unreadable": 1, "secret_differs": True}, "pair_secret", "cannot read"),
        ({"secret_differs": True, "keys_former": 1}, "pair_secret", "other OMM has another"),
        ({"secret_changing": True, "keys_former": 1}, "pair_secret", "still need the former"),
        ({"secret_changing": True}, "pair_secret", "still accepts the former"),
        ({"backup_text": "disk full"}, "backup_failed", "disk full"),
    ],
)
def test_one_cause_gives_one_warning(facts: dict[str, object], code: str, text: str) -> None:
    warning = only(**facts)
    assert warning.code == code
    assert text in warning.message
    assert warning.advice


@pytest.mark.parametrize(
    "facts",
    [
        {"clock_apart": 5.0},
        {"clock_apart": None},
        {"unsafe": 3},
        {"paths": 1, "paths_down": ("eth0",)},
        {"sip_configured": True, "sip_reachable": None},
        {"sip_configured": True, "sip_reachable": True},
        {"peer_says_peer": None},
        {"peer_version": ""},
    ],
)
def test_what_is_no_cause_gives_none(facts: dict[str, object]) -> None:
    assert warnings_of(replace(CALM, **facts)) == []  # type: ignore[arg-type]


def test_several_causes_give_each_code_once_the_gravest_first() -> None:
    view = replace(
        CALM,
        in_contact=False,
        older_disk=True,
        wrong_secret=True,
        same_address=True,
        healthy=False,
        clock_apart=60.0,
        disk_free_text="1 MB free",
        backup_text="disk full",
    )
    codes = [warning.code for warning in warnings_of(view)]
    assert codes == [
        "no_standby",
        "wrong_peer",
        "omm_error",
        "not_synchronised",
        "clock_skew",
        "disk_low",
        "backup_failed",
    ]


def test_changes_of_an_omm_that_is_away_are_not_on_their_way() -> None:
    found = warnings_of(replace(CALM, set_aside_missing=2, in_contact=False))
    (text,) = (each.message for each in found if each.code == "split_resolved")
    assert "2 changes are still on one OMM only, waiting for contact." in text
