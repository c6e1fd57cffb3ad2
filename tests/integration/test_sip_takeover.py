"""The SIP proxy decides whether an OMM may take over (manual 7.15.2)."""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from standby.lease import boot_time
from standby.link.sip_messages import answer, parse
from tests.bare import BareNode, BarePair, stays
from tests.pair import ROOT, free_ports

pytestmark = pytest.mark.processes

HOST = "127.0.0.1"


class Proxy:
    """A SIP server as a process of its own, that can be killed and started again."""

    def __init__(self) -> None:
        (self.port,) = free_ports(1, (HOST,))
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        options = ("--address", HOST, "--port", str(self.port))
        command = (sys.executable, "-m", "standby.link.sip_responder", *options)
        self._process = subprocess.Popen(command, cwd=ROOT)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    found = Proxy()
    found.start()
    yield found
    found.kill()


@pytest.fixture
def pair(bare: BarePair, proxy: Proxy) -> BarePair:
    """Both reach the proxy."""
    bare.start()
    bare.active.ask("sip", server=HOST, port=proxy.port)
    for node in bare.nodes:
        node.wait_for(lambda node=node: reaches_sip(node), "reaches the proxy")
    return bare.wait_healthy()


def reaches_sip(node: BareNode) -> bool:
    sip = node.document().get("sip", {})
    return bool(sip.get("configured") and sip.get("reachable"))


def sip_down(node: BareNode, proxy: Proxy) -> None:
    proxy.kill()
    assert "is not reachable" in node.wait_warning("sip_unreachable")


def test_a_reachable_proxy_does_not_delay_the_takeover(pair: BarePair) -> None:
    victim, heir = pair.active, pair.standby
    started = boot_time()
    victim.send(signal.SIGSTOP)
    heir.wait("active")
    lease = heir.lease()
    assert lease is not None
    assert lease.role_since - started < 1.3
    assert "the SIP proxy answers" in heir.reason()


def test_no_takeover_until_the_proxy_answers(pair: BarePair, proxy: Proxy) -> None:
    victim, heir = pair.active, pair.standby
    sip_down(heir, proxy)
    victim.kill()
    heir.wait_warning("no_standby")
    heir.wait_for(lambda: "no takeover (manual 7.15.2)" in heir.reason(), "says why it waits")
    assert heir.role() == "standby"
    proxy.start()
    heir.wait("active").wait_gate()
    heir.wait_no_warning("sip_unreachable")


def test_force_overrides_an_unreachable_proxy(pair: BarePair, proxy: Proxy) -> None:
    victim, heir = pair.active, pair.standby
    sip_down(heir, proxy)
    victim.kill()
    heir.wait_warning("no_standby")
    refused = heir.command("takeover", actor="admin")
    assert not refused["accepted"]
    assert [check["name"] for check in refused["checks"] if not check["ok"]] == ["sip"]
    done = standby_command(heir, "takeover", "--force", "--confirm", heir.peer)
    assert done.returncode == 0, done.stderr
    heir.wait("active").wait_gate()
    assert heir.document()["node"]["forced"] is True
    assert heir.sites("Ward") == ["unsafe"]
    assert "sip_unreachable" in heir.warnings()


def test_at_start_up_the_role_waits_for_the_proxy(pair: BarePair, proxy: Proxy) -> None:
    for node in pair.nodes:
        node.kill()
    proxy.kill()
    pair.high.start().wait("standby")
    pair.high.wait_warning("sip_unreachable")
    proxy.start()
    pair.high.wait("active").wait_gate()


def test_an_omm_without_a_peer_only_warns(pair: BarePair, proxy: Proxy) -> None:
    for node in pair.nodes:
        node.kill()
    pair.low.start(peer_address="", sip_lost_wait=0.5).wait("active")
    sip_down(pair.low, proxy)
    reigns = pair.low.document()["node"]["role_since"]
    stays(lambda: pair.low.role() == "active", "active", 1.5)
    assert pair.low.document()["node"]["role_since"] == reigns


def test_an_isolated_active_without_sip_gives_the_role_up(pair: BarePair, proxy: Proxy) -> None:
    """Rule 3: neither peer nor proxy; it starts over and serves again when the proxy answers."""
    for node in pair.nodes:
        node.kill()
    pair.low.start(sip_lost_wait=1.5).wait("active")
    sip_down(pair.low, proxy)
    pair.low.wait_for(lambda: pair.low.role() in ("starting", "standby"), "gives the role up")
    assert not pair.low.accepts_changes()
    proxy.start()
    pair.low.wait("active").wait_gate()


def test_only_the_one_that_reaches_the_proxy_becomes_active(bare: BarePair) -> None:
    """Rule 1: an eligible OMM comes before the lower address."""
    with answering_only(bare.high.address) as port:
        bare.start()
        bare.active.ask("sip", server=HOST, port=port)
        bare.high.wait_for(lambda: reaches_sip(bare.high), "reaches the proxy")
        bare.low.wait_warning("sip_unreachable")
        for node in bare.nodes:
            node.kill()
        bare.start()
        assert bare.active is bare.high
        assert "only one OMM reaches the SIP proxy" in bare.high.reason()
        preflight = bare.high.command("preflight")
        assert [each["name"] for each in preflight["checks"] if not each["ok"]] == ["sip"]


@contextlib.contextmanager
def answering_only(source: str) -> Iterator[int]:
    """A SIP server that one address alone can reach; its port."""
    with socket.socket(type=socket.SOCK_DGRAM) as server:
        server.bind((HOST, 0))
        server.settimeout(0.1)
        over = threading.Event()

        def serve() -> None:
            while not over.is_set():
                with contextlib.suppress(TimeoutError):
                    data, sender = server.recvfrom(4096)
                    request = parse(data)
                    if request is not None and sender[0] == source:
                        server.sendto(answer(request, 200, "OK", sender), sender)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield int(server.getsockname()[1])
        finally:
            over.set()
            thread.join()


def standby_command(node: BareNode, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", "standby", *words],
        cwd=ROOT,
        env=node.environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
