"""A database that hangs costs the role, not the service (rule 4)."""

from __future__ import annotations

import pytest

from tests.bare import BarePair

pytestmark = pytest.mark.processes


def test_an_active_whose_database_hangs_hands_over_and_loses_nothing(bare: BarePair) -> None:
    bare.start()
    victim, heir = bare.active, bare.standby
    assert victim.sites("Before") == ["safe"]
    victim.ask("open_change", name="Held")  # holds the write lock until it is committed
    heir.wait("active", within=8.0).wait_gate()
    assert "handed its role over" in heir.reason()
    assert victim.wait("failed").warnings()["omm_error"]
    assert heir.sites("After") in (["unsafe"], ["safe"])
    assert victim.ask("commit_change")["raised"] == "GateClosed"
    victim.wait("standby")
    assert bare.check_same_data()["sites"] == ["After", "Before"]
