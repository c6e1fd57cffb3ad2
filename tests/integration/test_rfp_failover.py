"""Base stations over a fail-over: all are served again, none needs a new key."""

from __future__ import annotations

import signal
import socket
import time
from pathlib import Path

import pytest

from tests.fleet import configured, simulated
from tests.pair import Pair, eventually

pytestmark = pytest.mark.processes

COUNT = 200


def test_two_hundred_base_stations_move_to_the_other_omm(pair: Pair, tmp_path: Path) -> None:
    active, standby = pair.active, pair.standby
    with active.api() as api:
        answer = api.post("/rfps/", json=configured(COUNT))
        assert answer.status_code == 201, answer.text
    omms = [active.address, standby.address]
    with simulated(omms, active.rfp_port, COUNT, tmp_path / "keys.json") as fleet:
        fleet.wait_on(active.address, COUNT)
        assert sum(line["enrolled"] for line in fleet.since(0, "connected")) == COUNT
        eventually(
            lambda: active.status()["rfps"]["connected"] == COUNT, "all are counted as connected"
        )
        begun = time.monotonic()
        active.send(signal.SIGKILL)
        fleet.wait_on(standby.address, COUNT)
        again = fleet.since(begun, "connected")
        assert not any(line["enrolled"] for line in again), "a key was told a second time"
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((active.address, active.rfp_port), 2)
        eventually(
            lambda: standby.status()["rfps"]["connected"] == COUNT, "the heir counts them all"
        )
    pair.heal()
