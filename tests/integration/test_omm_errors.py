"""Faults of a whole node: children that stay away, Redis, disk and database (rule 4)."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.pair import Node, Pair, eventually

pytestmark = pytest.mark.processes

QUICK = 1.5
"""Seconds that a request may take while Redis does not answer."""
DISK = 96 * 1024 * 1024


@pytest.fixture(scope="module")
def module_pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """A pair whose first node has a small disk of its own where that is possible."""
    pair = Pair.make(tmp_path_factory.mktemp("errors"))
    pair.a.data.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "none", str(pair.a.data)]
    mounted = os.geteuid() == 0 and not subprocess.run(mount, check=False).returncode
    try:
        yield pair.start()
    finally:
        pair.stop()
        if mounted:
            subprocess.run(["umount", "-l", str(pair.a.data)], check=False)


def role(node: Node) -> str:
    lease = node.lease()
    return lease.role.value if lease is not None else ""


def lead(pair: Pair, node: Node) -> Node:
    """Make this node the active one; returns the other."""
    if pair.active is not node:
        with pair.active.api() as api:
            assert api.post("/standby/switchover/").status_code == 202
        node.wait("active").wait_gate()
        pair.wait_healthy()
    return pair.standby


def post_site(api: httpx.Client) -> tuple[str, float]:
    """The word of the answer and how long it took."""
    started = time.monotonic()
    answer = api.post("/sites/", json={"name": f"Site {time.time_ns()}"})
    assert answer.status_code == 201, answer.text
    return str(answer.headers["OMM-Replication"]), time.monotonic() - started


def settle(pair: Pair, active: Node) -> None:
    """All is well again, and the OMM that had the error did not take the role back."""
    pair.heal()
    assert pair.active is active
    for node in pair.nodes:
        eventually(
            lambda node=node: not node.warnings() & {"omm_error", "no_standby"},
            lambda node=node: f"no warning: {node.status()['warnings']}",
        )
    eventually(
        lambda: len({node.status()["journal"]["hash"] for node in pair.nodes}) == 1,
        "both journals end alike, with what the split left to be merged",
    )


@contextlib.contextmanager
def port_taken(node: Node) -> Iterator[None]:
    """Somebody else listens on the node's web port as soon as it is free."""
    with socket.socket() as squatter:
        squatter.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        os.kill(node.pids()["web"], signal.SIGKILL)

        def take() -> bool:
            with contextlib.suppress(OSError):
                squatter.bind((node.address, node.web_port))
                squatter.listen()
                return True
            return False

        eventually(take, "the web port is free for a moment")
        yield


def test_a_web_service_that_stays_away_costs_the_role(pair: Pair) -> None:
    victim, heir = pair.active, pair.standby
    with port_taken(victim):
        heir.wait("active").wait_gate()
        assert "handed its role over" in heir.status()["reason"]
        victim.wait("failed")
        assert "omm_error" in heir.warnings()
        with heir.api() as api:
            assert post_site(api)[0] == "safe", "an OMM with an error still keeps the journal"
    victim.wait("standby")
    settle(pair, heir)


def test_changes_stay_safe_and_quick_without_redis(pair: Pair) -> None:
    with pair.active.api() as api:
        post_site(api)
        for sig in (signal.SIGKILL, signal.SIGSTOP):
            for node in pair.nodes:
                node.send(sig, "redis")
            for _ in range(4):
                word, took = post_site(api)
                assert word == "safe", sig
                assert took < QUICK, sig
            for node in pair.nodes:
                node.send(signal.SIGCONT, "redis")
    pair.heal()


def test_a_full_disk_costs_the_role(pair: Pair) -> None:
    victim = pair.a
    if shutil.disk_usage(victim.data).total > 2 * DISK:
        pytest.skip("a small disk for one node needs root")
    heir = lead(pair, victim)
    filler = victim.data / "filler"
    try:
        fill(filler)
        heir.wait("active").wait_gate()
        eventually(lambda: role(victim) == "failed", lambda: f"failed: {victim.status()}")
        assert "omm_error" in heir.warnings()
        with heir.api() as api:
            post_site(api)
    finally:
        filler.unlink(missing_ok=True)
    victim.wait("standby")
    settle(pair, heir)


def fill(path: Path) -> None:
    """Write until there is no room for a single byte more."""
    block = bytes(1 << 20)
    with path.open("wb", buffering=0) as out:
        while block:
            try:
                out.write(block)
            except OSError:
                block = block[: len(block) // 2]


def test_a_read_only_database_costs_the_role(pair: Pair) -> None:
    victim = pair.b
    heir = lead(pair, victim)
    with read_only(victim.data / "omm.sqlite3"):
        heir.wait("active").wait_gate()
        eventually(lambda: role(victim) == "failed", lambda: f"failed: {victim.status()}")
        assert "omm_error" in heir.warnings()
        restart_runtime(victim)
        eventually(lambda: "omm_error" in victim.warnings(), "it starts and tells of its error")
        eventually(lambda: "omm_error" in heir.warnings(), "the other one tells of it too")
    victim.wait("standby")
    settle(pair, heir)


def restart_runtime(node: Node) -> None:
    """Kill the standby worker and wait for the word of the next one."""
    boot = node.status()["node"]["boot_id"]
    os.kill(node.pids()["standby"], signal.SIGKILL)
    eventually(lambda: node.status()["node"]["boot_id"] not in ("", boot), "it has started again")


@contextlib.contextmanager
def read_only(path: Path) -> Iterator[None]:
    """No process can write the database file; root needs the immutable flag for that."""
    files = [path, path.with_name(f"{path.name}-wal")]
    if os.geteuid() == 0:
        if subprocess.run(["chattr", "+i", *files], check=False, capture_output=True).returncode:
            pytest.skip("this file system cannot make a file immutable")
        try:
            yield
        finally:
            subprocess.run(["chattr", "-i", *files], check=True)
    else:
        path.chmod(0o400)
        try:
            yield
        finally:
            path.chmod(0o600)


def test_safe_answers_over_rest_survive_the_death_of_all_processes(pair: Pair) -> None:
    for _ in range(3):
        victim, heir = pair.active, pair.standby
        safe = write_until_killed(victim)
        heir.wait("active").wait_gate()
        with heir.api() as api:
            sites = api.get("/sites/?limit=500").json()["results"]
        assert safe <= {site["name"] for site in sites}
        assert safe
        settle(pair, heir)


def write_until_killed(victim: Node) -> set[str]:
    """Write in a loop, kill all processes of the node meanwhile; the names answered as safe."""
    safe: set[str] = set()
    first = threading.Event()

    def write() -> None:
        with victim.api() as api, contextlib.suppress(httpx.HTTPError):
            while True:
                name = f"Ward {time.time_ns()}"
                answer = api.post("/sites/", json={"name": name})
                if answer.headers.get("OMM-Replication") == "safe":
                    safe.add(name)
                    first.set()

    writer = threading.Thread(target=write)
    writer.start()
    assert first.wait(20)
    victim.kill()
    writer.join()
    return safe
