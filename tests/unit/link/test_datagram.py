"""Heartbeat datagrams: nothing but the peer's word gets through, nothing else has an effect."""

import contextlib
import dataclasses
import hmac
import json
import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from standby.domain.facts import Claim, Head, Heartbeat, Offer, Role, SplitPolicy
from standby.link.datagram import MAX_DATAGRAM, BadDatagram, DatagramCodec
from standby.link.keys import heartbeat_key

SECRET = b"s" * 32
A = DatagramCodec(SECRET, "node-a")
B = DatagramCodec(SECRET, "node-b")

counts = st.integers(0, 2**63 - 1)
boots = st.text("abcdefgh0123456789-", max_size=64)
addresses = st.one_of(st.just(""), st.ip_addresses().map(str))
hashes = st.text("0123456789abcdef", min_size=64, max_size=64)
heads = st.builds(
    Head, seq=counts, hash=hashes, term=counts, lineage=st.uuids().map(str), real=st.booleans()
)
claims = st.builds(
    Claim,
    term=counts,
    active_for=st.floats(0, 1e9),
    rfps=st.integers(0, 4096),
    policy=st.sampled_from(SplitPolicy),
    acked_suffix=st.booleans(),
)
offers = st.builds(Offer, successor=st.just("node-b"), term=counts)
heartbeats = st.builds(
    Heartbeat,
    node=st.just("node-a"),
    address=addresses,
    peer_address=addresses,
    boot=boots,
    counter=counts,
    echo_boot=boots,
    echo_counter=counts,
    hears=st.booleans(),
    role=st.sampled_from(Role),
    gate_open=st.booleans(),
    term=counts,
    head=heads,
    acked_seq=counts,
    healthy=st.booleans(),
    sip_ok=st.sampled_from([None, True, False]),
    yields=st.booleans(),
    barred=st.booleans(),
    rfps=st.integers(0, 4096),
    claim=st.none() | claims,
    offer=st.none() | offers,
    probe=st.booleans(),
    contact_timeout=st.floats(0.1, 60),
    wall=st.floats(0, 1e11),
    version=st.text("0123456789.", max_size=32),
    policy=st.none() | st.sampled_from(SplitPolicy),
)


def plain(**changes: object) -> Heartbeat:
    heartbeat = Heartbeat(
        node="node-a",
        address="10.0.0.9",
        peer_address="10.0.0.10",
        boot="7c0f3a52-5c0b-4f6e-9f57-0a4d2f4f8f11",
        counter=12345,
        echo_boot="99999999-5c0b-4f6e-9f57-0a4d2f4f8f11",
        echo_counter=12344,
        hears=True,
        role=Role.ACTIVE,
        gate_open=True,
        term=3,
        head=Head(120, "ab" * 32, 3, "99999999-5c0b-4f6e-9f57-0a4d2f4f8f11", real=True),
        wall=1.7e9,
        version="0.1.0",
    )
    return dataclasses.replace(heartbeat, **changes)


def kind_of(data: bytes, codec: DatagramCodec = B) -> str:
    with pytest.raises(BadDatagram) as caught:
        codec.decode(data)
    return caught.value.kind


def signed(body: bytes, *, node: bytes = b"node-a", version: int = 1) -> bytes:
    """A datagram whose HMAC is right, whatever it says."""
    data = b"OMMH" + bytes([version, len(node)]) + node + body
    return data + hmac.digest(heartbeat_key(SECRET, node.decode()), data, "sha256")


def fields_of(data: bytes) -> dict[str, object]:
    return json.loads(data[12:-32])


@given(heartbeats)
def test_what_a_node_says_arrives_unchanged(heartbeat: Heartbeat) -> None:
    data = A.encode(heartbeat)
    assert len(data) <= MAX_DATAGRAM
    assert B.decode(data) == heartbeat


def test_the_longest_heartbeat_fits() -> None:
    most = 2**63 - 1
    address = "2001:0db8:1111:2222:3333:4444:5555:6666"
    longest = plain(
        address=address, peer_address=address, boot="b" * 64, echo_boot="e" * 64,
        counter=most, echo_counter=most, term=most, acked_seq=most, rfps=1_000_000,
        role=Role.STARTING, sip_ok=False, version="v" * 32, contact_timeout=0.30000000000000004,
        head=Head(most, "f" * 64, most, "1" * 36, real=False),
        claim=Claim(most, 123456789.123456789, 1_000_000, SplitPolicy.LONGEST_ACTIVE, False),
        offer=Offer("n" * 64, most), wall=1e10 / 3,
    )  # fmt: skip
    assert len(A.encode(longest)) < MAX_DATAGRAM


@given(st.binary(max_size=2000))
def test_noise_is_refused(data: bytes) -> None:
    assert kind_of(data) in {"short", "oversized", "auth"}


@given(heartbeats, st.data())
def test_no_bit_can_be_changed(heartbeat: Heartbeat, data: st.DataObject) -> None:
    datagram = bytearray(A.encode(heartbeat))
    index = data.draw(st.integers(0, len(datagram) - 1))
    datagram[index] ^= 1 << data.draw(st.integers(0, 7))
    assert kind_of(bytes(datagram)) == "auth"


@given(heartbeats, st.data())
def test_no_part_can_be_cut_off_or_added(heartbeat: Heartbeat, data: st.DataObject) -> None:
    datagram = A.encode(heartbeat)
    cut = datagram[: data.draw(st.integers(0, len(datagram) - 1))]
    assert kind_of(cut) in {"short", "auth"}
    assert kind_of(datagram + b"\0") in {"oversized", "auth"}


def test_another_secret_is_refused() -> None:
    assert kind_of(DatagramCodec(b"t" * 32, "node-a").encode(plain())) == "auth"


def test_the_own_word_reflected_is_dropped() -> None:
    assert kind_of(A.encode(plain()), A) == "own"


def test_one_direction_cannot_stand_for_the_other() -> None:
    """Renaming the sender in the header makes the HMAC wrong."""
    forged = A.encode(plain()).replace(b"node-a", b"node-b", 1)
    assert kind_of(forged, A) == "auth"


def test_another_wire_version_is_told_only_when_it_is_authentic() -> None:
    assert kind_of(signed(b"{}", version=2)) == "version"
    assert kind_of(signed(b"{}", version=2)[:-1] + b"\0") == "auth"


def test_oversized_and_short_are_told_apart() -> None:
    assert kind_of(b"x" * (MAX_DATAGRAM + 1)) == "oversized"
    assert kind_of(b"OMMH") == "short"
    assert kind_of(b"") == "short"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)


@given(heartbeats, st.data())
def test_a_holder_of_the_secret_cannot_break_the_decoder(
    heartbeat: Heartbeat, data: st.DataObject
) -> None:
    """Any value in any field: a heartbeat within its bounds or BadDatagram."""
    fields = fields_of(A.encode(heartbeat))
    name = data.draw(st.sampled_from(sorted(fields)))
    fields[name] = data.draw(json_values)
    datagram = signed(json.dumps(fields).encode())
    with contextlib.suppress(BadDatagram):
        decoded = B.decode(datagram)
        assert B.decode(A.encode(decoded)) == decoded


@given(st.binary(max_size=500))
def test_authentic_nonsense_is_refused(body: bytes) -> None:
    assert kind_of(signed(body)) == "schema"


@pytest.mark.parametrize(
    "body",
    [b"[" * 1100, b'{"a":' * 200, b"1" * 1000, b"NaN", b"\xff\xfe", b"[]", b'{"counter": 1}'],
)
def test_hostile_json_is_refused(body: bytes) -> None:
    assert kind_of(signed(body)) == "schema"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("counter", -1), ("counter", 2**63), ("counter", True), ("counter", 1.0), ("counter", "1"),
        ("hears", 1), ("role", "king"), ("role", None), ("boot", "b\n"), ("boot", "x" * 65),
        ("address", "10.0.0.300"), ("address", "example.org"), ("address", 5),
        ("rfps", 10**9), ("contact_timeout", 0), ("contact_timeout", 1e9), ("wall", -1),
        ("wall", 10**400), ("head", None), ("head", {"hash": "xyz"}), ("claim", []),
        ("claim", {"term": 1}), ("offer", {"successor": "", "term": 1}), ("version", "ü"),
        ("sip_ok", 0),
    ],
)  # fmt: skip
def test_every_field_has_its_bounds(name: str, value: object) -> None:
    fields = fields_of(A.encode(plain())) | {name: value}
    assert kind_of(signed(json.dumps(fields).encode())) == "schema"


@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity"])
def test_numbers_that_are_none_are_refused(word: str) -> None:
    body = A.encode(plain())[12:-32].replace(b'"wall":1700000000.0', b'"wall":' + word.encode())
    assert word.encode() in body
    assert kind_of(signed(body)) == "schema"


def test_a_newer_version_with_more_fields_is_understood() -> None:
    fields = fields_of(A.encode(plain())) | {"later": [1]}
    assert B.decode(signed(json.dumps(fields).encode())) == plain()


def test_an_older_version_with_fewer_fields_is_understood() -> None:
    fields = fields_of(A.encode(plain()))
    del fields["probe"]
    assert B.decode(signed(json.dumps(fields).encode())) == plain()


def test_what_is_out_of_bounds_is_not_sent_either() -> None:
    for wrong in (plain(counter=-1), plain(version="x" * 33), plain(wall=float("nan"))):
        with pytest.raises(ValueError, match="out of bounds"):
            A.encode(wrong)
    with pytest.raises(ValueError, match="not ours"):
        B.encode(plain())
    with pytest.raises(ValueError, match="not a node id"):
        DatagramCodec(SECRET, "node a")


NEW = b"n" * 32


def conversation(one: DatagramCodec, other: DatagramCodec) -> list[str]:
    """Who understood whom, both speaking in turn."""
    heard = []
    for sender, node, receiver in ((one, "node-a", other), (other, "node-b", one)) * 2:
        with contextlib.suppress(BadDatagram):
            receiver.decode(sender.encode(plain(node=node)))
            heard.append(node)
    return heard


@pytest.mark.parametrize(
    ("one", "other", "misses"),
    [
        ((SECRET,), (NEW, SECRET), 0),
        ((NEW, SECRET), (SECRET,), 0),
        ((NEW, SECRET), (NEW, SECRET), 0),
        ((NEW,), (NEW, SECRET), 0),
        ((NEW, SECRET), (NEW,), 1),  # it speaks with the older one until it has heard the other
        ((NEW,), (SECRET,), 4),
    ],
)
def test_while_the_secret_changes_each_is_understood(
    one: tuple[bytes, ...], other: tuple[bytes, ...], misses: int
) -> None:
    a = DatagramCodec(one[0], "node-a", *one[1:])
    b = DatagramCodec(other[0], "node-b", *other[1:])
    assert len(conversation(a, b)) == 4 - misses
    assert len(conversation(a, b)) == (0 if misses == 4 else 4)


def test_an_own_heartbeat_says_nothing_of_the_peer() -> None:
    codec = DatagramCodec(NEW, "node-a", SECRET)
    with pytest.raises(BadDatagram):
        codec.decode(DatagramCodec(NEW, "node-a").encode(plain()))
    assert codec.secret == SECRET


def test_strangers_cannot_fill_the_memory() -> None:
    codec = DatagramCodec(SECRET, "node-b")
    for index in range(100):
        stranger = DatagramCodec(b"t" * 32, f"n{index}").encode(plain(node=f"n{index}"))
        assert kind_of(stranger, codec) == "auth"
    assert not codec._sealer._keys


def best_time(what: Callable[[], object]) -> float:
    """Seconds of one call, the best of several rounds."""
    rounds = []
    for _ in range(10):
        start = time.perf_counter()
        for _ in range(50):
            what()
        rounds.append((time.perf_counter() - start) / 50)
    return min(rounds)


def test_a_heartbeat_costs_little() -> None:
    heartbeat = plain()
    data = A.encode(heartbeat)
    assert best_time(lambda: A.encode(heartbeat)) < 200e-6
    assert best_time(lambda: B.decode(data)) < 200e-6
    assert best_time(lambda: kind_of_raw(b"x" * 1200)) < 200e-6


def kind_of_raw(data: bytes) -> None:
    with contextlib.suppress(BadDatagram):
        B.decode(data)
