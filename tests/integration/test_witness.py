"""A real witness on a third host: who may be active when the two OMMs lose each other."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from tests.bare import BarePair, stays
from tests.network import V4, Network, network, skip_unless_possible
from tests.pair import ROOT, SECRET, eventually

pytestmark = pytest.mark.processes

WITNESS = "10.77.0.3"
LONGER_THAN_A_VERDICT = 2.5


@dataclass
class WitnessHost:
    """A witness at the hub, which both OMMs' cables lead to."""

    host: str
    process: subprocess.Popen[bytes] | None = None

    def command(self, *words: str) -> list[str]:
        inside = ["ip", "netns", "exec", self.host]
        return [*inside, sys.executable, "manage.py", "omm_witness", *words]

    def start(self, secret: str = SECRET) -> None:
        self.process = subprocess.Popen(
            self.command(),
            cwd=ROOT,
            env=environment(secret),
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def look(self) -> dict[str, Any]:
        found = subprocess.run(
            self.command("--json"),
            cwd=ROOT,
            env=environment(SECRET),
            check=False,
            capture_output=True,
            text=True,
        )
        return dict(json.loads(found.stdout))

    def stop(self) -> None:
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self.process = None


def environment(secret: str) -> dict[str, str]:
    """A witness needs nothing else."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("OMM_", "DJANGO_"))}
    own = {"OMM_ENV_FILE": os.devnull, "OMM_PAIR_SECRET": secret, "OMM_WITNESS_BIND": WITNESS}
    return {**inherited, **own}


@pytest.fixture(scope="module")
def hub() -> Iterator[Network]:
    skip_unless_possible()
    with network() as built:
        words = ["-n", built.hub, "address", "add", f"{WITNESS}/24", "dev", "hub"]
        subprocess.run(["ip", *words], check=True)
        yield built


@contextmanager
def witnessed(bare: BarePair, hub: Network, secret: str = SECRET) -> Iterator[WitnessHost]:
    """A pair with a witness that runs; its policy is in force unless the secret is wrong."""
    witness = WitnessHost(hub.hub)
    try:
        witness.start(secret)
        for number, node in enumerate(bare.nodes):
            node.start(
                network=hub.hosts[number],
                address=V4[number],
                peer_address=V4[1 - number],
                witnesses=[[WITNESS, 16323]],
            )
        bare.wait_healthy()
        if secret == SECRET:
            low = bare.low
            low.wait_for(lambda: low.document()["witness"]["holds"], "has the witness's right")
            bare.high.wait_for(lambda: bare.high.document()["witness"]["armed"], "is armed")
        yield witness
    finally:
        witness.stop()
        hub.heal()


def test_the_active_stays_alone_while_the_witness_hears_it(bare: BarePair, hub: Network) -> None:
    """Only the line between the OMMs is cut: the standby waits and says why."""
    with witnessed(bare, hub) as witness:
        low, high = bare.nodes
        hub.mute(0)
        hub.mute(1)
        low.wait_warning("no_standby")
        stays(
            lambda: (low.role(), high.role()) == ("active", "standby") and low.accepts_changes(),
            "one active that accepts changes",
            LONGER_THAN_A_VERDICT,
        )
        assert f"the witness {WITNESS} hears it as the active one" in high.reason()
        assert low.sites("Alone") == ["unsafe"]
        seen = {each["address"]: each for each in witness.look()["omms"]}
        assert seen[V4[0]]["active"]
        assert seen[V4[0]]["holds"]
        assert not seen[V4[1]]["active"]
        hub.heal()
        assert bare.check_same_data()["sites"] == ["Alone"]


def test_an_active_that_is_cut_off_steps_down_and_the_standby_takes_over(
    bare: BarePair, hub: Network
) -> None:
    """Host 1 loses both; it closes its gate before the other one opens its own."""
    with witnessed(bare, hub):
        low, high = bare.nodes
        low.command("switchover", actor="admin")
        high.wait("active").wait_gate()
        high.wait_for(lambda: high.document()["witness"]["holds"], "has the witness's right")
        hub.cut()
        found = []

        def low_is_open() -> bool:
            both = (low.accepts_changes(), high.accepts_changes())
            found.append(both)
            return both[0]

        eventually(low_is_open, "the other one accepts changes", 10.0)
        assert (True, True) not in found
        high.wait_for(lambda: high.role() in ("starting", "standby"), "steps down")
        high.wait("standby")
        assert "cut off itself" in high.reason()
        assert low.role() == "active"
        hub.mend()
        bare.wait_healthy()
        assert bare.active is low


def test_with_a_dead_witness_the_default_policy_holds(bare: BarePair, hub: Network) -> None:
    with witnessed(bare, hub) as witness:
        low, high = bare.nodes
        witness.stop()
        for node in bare.nodes:
            assert WITNESS in node.wait_warning("witness_unreachable")
            node.wait_for(lambda n=node: not n.document()["witness"]["armed"], "gave it up")
        hub.cut()
        high.wait("active", within=5.0)
        assert low.role() == "active"
        hub.mend()
        bare.wait_healthy()


def test_a_witness_with_another_secret_counts_as_none(bare: BarePair, hub: Network) -> None:
    with witnessed(bare, hub, "quite another secret of quite another pair"):
        for node in bare.nodes:
            assert WITNESS in node.wait_warning("witness_unreachable")
        bare.wait_healthy()
        assert bare.active.sites("Ward") == ["safe"]


def test_witnesses_that_only_one_omm_asks_are_named(bare: BarePair) -> None:
    bare.low.start(witnesses=[["127.0.0.9", 16323]])
    bare.high.start()
    bare.wait_healthy()
    for node in bare.nodes:
        text = node.wait_warning("settings_differ")
        assert "127.0.0.9" in text
        assert "none" in text
