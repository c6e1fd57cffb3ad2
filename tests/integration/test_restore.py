"""A restore of everything on a real pair: one transaction on both OMMs, or none on either."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.pair import Node, Pair, eventually, running_pair

pytestmark = [pytest.mark.processes, pytest.mark.slow, pytest.mark.timeout(300)]

STATIONS = 4096
IN_REQUEST = 30.0
"""Seconds that a restore of a full system may take on a slow machine."""


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with running_pair(Path(tmp_path_factory.mktemp("restore"))) as made:
        yield made


def send(node: Node, method: str, path: str, content: Any = None) -> httpx.Response:
    with node.api() as api:
        answer = api.request(method, path, json=content, timeout=IN_REQUEST)
    assert answer.is_success, answer.text
    return answer


def count(node: Node) -> int:
    return int(send(node, "GET", "/rfps/?limit=1").json()["count"])


def shown(node: Node, backup: str) -> dict[str, Any]:
    plan = send(node, "POST", f"/backups/{backup}/preview/", {"remove": True}).json()
    return {"remove": True, "seen": plan["seen"]}


def heads(pair: Pair) -> list[str]:
    return [node.status()["journal"]["hash"] for node in pair.nodes]


def test_a_full_system_comes_and_goes_whole(
    pair: Pair, record_property: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    node, spent = pair.active, {}
    empty = send(node, "POST", "/backups/", {}).json()["id"]
    stations = [
        {"mac": f"00:30:42:00:{n // 256:02X}:{n % 256:02X}", "name": f"Base {n}"}
        for n in range(STATIONS)
    ]
    send(node, "POST", "/rfps/", stations)
    eventually(lambda: len(set(heads(pair))) == 1, "both have all", within=60)
    terms = node.status()["node"]["term"]

    def timed(what: str, path: str, content: Any) -> Any:
        began = time.monotonic()
        answer = send(node, "POST", path, content)
        spent[what] = round(time.monotonic() - began, 2)
        return answer.json()

    full = timed("back-up", "/backups/", {})["id"]
    timed("back-up, encrypted", "/backups/", {"passphrase": "correct horse battery"})
    timed("preview of no difference", f"/backups/{full}/preview/", {"remove": True})
    gone = timed("removal", f"/backups/{empty}/restore/", shown(node, empty))
    assert gone["removed"] == STATIONS
    assert count(node) == 0
    seen = timed("preview of all", f"/backups/{full}/preview/", {"remove": True})["seen"]
    back = timed("restore", f"/backups/{full}/restore/", {"remove": True, "seen": seen})
    assert back["created"] == STATIONS
    assert count(node) == STATIONS
    eventually(lambda: len(set(heads(pair))) == 1, "both have the restore", within=60)
    pair.wait_healthy()
    assert node.status()["node"]["term"] == terms, "nobody lost the role meanwhile"
    with node.api() as api:
        columns = api.get("/standby/samples/?hours=1").json()
    silence = max(value or 0 for value in columns["silence_ms"])
    with capsys.disabled():
        print(f"\n{STATIONS} base stations, seconds: {spent}; silence {silence:.0f} ms")
    assert silence < 1000


def test_killed_in_the_middle_it_is_whole_or_not_at_all(pair: Pair) -> None:
    node, heir = pair.active, pair.standby
    full = send(node, "POST", "/backups/", {}).json()["id"]
    before = count(node)
    assert before == STATIONS
    stations = send(node, "GET", "/backups/?limit=10").json()["results"]
    empty = next(one["id"] for one in reversed(stations))
    assert empty != full
    given = shown(node, empty)
    answers: list[int] = []

    def restore() -> None:
        try:
            answers.append(send(node, "POST", f"/backups/{empty}/restore/", given).status_code)
        except httpx.HTTPError:
            answers.append(0)

    asking = threading.Thread(target=restore)
    asking.start()
    time.sleep(1.0)
    node.kill()
    asking.join()
    heir.wait("active").wait_gate()
    assert count(heir) in (0, before)
    node.start()
    pair.wait_healthy()
    eventually(lambda: len(set(heads(pair))) == 1, "both agree", within=60)
    assert count(heir) in (0, before)
