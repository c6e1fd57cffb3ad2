"""Policy ``witness``: what two OMMs do that can ask one, whatever is cut between the three."""

from __future__ import annotations

from standby.domain.facts import Role
from standby.domain.witness import Desk, lease_patience
from tests.unit.domain.builders import Node, Pair

NAME = "10.0.1.1"


class WitnessedPair(Pair):
    """A pair with a witness; ``reach`` are the OMMs that it and they hear."""

    def __init__(self) -> None:
        super().__init__()
        self.desk = Desk("desk", self.now)
        self.reach = {"low", "high"}
        self.both_open: list[float] = []
        for node in (self.low, self.high):
            node.member.witnesses = (NAME,)
            node.member.__post_init__()

    def _exchange(self) -> None:
        super()._exchange()
        for node in self.living():
            ask = node.member.ask(0, self.now)
            answer = self.desk.hear(ask, self.now) if node.member.node in self.reach else None
            if answer is not None:
                node.member.witnessing.witnesses[0].hear(answer)
                node.tick(self.now)
        if self.low.gate() and self.high.gate():
            self.both_open.append(self.now)


def started() -> WitnessedPair:
    """Low is active with the witness's right, high is standby, the policy is in force."""
    pair = WitnessedPair()
    pair.run(6.0)
    low, high = pair.low.member, pair.high.member
    assert (low.role, high.role) == (Role.ACTIVE, Role.STANDBY)
    assert low.witnessing.holds(pair.now, low.timing)
    assert low.witnessing.armed
    assert high.witnessing.armed
    return pair


def roles(pair: Pair) -> tuple[Role, Role]:
    return pair.low.role(), pair.high.role()


def gates(pair: Pair) -> tuple[bool, bool]:
    return pair.low.gate(), pair.high.gate()


def test_the_standby_waits_while_the_witness_hears_the_active() -> None:
    pair = started()
    pair.up = False
    pair.run(10.0)
    assert roles(pair) == (Role.ACTIVE, Role.STANDBY)
    assert gates(pair) == (True, False)
    assert f"the witness {NAME} hears it as the active one" in pair.high.member.reason
    pair.up = True
    pair.run(2.0)
    assert roles(pair) == (Role.ACTIVE, Role.STANDBY)


def test_an_active_that_is_cut_off_closes_its_gate_before_the_other_one_opens() -> None:
    pair = started()
    pair.up = False
    pair.reach = {"high"}
    cut = pair.now
    while not pair.high.gate():
        pair.run(0.05)
        assert pair.now < cut + lease_patience(pair.low.member.timing) + 0.3
    assert not pair.both_open
    pair.run(1.0)
    assert pair.low.role() is not Role.ACTIVE
    pair.run(5.0)
    assert roles(pair) == (Role.STANDBY, Role.ACTIVE)
    assert "cut off itself" in pair.low.member.reason
    pair.up, pair.reach = True, {"low", "high"}
    pair.run(5.0)
    assert roles(pair) == (Role.STANDBY, Role.ACTIVE)
    assert not pair.both_open


def test_a_standby_that_is_cut_off_waits_until_it_is_forced() -> None:
    pair = started()
    pair.up = False
    pair.reach = {"low"}
    pair.run(10.0)
    assert roles(pair) == (Role.ACTIVE, Role.STANDBY)
    assert "cut off itself" in pair.high.member.reason
    pair.high.member.force()
    pair.run(5.0)
    assert roles(pair) == (Role.ACTIVE, Role.ACTIVE)
    assert gates(pair) == (True, True), "people decided so"


def test_a_short_gap_closes_the_gate_but_does_not_cost_the_role() -> None:
    pair = started()
    pair.up = False
    pair.reach = set()
    pair.run(0.8)
    assert pair.low.role() is Role.ACTIVE
    assert not pair.low.gate()
    pair.up, pair.reach = True, {"low", "high"}
    pair.run(0.5)
    assert roles(pair) == (Role.ACTIVE, Role.STANDBY)
    assert pair.low.gate()


def test_a_witness_that_was_dead_before_has_no_say() -> None:
    pair = started()
    pair.reach = set()
    pair.run(5.0)
    assert gates(pair) == (True, False)
    assert not pair.low.member.witnessing.armed
    pair.up = False
    pair.run(3.0)
    assert roles(pair) == (Role.ACTIVE, Role.ACTIVE)
    assert gates(pair) == (True, True)


def test_a_peer_without_witnesses_means_the_default_policy() -> None:
    pair = started()
    plain: Node = pair.high
    plain.member.witnesses = ()
    pair.run(1.0)
    assert not pair.low.member.witnessing.armed


def test_a_dead_process_on_a_live_host_needs_no_witness() -> None:
    pair = started()
    pair.dead.add("low")
    pair.high.member.refused(pair.now)
    pair.run(0.1)
    assert pair.high.role() is Role.ACTIVE
    assert pair.high.gate()
    pair.run(5.0)
    assert pair.high.gate(), "by now the witness lends it the right"


def test_in_a_maintenance_a_cut_off_active_serves_on_without_changes() -> None:
    pair = started()
    pair.know(maintenance=True)
    pair.up = False
    pair.reach = {"high"}
    pair.run(8.0)
    assert roles(pair) == (Role.ACTIVE, Role.STANDBY)
    assert gates(pair) == (False, False)


def test_a_restart_does_not_forget_that_the_policy_is_in_force() -> None:
    pair = started()
    pair.up = False
    pair.reach = set()
    fresh = pair.restart(pair.high)
    fresh.member.witnesses, fresh.member.armed = (NAME,), True
    fresh.member.__post_init__()
    pair.run(10.0)
    assert fresh.role() is Role.STANDBY
