"""Whatever strangers send to the link port: nothing happens but a counter."""

from __future__ import annotations

import contextlib
import json
import random
import signal
import socket
import ssl
from collections.abc import Iterator

import pytest

from standby.link.datagram import MAX_DATAGRAM
from standby.link.frames import MAX_MESSAGE
from standby.link.tls import client_context
from tests.bare import BareNode, BarePair, Message, stays
from tests.pair import SECRET, eventually

pytestmark = pytest.mark.processes

DATAGRAMS = 1000
BAD = ("short", "oversized", "auth")

REQUESTS = (
    {"type": "batch"},
    {"type": "batch", "term": 10**6, "after_seq": 0, "after_hash": "x", "entries": "nonsense"},
    {"type": "batch", "term": 10**6, "after_seq": 1, "after_hash": "0" * 64, "entries": [[1, 2]]},
    {"type": "fetch"},
    {"type": "fetch", "after": -1},
    {"type": "fetch", "after": 2**70},
    {"type": "hashes", "seqs": "all"},
    {"type": "hashes", "seqs": [2**70]},
    {"type": "snapshot_part"},
    {"type": "snapshot_install", "transfer": "none", "term": 10**6},
    {"type": "set_aside", "items": [{}]},
    {"type": "set_aside", "items": [{"id": "x", "node": "y", "term": 1, "seq": 1, "hash": "z"}]},
    {"type": "events", "items": [{"uid": "no", "details": {}}, 7]},
    {"type": "position", "extra": ["x"] * 1000},
    {"type": "no such message"},
)


def picture(bare: BarePair) -> list[object]:
    """What must not alter."""
    shown = []
    for node in bare.nodes:
        document = eventually(node.document, f"{node.name} shows its document")
        shown.append(
            (
                document["node"]["role"],
                document["node"]["term"],
                document["journal"]["hash"],
                document["peer"]["in_contact"],
                sorted(warning["code"] for warning in document["warnings"]),
            )
        )
    return shown


def counters(node: BareNode) -> Message:
    found = node.command("metrics")
    return {**found["datagrams"], **{f"channel {k}": n for k, n in found["channel_bad"].items()}}


@pytest.fixture
def pair(bare: BarePair) -> BarePair:
    bare.start()
    bare.active.sites("Ward")
    return bare.wait_healthy()


@pytest.fixture
def stranger() -> Iterator[socket.socket]:
    with socket.socket(type=socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.9", 0))
        yield sock


def record(node: BareNode, count: int) -> list[bytes]:
    """Heartbeats that ``node`` sends to a peer whose place we take."""
    with socket.socket(type=socket.SOCK_DGRAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        eventually(lambda: _bound(listener, node), "the peer's port is free")
        listener.settimeout(5)
        return [listener.recv(4096) for _ in range(count)]


def _bound(listener: socket.socket, node: BareNode) -> bool:
    try:
        listener.bind((node.peer, node.link_port))
    except OSError:
        return False
    return True


def mangled(real: bytes, chance: random.Random) -> bytes:
    """A datagram with one thing wrong."""
    match chance.randrange(5):
        case 0:
            place = chance.randrange(len(real))
            return (
                real[:place] + bytes([real[place] ^ (1 << chance.randrange(8))]) + real[place + 1 :]
            )
        case 1:
            return real[: chance.randrange(len(real))]
        case 2:
            return real + chance.randbytes(1 + chance.randrange(200))
        case 3:
            return chance.randbytes(chance.randrange(MAX_DATAGRAM))
        case _:
            return real * 2


def test_mangled_and_oversized_datagrams(pair: BarePair, stranger: socket.socket) -> None:
    chance = random.Random(10)
    target = (pair.low.address, pair.low.link_port)
    pair.high.kill()
    real = record(pair.low, 5)
    pair.high.start()
    pair.wait_healthy()
    before, counted = picture(pair), counters(pair.low)

    def grown() -> int:
        now = counters(pair.low)
        return sum(now.get(kind, 0) - counted.get(kind, 0) for kind in BAD)

    for sent in range(DATAGRAMS):
        stranger.sendto(mangled(chance.choice(real), chance), target)
        if sent % 100 == 99:
            eventually(lambda sent=sent: grown() > sent, lambda: f"counted: {counters(pair.low)}")
            assert picture(pair) == before
    stranger.sendto(bytes(60000), target)
    eventually(lambda: grown() > DATAGRAMS, lambda: f"counted: {counters(pair.low)}")
    assert picture(pair) == before
    assert pair.active.sites("After") == ["safe"]


@pytest.mark.parametrize("restarted", [False, True], ids=["same boot", "earlier boot"])
def test_replayed_datagrams(pair: BarePair, stranger: socket.socket, restarted: bool) -> None:
    """Recorded from the active, played to the other one while all is well and after a fail-over."""
    old, new = pair.active, pair.standby
    new.kill()
    old.wait_warning("no_standby")
    recorded = record(old, 10)
    new.start()
    pair.wait_healthy()
    if restarted:
        old.kill()
        new.wait("active")
        old.start()
        pair.wait_healthy()
        assert pair.active is new
    before = picture(pair)
    for sender_address in ("127.0.0.9", old.address):
        with socket.socket(type=socket.SOCK_DGRAM) as sender:
            sender.bind((sender_address, 0))
            for _ in range(20):
                for data in recorded:
                    sender.sendto(data, (new.address, new.link_port))
                    stranger.sendto(data, (old.address, old.link_port))
                assert picture(pair) == before
    stays(lambda: picture(pair) == before, "as it was", 1.0)
    assert pair.active.sites("After") == ["safe"]


def test_replay_to_an_omm_that_is_alone(pair: BarePair, stranger: socket.socket) -> None:
    """A recording of the peer makes nobody believe that it is there."""
    old, new = pair.active, pair.standby
    new.kill()
    recorded = record(old, 10)
    old.kill()
    new.start().wait("active").wait_warning("no_standby")
    term = new.document()["node"]["term"]
    for _ in range(20):
        for data in recorded:
            stranger.sendto(data, (new.address, new.link_port))
        assert not new.document()["peer"]["in_contact"]
    assert (new.role(), new.document()["node"]["term"]) == ("active", term)
    assert new.sites("After") == ["unsafe"]


def connection(node: BareNode, source: str = "127.0.0.9") -> socket.socket:
    target = (node.address, node.link_port)
    return socket.create_connection(target, 5, source_address=(source, 0))


def test_unauthenticated_connections_get_nothing(pair: BarePair) -> None:
    before, chance = picture(pair), random.Random(11)
    counted = counters(pair.high)
    for _ in range(10):
        with connection(pair.high) as sock:
            sock.sendall(chance.randbytes(300))
    no_certificate = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    no_certificate.check_hostname = False
    no_certificate.verify_mode = ssl.CERT_NONE
    strangers = client_context(b"the secret of quite another pair!!", "stranger")
    for context in (no_certificate, strangers):
        assert asked_with(context, pair.high) == b""
    eventually(
        lambda: counters(pair.high).get("channel auth", 0) > counted.get("channel auth", 0),
        "strangers are counted",
    )
    assert picture(pair) == before
    assert pair.active.sites("After") == ["safe"]


def asked_with(context: ssl.SSLContext, node: BareNode) -> bytes:
    """The answer to a request over such a connection; empty when there is none."""
    with contextlib.suppress(OSError), connection(node) as sock, context.wrap_socket(sock) as tls:
        tls.sendall(framed({"type": "position"}))
        return tls.recv(1000)
    return b""


def test_half_open_connections_keep_nobody_out(pair: BarePair) -> None:
    silent = [connection(pair.high) for _ in range(40)]
    assert pair.active.sites("Meanwhile") == ["safe"]
    pair.high.send(signal.SIGSTOP)
    pair.high.send(signal.SIGCONT)
    for sock in silent:
        sock.close()
    pair.wait_healthy()


def framed(message: Message) -> bytes:
    body = json.dumps(message).encode()
    return len(body).to_bytes(4, "big") + body


def insider(node: BareNode) -> ssl.SSLSocket:
    """A connection of somebody with the pair secret."""
    tls = client_context(SECRET.encode(), "insider").wrap_socket(connection(node))
    assert b"welcome" in tls.recv(1000)
    return tls


@pytest.mark.parametrize(
    "data",
    [
        (MAX_MESSAGE + 1).to_bytes(4, "big"),
        b"\xff\xff\xff\xff" + bytes(1000),
        (5).to_bytes(4, "big") + b"nojsn",
        (2).to_bytes(4, "big") + b"[]",
        (10).to_bytes(4, "big") + b'{"type":7}',
        (200_000).to_bytes(4, "big") + b"[" * 200_000,
        (100).to_bytes(4, "big") + b"cut off",
    ],
    ids=["too long", "huge", "not JSON", "a list", "no type", "nested", "cut off"],
)
def test_bad_frames_close_the_connection_only(bare_pair_up: BarePair, data: bytes) -> None:
    before = picture(bare_pair_up)
    with insider(bare_pair_up.high) as tls:
        tls.sendall(data)
        if b"cut off" not in data:
            assert tls.recv(1000) == b""
    assert picture(bare_pair_up) == before


@pytest.fixture(scope="module")
def bare_pair_up(bare_hosts: BarePair) -> Iterator[BarePair]:
    """One pair for many frames: none of them may do anything to it."""
    bare_hosts.empty()
    bare_hosts.start()
    yield bare_hosts
    bare_hosts.wait_healthy()
    for node in bare_hosts.nodes:
        node.kill()


@pytest.mark.parametrize("message", REQUESTS, ids=lambda each: str(each)[:40])
@pytest.mark.parametrize("side", ["active", "standby"])
def test_nonsense_of_an_insider_is_refused(
    bare_pair_up: BarePair, message: Message, side: str
) -> None:
    """Even with the secret: malformed requests alter nothing."""
    before = picture(bare_pair_up)
    node: BareNode = getattr(bare_pair_up, side)
    with insider(node) as tls:
        tls.sendall(framed(message))
        tls.settimeout(5)
        tls.recv(100_000)
    assert picture(bare_pair_up) == before
