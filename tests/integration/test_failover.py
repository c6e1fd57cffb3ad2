"""Fail-over with real processes (manual 7.15.2): one active afterwards, nothing lost, one heals."""

from __future__ import annotations

import os
import signal
import time
from functools import partial

import pytest

from tests.pair import Node, Pair, eventually, takeover_after

pytestmark = pytest.mark.processes
DIGEST = "from standby import journal; print(journal.digest_at_head())"


def settle(pair: Pair) -> None:
    """After the fault: exactly one active, both synchronised, no warning left."""
    pair.heal()
    for node in pair.nodes:
        eventually(partial(_has_standby, node), f"{node.name} has a standby")


def _has_standby(node: Node) -> bool:
    return "no_standby" not in node.warnings()


def heads(pair: Pair) -> set[str]:
    return {node.status()["journal"]["hash"] for node in pair.nodes}


def make_site(node: Node, name: str) -> str:
    with node.api() as api:
        answer = api.post("/sites/", json={"name": name})
    assert answer.status_code == 201, answer.text
    return str(answer.headers["OMM-Replication"])


def test_lower_address_starts_and_change_is_safe(pair: Pair) -> None:
    active = pair.active
    assert make_site(active, f"Ward {time.time()}") == "safe"
    assert len(heads(pair)) == 1


@pytest.mark.parametrize("names", [(), ("standby",), ("supervisor",)])
def test_sigkill_of_active_hands_the_role_to_the_peer(pair: Pair, names: tuple[str, ...]) -> None:
    victim, heir = pair.active, pair.standby
    name = f"Site {time.time()}"
    assert make_site(victim, name) == "safe"
    took = takeover_after(victim, heir, lambda: victim.send(signal.SIGKILL, *names))
    assert took < 1.0
    heir.wait_gate()
    with heir.api() as api:
        assert name in [site["name"] for site in api.get("/sites/?limit=500").json()["results"]]
        if names != ("standby",):
            eventually(lambda: "no_standby" in heir.warnings(), "No Standby is shown")
    settle(pair)
    assert pair.active is heir, "a recovered OMM never takes the role back"
    assert len(heads(pair)) == 1


def test_an_undo_is_on_both_omms_and_survives_the_death_of_the_active(pair: Pair) -> None:
    victim, heir = pair.active, pair.standby
    with victim.api() as api:
        site = api.post("/sites/", json={"name": f"Quay {time.time()}"}).json()
        renamed = api.patch(f"/sites/{site['id']}/", json={"name": f"Pier {time.time()}"})
        body = {"changes": [int(renamed.headers["OMM-Journal-Seq"])]}
        shown = api.post("/changes/undo/", json={**body, "preview": True}).json()
        undone = api.post("/changes/undo/", json={**body, "seen": shown["seen"]})
    assert (undone.status_code, undone.headers["OMM-Replication"]) == (200, "safe")
    assert len(heads(pair)) == 1
    digests = {node.manage("shell", "-v0", "-c", DIGEST).stdout for node in pair.nodes}
    assert len(digests) == 1, "the tables are the same"
    assert digests != {""}
    victim.send(signal.SIGKILL)
    heir.wait("active").wait_gate()
    with heir.api() as api:
        assert api.get(f"/sites/{site['id']}/").json()["name"] == site["name"]
        last = api.get(f"/changes/?object={site['id']}").json()["results"][0]
    assert (last["source"], last["undoes"]) == ("undo", body["changes"][0])
    settle(pair)
    assert len(heads(pair)) == 1


@pytest.mark.parametrize("child", ["web", "rfp", "redis"])
def test_death_of_a_child_keeps_the_role(pair: Pair, child: str) -> None:
    active = pair.active
    term, old = active.status()["node"]["term"], active.pids()[child]
    os.kill(old, signal.SIGKILL)
    eventually(lambda: active.pids().get(child) not in (None, old), f"{child} is back", 3.0)
    eventually(active.status, "the web service answers")
    eventually(lambda: active.status()["node"]["healthy"], "healthy again")
    assert active.status()["node"]["role"] == "active"
    assert active.status()["node"]["term"] == term
    settle(pair)


@pytest.mark.parametrize("names", [(), ("standby",)])
def test_frozen_active_loses_the_role_and_comes_back_as_standby(
    pair: Pair, names: tuple[str, ...]
) -> None:
    victim, heir = pair.active, pair.standby
    took = takeover_after(victim, heir, lambda: victim.send(signal.SIGSTOP, *names))
    assert took <= 1.3
    heir.wait_gate()
    assert make_site(heir, f"While frozen {time.time()}") == "unsafe"
    victim.send(signal.SIGCONT, *names)
    victim.wait("standby")
    settle(pair)
    assert pair.active is heir
    assert len(heads(pair)) == 1


def test_sigterm_hands_over_first(pair: Pair) -> None:
    victim, heir = pair.active, pair.standby
    pid = victim.pids()["supervisor"]
    took = takeover_after(victim, heir, lambda: os.kill(pid, signal.SIGTERM))
    assert took < 2.0
    assert "handed its role over" in heir.status()["reason"]
    assert victim.process is not None
    victim.process.wait(20)
    settle(pair)


def test_switchover_by_api_keeps_both_processes(pair: Pair) -> None:
    victim, heir = pair.active, pair.standby
    before = victim.pids()
    with victim.api() as api:
        answer = api.post("/standby/switchover/")
    assert answer.status_code == 202, answer.text
    assert answer.json()["accepted"] is True
    heir.wait("active")
    victim.wait("standby")
    assert victim.pids() == before
    settle(pair)


def test_reboot_by_api_hands_over_and_comes_back(pair: Pair) -> None:
    victim, heir = pair.active, pair.standby
    before = victim.pids()
    with victim.api() as api:
        answer = api.post("/standby/reboot/")
    assert answer.status_code == 202, answer.text
    heir.wait("active")
    eventually(
        lambda: victim.pids().get("standby") not in (None, before["standby"]), "processes restarted"
    )
    settle(pair)
    assert pair.active is heir


def test_standby_redirects_reads_to_the_active(pair: Pair) -> None:
    with pair.standby.api() as api:
        answer = api.get("/sites/")
    assert answer.status_code == 307
    assert answer.headers["OMM-Active"] == pair.active.url
