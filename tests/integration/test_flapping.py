"""The flap budget (rule 11): an error that wanders between the OMMs moves the role only so often.

A module of its own: what it uses up counts for ten minutes.
"""

from __future__ import annotations

import pytest

from tests.bare import stays
from tests.integration.test_omm_errors import port_taken
from tests.pair import Node, Pair, eventually

pytestmark = pytest.mark.processes


def role(node: Node) -> str:
    lease = node.lease()
    return lease.role.value if lease is not None else ""


def test_after_three_hand_overs_for_errors_an_erring_active_limps_on(pair: Pair) -> None:
    for number in range(1, 4):
        victim, heir = pair.active, pair.standby
        with port_taken(victim):
            heir.wait("active").wait_gate()
            victim.wait("failed")
        victim.wait("standby")
        pair.wait_healthy()
        assert number == 3 or not any("flapping" in node.warnings() for node in pair.nodes)
    for node in pair.nodes:
        eventually(lambda node=node: "flapping" in node.warnings(), f"{node.name} warns")
    limping, other = pair.active, pair.standby
    with port_taken(limping):
        eventually(lambda: "omm_error" in other.warnings(), "the error is told", 20.0)
        stays(lambda: role(limping) == "active", "active", 4.0)
        lease = limping.lease()
        assert lease is not None
        assert b"Too many hand-overs" in lease.document
    limping.kill()
    other.wait("active", within=3.0)
