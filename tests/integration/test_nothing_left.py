"""However ``manage.py omm`` ends, nothing of the node is left running."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pair import Node, alive, eventually, free_ports

pytestmark = pytest.mark.processes


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    address = "127.0.0.3"
    web, rfp, link = free_ports(3, (address,))
    found = Node("alone", address, "", web, rfp, link, tmp_path_factory.mktemp("alone"))
    yield found
    found.kill()


@pytest.fixture(autouse=True)
def ended(node: Node) -> Iterator[None]:
    """A failed test leaves nothing to the next one."""
    yield
    node.kill()


def belonging_to(node: Node) -> list[int]:
    """Every process on this machine that works with the node's data directory."""
    mark = f"OMM_DATA_DIR={node.data}".encode()
    return [int(path.name) for path in Path("/proc").glob("[0-9]*") if mark in environment(path)]


def environment(process: Path) -> bytes:
    try:
        return (process / "environ").read_bytes()
    except OSError:
        return b""


def check_nothing_left(node: Node, known: dict[str, int]) -> None:
    def left() -> list[int]:
        return [*belonging_to(node), *filter(alive, known.values())]

    assert node.process is not None
    node.process.wait(30)
    eventually(lambda: not left(), lambda: f"still there: {left()} of {known}", 10)
    for port in (node.web_port, node.rfp_port, node.link_port):
        with socket.socket() as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind((node.address, port))


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_nothing_is_left_when_the_supervisor_gets(node: Node, sig: signal.Signals) -> None:
    node.start().wait("active")
    every = {"supervisor", "web", "standby", "jobs", "rfp", "redis"}
    eventually(lambda: every <= node.pids().keys(), lambda: f"all processes run: {node.pids()}")
    pids = node.pids()
    os.kill(pids["supervisor"], sig)
    check_nothing_left(node, pids)
    if sig is not signal.SIGKILL:
        assert node.process is not None
        assert node.process.returncode == 0
        assert not node.pids()


def test_ctrl_c_reaches_the_whole_terminal_group(node: Node) -> None:
    """A terminal sends SIGINT to every process of its foreground group."""
    node.start().wait("active")
    pids = node.pids()
    assert node.process is not None
    os.killpg(node.process.pid, signal.SIGINT)
    check_nothing_left(node, pids)
    assert node.process.returncode == 0


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left_when_it_ends_while_it_starts(node: Node, sig: signal.Signals) -> None:
    node.launch()
    eventually(lambda: "redis" in node.pids(), "its first children start")
    pids = node.pids()
    os.kill(pids["supervisor"], sig)
    check_nothing_left(node, pids)
