"""A change answered "safe" is in the survivor's journal, whenever the other OMM is killed."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path

import pytest

from tests.bare import BareNode, BarePair, stays
from tests.pair import alive, eventually

pytestmark = [pytest.mark.processes, pytest.mark.slow]

ROUNDS = 20
ENTRIES = 500


class Writer:
    """A request process of a node that makes one change after the other until it is killed."""

    def __init__(self, node: BareNode, prefix: str) -> None:
        self._answers: Path = node.directory / f"answers-{prefix}"
        self.pid = int(node.ask("writer", prefix=prefix, answers=str(self._answers))["pid"])

    def answered(self, word: str) -> set[str]:
        """The base stations whose change was answered with ``word``."""
        if not self._answers.exists():
            return set()
        lines = [line.split("=") for line in self._answers.read_text().splitlines()]
        return {line[0] for line in lines if len(line) == 2 and line[1] == word}

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        eventually(lambda: not alive(self.pid), "the writer is gone")


@pytest.mark.timeout(400)
def test_safe_changes_survive_twenty_kills(bare: BarePair) -> None:
    chance = random.Random(7)
    bare.start()
    safe: set[str] = set()
    for round_number in range(ROUNDS):
        victim, heir = bare.active, bare.standby
        writer = Writer(victim, f"R{round_number}")
        eventually(lambda writer=writer: writer.answered("safe"), "a first change is safe")
        time.sleep(chance.uniform(0.0, 0.2))
        os.kill(victim.pid, signal.SIGKILL)
        writer.kill()
        victim.kill()
        heir.wait("active").wait_gate()
        safe |= writer.answered("safe")
        assert safe <= set(heir.look()["rfps"]), f"round {round_number}"
        victim.start()
        bare.wait_healthy()
        assert bare.active is heir
    found = bare.check_same_data()
    assert safe <= set(found["rfps"])
    assert len(safe) > ROUNDS


def test_planned_switch_overs_under_writes_lose_and_part_nothing(bare: BarePair) -> None:
    """Each side writes all the time; a hand-over waits for what was accepted before it."""
    bare.start()
    writers = {node.name: Writer(node, f"By {node.name}") for node in bare.nodes}
    for _ in range(5):
        old, new = bare.active, bare.standby
        writer = writers[old.name]
        before = len(writer.answered("safe"))
        eventually(lambda w=writer, n=before: len(w.answered("safe")) > n + 2, "it writes")
        answer = old.command("switchover", actor="admin")
        assert answer["accepted"], answer
        new.wait("active").wait_gate()
        old.wait("standby")
        bare.wait_contact()
    for writer in writers.values():
        writer.kill()
    found = bare.check_same_data()
    for writer in writers.values():
        assert writer.answered("safe") <= set(found["rfps"])
        assert writer.answered("unsafe") <= set(found["rfps"])
    assert (found["set_aside"], found["pending"]) == (0, 0)


def test_five_hundred_entries_made_without_the_standby_arrive_in_order(bare: BarePair) -> None:
    bare.start()
    active, standby = bare.active, bare.standby
    standby.kill()
    active.wait_warning("no_standby")
    active.ask("many_entries", count=ENTRIES)
    standby.start()
    bare.wait_healthy(within=60)
    found = bare.check_same_data()
    assert found["sites"] == [f"Name {ENTRIES}"]
    assert found["head"]["seq"] > ENTRIES
    assert not active.warnings()


def test_a_request_frozen_before_its_commit_cannot_commit_after_a_switch_over(
    bare: BarePair,
) -> None:
    """The request holds the database; the gate's last look tells it that the role is gone."""
    bare.start()
    old, new = bare.active, bare.standby
    old.ask("open_change", name="Too late")
    answer = old.command("switchover", actor="admin")
    assert not answer["accepted"], "the journal's end cannot be known while a change is open"
    ended = old.ask("commit_change")
    if ended["raised"]:
        assert ended["raised"] == "GateClosed"
    bare.wait_healthy()
    found = bare.check_same_data()
    assert ("Too late" in found["sites"]) is (not ended["raised"])
    assert new.look()["pending"] == 0


def test_a_request_thawed_after_a_demotion_cannot_commit(bare: BarePair) -> None:
    """Frozen between its last statement and COMMIT, with its OMM, until the other one leads."""
    bare.start()
    old, new = bare.active, bare.standby
    old.ask("open_change", name="Too late")
    old.send(signal.SIGSTOP)
    new.wait("active").wait_gate()
    assert new.sites("Meanwhile") == ["unsafe"]
    old.send(signal.SIGCONT)
    ended = old.ask("commit_change")
    assert ended["raised"] == "GateClosed", ended
    bare.wait_healthy()
    assert bare.active is new
    found = bare.check_same_data()
    assert found["sites"] == ["Meanwhile"]
    assert (found["set_aside"], found["pending"]) == (0, 0)


def test_a_request_that_wakes_before_its_omm_does_cannot_commit(bare: BarePair) -> None:
    """The runtime still stands still: its lease has run out, and that closes the gate."""
    bare.start()
    old, new = bare.active, bare.standby
    old.ask("open_change", name="Too late")
    old.send(signal.SIGSTOP)
    new.wait("active").wait_gate()
    ended = old.ask("commit_change")
    assert ended["raised"] == "GateClosed", ended
    old.send(signal.SIGCONT)
    bare.wait_healthy()
    assert bare.active is new
    assert bare.check_same_data()["sites"] == []


def test_a_long_transaction_does_not_cost_the_role(bare: BarePair) -> None:
    """Writers that hold the database for a moment delay nobody's heartbeat."""
    bare.start()
    old = bare.active
    old.ask("open_change", name="Slow")
    stays(lambda: old.role() == "active" and old.accepts_changes(), "active", 1.5)
    assert old.ask("commit_change")["raised"] == ""
    bare.wait_healthy()
    assert bare.check_same_data()["sites"] == ["Slow"]
