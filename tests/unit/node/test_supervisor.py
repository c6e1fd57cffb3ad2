"""The supervisor over real, tiny children: nothing outlives it, and what dies comes back."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from omm_portal.node.env import BASE_DIR
from omm_portal.node.process import start_ticks
from omm_portal.node.runfiles import AlreadyRunning, end_leftovers, read_process_list, take_lock
from standby.link import control

IDLE = "import time; time.sleep(600)"
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
PARENT = (
    "import subprocess, sys, time\n"
    "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
    "open({path!r}, 'w').write(str(child.pid))\n"
    "time.sleep(600)"
)


def until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait until the condition holds; fails the test when it never does."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.01)


def is_alive(pid: int) -> bool:
    return start_ticks(pid) is not None


class Node:
    """A supervisor process and what its files say."""

    def __init__(
        self, data_dir: Path, children: dict[str, tuple[str, float]], *, nursery: bool
    ) -> None:
        self.data_dir = data_dir
        rows = []
        for name, (code, stop) in children.items():
            path = data_dir / f"{name}.py"
            path.write_text(code)
            rows.append({"name": name, "file": str(path), "stop": stop})
        self.names = {*children, "supervisor", "guard", *(["nursery"] if nursery else [])}
        options = ["--nursery"] if nursery else []
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.unit.node.fake_node", json.dumps(rows), *options],
            cwd=BASE_DIR,
            env={**os.environ, "OMM_DATA_DIR": str(data_dir), "OMM_HANDOVER_WAIT": "0.1"},
        )

    def pids(self) -> dict[str, int]:
        rows = read_process_list(self.data_dir / "run" / "pids.json")
        return {row["name"]: row["pid"] for row in rows}

    def is_complete(self) -> bool:
        return set(self.pids()) == self.names

    def command(self, name: str) -> dict[str, object]:
        socket = self.data_dir / "run" / "supervisor.sock"
        return control.call(socket, {"command": name}, 5.0)


@pytest.fixture(params=[False, True], ids=["programs", "nursery"])
def has_nursery(request: pytest.FixtureRequest) -> bool:
    """Whether children are started as programs or born in the nursery: all the same to them."""
    return bool(request.param)


@pytest.fixture
def start(tmp_path: Path, has_nursery: bool) -> Iterator[Callable[..., Node]]:
    nodes: list[Node] = []

    def run(**children: tuple[str, float]) -> Node:
        nodes.append(Node(tmp_path, children, nursery=has_nursery))
        until(lambda: nodes[-1].is_complete() or nodes[-1].process.poll() is not None)
        return nodes[-1]

    yield run
    for node in nodes:
        pids = list(node.pids().values())
        node.process.kill()
        node.process.wait()
        for pid in pids:
            until(lambda pid=pid: not is_alive(pid))


def test_sigkill_of_the_supervisor_ends_children_and_grandchildren(
    start: Callable[..., Node], tmp_path: Path
) -> None:
    mark = tmp_path / "grandchild"
    node = start(one=(IDLE, 1), two=(STUBBORN, 1), parent=(PARENT.format(path=str(mark)), 1))
    until(lambda: mark.exists() and mark.read_text() != "")
    grandchild, pids = int(mark.read_text()), node.pids()
    assert is_alive(grandchild)
    os.kill(node.process.pid, signal.SIGKILL)
    for pid in (*pids.values(), grandchild):
        until(lambda pid=pid: not is_alive(pid) or pid == node.process.pid)


def test_a_dead_child_is_back_at_once_and_its_own_children_end(
    start: Callable[..., Node], tmp_path: Path
) -> None:
    mark = tmp_path / "grandchild"
    node = start(parent=(PARENT.format(path=str(mark)), 1), other=(IDLE, 1))
    until(lambda: mark.exists() and mark.read_text() != "")
    grandchild, before = int(mark.read_text()), node.pids()
    os.kill(before["parent"], signal.SIGKILL)
    until(lambda: node.is_complete() and node.pids()["parent"] != before["parent"])
    until(lambda: not is_alive(grandchild))
    assert node.pids()["other"] == before["other"]


def test_a_child_that_keeps_dying_is_started_less_and_less_often(
    start: Callable[..., Node], tmp_path: Path
) -> None:
    marks = tmp_path / "starts"
    code = (
        f"import time; open({str(marks)!r}, 'a').write(f'{{time.monotonic()}} '); raise SystemExit"
    )
    start(idle=(IDLE, 1), crashing=(code, 1))
    until(lambda: marks.exists() and len(marks.read_text().split()) >= 4)
    times = [float(text) for text in marks.read_text().split()]
    pauses = [later - sooner for sooner, later in pairwise(times)]
    assert pauses[1] >= 0.25
    assert pauses[2] >= 0.5


def test_the_guard_is_started_again_and_still_knows_the_groups(
    start: Callable[..., Node], tmp_path: Path
) -> None:
    mark = tmp_path / "grandchild"
    node = start(parent=(PARENT.format(path=str(mark)), 1))
    until(lambda: mark.exists() and mark.read_text() != "")
    before = node.pids()
    os.kill(before["guard"], signal.SIGKILL)
    until(lambda: node.is_complete() and node.pids()["guard"] != before["guard"])
    os.kill(node.process.pid, signal.SIGKILL)
    until(lambda: not is_alive(int(mark.read_text())))


def test_sigterm_ends_all_in_order_and_kills_at_the_deadline(
    start: Callable[..., Node], tmp_path: Path
) -> None:
    code = (
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *a: sys.exit(0))\n"
        "open({path!r}, 'w').write('x')\n"
        "try:\n    time.sleep(600)\n"
        "finally:\n    open({log!r}, 'a').write('{name} ')"
    )
    log = tmp_path / "order"
    texts = {
        n: code.format(path=str(tmp_path / n), log=str(log), name=n) for n in ("first", "second")
    }
    node = start(first=(texts["first"], 2), stubborn=(STUBBORN, 0.3), second=(texts["second"], 2))
    until(lambda: (tmp_path / "first").exists() and (tmp_path / "second").exists())
    pids = node.pids()
    node.process.terminate()
    assert node.process.wait(timeout=10) == 0
    assert log.read_text().split() == ["first", "second"]
    assert not any(is_alive(pid) for pid in pids.values())
    assert node.pids() == {}


def test_a_child_that_stands_still_does_not_delay_the_stop(start: Callable[..., Node]) -> None:
    node = start(frozen=(IDLE, 0.3))
    os.kill(node.pids()["frozen"], signal.SIGSTOP)
    node.process.terminate()
    assert node.process.wait(timeout=10) == 0


def test_a_second_start_is_refused_and_names_the_first(start: Callable[..., Node]) -> None:
    node = start(idle=(IDLE, 1))
    with pytest.raises(AlreadyRunning, match=str(node.process.pid)):
        take_lock(node.data_dir / "run")


def test_restart_replaces_every_child_and_stop_ends_the_node(start: Callable[..., Node]) -> None:
    node = start(one=(IDLE, 1), two=(IDLE, 1))
    before = node.pids()
    assert node.command("restart") == {"ok": True}
    until(lambda: node.is_complete() and not {"one", "two"} & _same(before, node.pids()))
    assert _same(before, node.pids()) == node.names - {"one", "two"}
    assert node.command("stop") == {"ok": True}
    assert node.process.wait(timeout=10) == 0


def _same(before: dict[str, int], after: dict[str, int]) -> set[str]:
    return {name for name, pid in before.items() if after.get(name) == pid}


def test_what_an_earlier_run_left_is_killed_but_no_stranger(tmp_path: Path) -> None:
    processes = [subprocess.Popen([sys.executable, "-c", IDLE]) for _ in range(2)]
    ticks = [start_ticks(process.pid) or 0 for process in processes]
    rows = [
        {"name": "left", "pid": processes[0].pid, "start_ticks": ticks[0]},
        {"name": "stranger", "pid": processes[1].pid, "start_ticks": ticks[1] - 5},
    ]
    (tmp_path / "pids.json").write_text(json.dumps(rows))
    try:
        assert end_leftovers(tmp_path / "pids.json") == []
        assert processes[0].wait(timeout=2) == -signal.SIGKILL
        assert processes[1].poll() is None
    finally:
        for process in processes:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            process.wait()


BORN = (
    "import atexit, os, sys, time\n"
    "print('hello', os.getpid(), os.getppid(), os.getpgid(0), os.environ['OMM_PROCESS'])\n"
    "time.sleep(600)"
)


def said(node: Node, name: str) -> list[str]:
    path = node.data_dir / "logs" / f"{name}.out"
    lines = path.read_text().splitlines() if path.exists() else []
    return [line for line in lines if line.startswith("hello")]


@pytest.mark.parametrize("has_nursery", [True], indirect=True)
class TestNursery:
    def test_a_child_born_there_is_the_supervisors_own(self, start: Callable[..., Node]) -> None:
        node = start(one=(BORN, 1))
        until(lambda: said(node, "one") != [])
        pid, parent = node.pids()["one"], node.process.pid
        assert said(node, "one") == [f"hello {pid} {parent} {pid} one"]
        title = Path(f"/proc/{pid}/cmdline").read_bytes().rstrip(b"\0")
        assert title.startswith(b"omm one: ")

    def test_its_death_costs_no_child_and_there_is_a_new_one(
        self, start: Callable[..., Node]
    ) -> None:
        node = start(one=(IDLE, 1), two=(IDLE, 1))
        before = node.pids()
        os.kill(before["nursery"], signal.SIGKILL)
        until(lambda: not is_alive(before["nursery"]))
        os.kill(before["one"], signal.SIGKILL)
        until(lambda: node.pids().get("one", before["one"]) != before["one"])
        assert node.pids()["two"] == before["two"]
        until(lambda: node.pids().get("nursery", before["nursery"]) != before["nursery"])

    def test_a_nursery_that_stands_still_delays_a_child_for_a_moment_only(
        self, start: Callable[..., Node]
    ) -> None:
        node = start(one=(IDLE, 1))
        before = node.pids()
        os.kill(before["nursery"], signal.SIGSTOP)
        os.kill(before["one"], signal.SIGKILL)
        until(lambda: node.pids().get("one", before["one"]) != before["one"])
        assert not is_alive(before["nursery"])
