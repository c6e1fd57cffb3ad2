"""A write past the journal cannot be stopped, but it is found."""

from __future__ import annotations

import sqlite3

import pytest

from standby.link import control
from tests.pair import Pair, eventually

pytestmark = pytest.mark.processes


def prove(pair: Pair) -> bool | None:
    answer = control.call(
        pair.active.data / "run" / "control.sock", {"command": "prove"}, timeout=20.0
    )
    assert answer["ok"], answer
    return answer["equal"]


def set_system_name(pair: Pair, name: str) -> None:
    with sqlite3.connect(pair.standby.data / "omm.sqlite3", timeout=10.0) as database:
        database.execute("UPDATE standby_systemsettings SET system_name = ?", (name,))


def test_a_direct_write_is_found_by_the_digest_and_its_repair_too(pair: Pair) -> None:
    with pair.active.api() as api:
        assert api.patch("/settings/system/", json={"system_name": "Clinic"}).status_code == 200
    pair.wait_healthy()
    assert eventually(lambda: prove(pair) is True, "equal tables")
    set_system_name(pair, "tampered with")
    assert prove(pair) is False
    eventually(lambda: "not_synchronised" in pair.active.warnings(), "the warning is shown")
    set_system_name(pair, "Clinic")
    assert prove(pair) is True
    eventually(lambda: "not_synchronised" not in pair.active.warnings(), "the warning is gone")
