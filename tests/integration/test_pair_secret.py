"""The pair secret of a running pair is changed without an outage, as docs/pair.md says."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import httpx
import pytest

from tests.pair import PATIENCE, SECRET, Node, Pair, eventually, running_pair

pytestmark = [pytest.mark.processes, pytest.mark.slow]

NEW = "quite another secret of the pair, long enough"
PLANTED = {"snmp_community": "planted-community", "dect_authentication_code": "planted-4711"}
READ = """
from standby import keyring
from standby.models import SystemSettings
row = SystemSettings.objects.get()
print(*(keyring.reveal(row, name) for name in ("snmp_community", "dect_authentication_code")))
"""
LONGEST = 3.0
"""Seconds without a saved change that a hand-over may take on a busy machine."""


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    with running_pair(tmp_path) as found:
        yield found


class Writer:
    """Makes one base station after the other at whichever OMM takes it."""

    def __init__(self, pair: Pair) -> None:
        self.saved: dict[str, str] = {}
        self.longest = 0.0
        self.last: dict[str, str] = {}
        self._urls = [node.url for node in pair.nodes]
        self._headers = {"Authorization": f"Token {pair.active.new_token()}"}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(PATIENCE)

    def _run(self) -> None:
        last, number = time.monotonic(), 0
        with httpx.Client(headers=self._headers, timeout=2.0, verify=False) as client:
            while not self._over.is_set():
                number += 1
                mac = f"00:30:42:00:{number >> 8:02X}:{number & 255:02X}"
                word = self._save(client, mac)
                if word:
                    self.saved[mac] = word
                    self.longest = max(self.longest, time.monotonic() - last)
                    last = time.monotonic()
                else:
                    self._urls.reverse()
                time.sleep(0.01)

    def _save(self, client: httpx.Client, mac: str) -> str:
        try:
            answer = client.post(f"{self._urls[0]}/api/v1/rfps/", json={"mac": mac})
        except httpx.HTTPError as error:
            self.last[self._urls[0]] = repr(error)
            return ""
        self.last[self._urls[0]] = f"{answer.status_code} {answer.text}"
        return str(answer.headers["OMM-Replication"]) if answer.status_code == 201 else ""


def restart(pair: Pair, node: Node, **environment: str) -> None:
    """Stop one OMM in order, give it another environment, start it again."""
    node.terminate()
    node.extra = environment
    node.start()
    pair.wait_healthy()


def macs(node: Node) -> set[str]:
    with sqlite3.connect(f"file:{node.data / 'omm.sqlite3'}?mode=ro", uri=True) as database:
        return {row[0] for row in database.execute("SELECT mac FROM rfps_rfp")}


@pytest.mark.timeout(240)
def test_another_pair_secret_while_somebody_writes(pair: Pair) -> None:
    with pair.active.api() as api:
        assert api.patch("/settings/system/", json=PLANTED).status_code == 200
    both = {"OMM_PAIR_SECRET": NEW, "OMM_PAIR_SECRET_PREVIOUS": SECRET}
    with Writer(pair) as writer:
        first, second = pair.standby, pair.active
        restart(pair, first, **both)
        assert second.manage("standby", "rotate-secret").returncode == 1, "one knows it only"
        restart(pair, second, **both)
        assert pair.active is first
        for node in pair.nodes:
            eventually(lambda node=node: node.warnings() == {"pair_secret"}, "it says how to go on")
        refused = second.manage("standby", "rotate-secret")
        assert refused.returncode == 1
        assert first.address in refused.stdout
        done = first.manage("standby", "rotate-secret")
        assert "1 wrapped anew" in done.stdout, done
        pair.wait_healthy()
        restart(pair, second, OMM_PAIR_SECRET=NEW)
        restart(pair, first, OMM_PAIR_SECRET=NEW)
        before = len(writer.saved)
        eventually(lambda: len(writer.saved) > before + 5, lambda: str(writer.last))
    pair.wait_healthy()
    for node in pair.nodes:
        eventually(lambda node=node: not node.warnings(), lambda: str(pair.describe()))
        read = node.manage("shell", "-v", "0", "-c", READ)
        assert read.stdout.split() == list(PLANTED.values()), read
    assert set(writer.saved) <= macs(pair.a) & macs(pair.b)
    assert len(writer.saved) > 50
    assert writer.longest < LONGEST, writer.longest
    print(f"{len(writer.saved)} changes, the longest pause {writer.longest:.2f} s")
    for node in pair.nodes:
        for path in node.directory.rglob("*"):
            found = path.read_bytes() if path.is_file() else b""
            for secret in (*PLANTED.values(), SECRET, NEW):
                assert secret.encode() not in found, path
