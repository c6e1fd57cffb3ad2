"""An open page that does not read: it holds up nobody, costs little, and is closed in the end."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from websockets.sync.client import connect

from tests.bench.node import pss_mb
from tests.pair import Node, Pair, eventually, running_pair

pytestmark = [pytest.mark.processes, pytest.mark.timeout(180)]

REQUEST = (
    "GET /ws/status/ HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Protocol: omm.v1, token.{token}\r\n\r\n"
)
GROWTH_MB = 20.0


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    with running_pair(tmp_path) as pair:
        yield pair


def stuck_page(node: Node, token: str) -> socket.socket:
    """A page whose browser stands still right after it has connected."""
    line = socket.socket()
    line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    line.connect((node.address, node.web_port))
    line.sendall(REQUEST.format(host=f"{node.address}:{node.web_port}", token=token).encode())
    assert line.recv(12) == b"HTTP/1.1 101"
    return line


def is_closed(line: socket.socket) -> bool:
    """True when the other side has ended the connection; takes nothing from what waits."""
    with Path("/proc/self/net/tcp").open(encoding="ascii") as table:
        own = f":{line.getsockname()[1]:04X}"
        states = [row.split()[3] for row in table if row.split()[1].endswith(own)]
    return states != ["01"]  # anything but ESTABLISHED


def test_pages_that_do_not_read_hold_up_nobody(pair: Pair) -> None:
    active = pair.active
    token = active.new_token()
    before = pss_mb(active.pids()["web"])
    stuck = [stuck_page(active, token) for _ in range(20)]
    uri = f"{active.url.replace('http', 'ws')}/ws/status/"
    subprotocols = ["omm.v1", f"token.{token}"]
    with connect(uri, subprotocols=subprotocols) as page, active.api() as api:  # type: ignore[arg-type]
        seq = 0
        for number in range(10):
            answer = api.post("/sites/", json={"name": f"Site {number} {'x' * 20}"})
            seq = int(answer.headers["OMM-Journal-Seq"])
            while True:
                message = json.loads(page.recv(timeout=5))
                if message.get("document", {}).get("journal", {}).get("seq", 0) >= seq:
                    break
    eventually(lambda: all(map(is_closed, stuck)), "pages that answer no ping are closed", 60)
    assert pss_mb(active.pids()["web"]) - before < GROWTH_MB
    for line in stuck:
        line.close()
