"""A journal that the other OMM cannot take is offered now and then, and told of once."""

from __future__ import annotations

import logging
from types import SimpleNamespace
from typing import Any

import pytest

from standby import journal
from standby.domain.facts import Head, Role
from standby.journal import Batch, WireEntry
from standby.runtime.maintenance import MaintenanceWatch
from standby.runtime.shipping import LONGEST_REST, Shipper

HASH = "a" * 64


class Runtime:
    """An active OMM whose peer refuses every batch; ``now`` is its clock."""

    def __init__(self) -> None:
        self.now = 100.0
        self.asked = 0
        self.answer: dict[str, Any] = {"type": "refused", "code": "database", "reason": "full"}
        self.position: dict[str, Any] = {
            "type": "position",
            "seq": 1,
            "hash": HASH,
            "lineage": "L",
            "real": True,
        }
        self.hashes = {0: "0" * 64, 1: HASH, 2: "b" * 64}
        self.end = 2
        peer = SimpleNamespace(role=Role.FAILED)
        self.member = SimpleNamespace(role=Role.ACTIVE, in_contact=True, peer=peer, term=1)
        self.link = SimpleNamespace(client=self, generation=1, request=self.request)
        self.reader = SimpleNamespace(run=self.run)
        self.head, self.acked = Head(2, HASH), (1, HASH)
        self.maintenance = MaintenanceWatch

    def clock(self) -> float:
        return self.now

    def acknowledged(self, seq: int, digest: str) -> None:
        self.acked = (seq, digest)

    async def request(self, message: dict[str, Any], **_: Any) -> dict[str, Any]:
        if message["type"] == "position":
            return self.position
        self.asked += 1
        return self.answer

    async def run(self, work: Any, after: int = 0) -> Any:
        if work is journal.head:
            return Head(2, "b" * 64, 1, "L", True)
        if work is journal.hash_at:
            return self.hashes.get(after)
        rest = [WireEntry("{}", "b" * 64)] if after < self.end else []
        return Batch(after, HASH, rest), self.head


@pytest.fixture
def runtime() -> Runtime:
    return Runtime()


async def offer(shipper: Shipper, runtime: Runtime, seconds: float) -> int:
    """How often the batch was offered, with a beat every 100 ms."""
    before = runtime.asked
    for _ in range(round(seconds * 10)):
        runtime.now += 0.1
        await shipper._ship()
    return runtime.asked - before


async def test_a_full_disk_is_told_once_and_asked_less_and_less(
    runtime: Runtime, caplog: pytest.LogCaptureFixture
) -> None:
    shipper = Shipper(runtime)  # type: ignore[arg-type]
    with caplog.at_level(logging.INFO, "standby.runtime.shipping"):
        first = await offer(shipper, runtime, 4.0)
        later = await offer(shipper, runtime, 60.0)
        assert 3 <= first <= 6
        assert later <= 60 / LONGEST_REST + 1
        assert len(caplog.records) == 1
        runtime.answer = {"type": "refused", "code": "database", "reason": "read-only"}
        await offer(shipper, runtime, 10.0)
        assert [record.args for record in caplog.records] == [("full",), ("read-only",)]


async def test_it_goes_on_soon_after_the_repair(runtime: Runtime) -> None:
    shipper = Shipper(runtime)  # type: ignore[arg-type]
    await offer(shipper, runtime, 60.0)
    runtime.answer = {"type": "ack", "seq": 2, "hash": "b" * 64}
    assert await offer(shipper, runtime, LONGEST_REST + 0.2) >= 1
    assert runtime.acked == (2, "b" * 64)


async def test_a_refusal_that_passes_is_tried_again_at_once(runtime: Runtime) -> None:
    runtime.answer = {"type": "refused", "code": "busy", "reason": "setting aside"}
    assert await offer(Shipper(runtime), runtime, 2.0) == 20  # type: ignore[arg-type]


async def test_a_peer_that_holds_other_entries_confirms_nothing(runtime: Runtime) -> None:
    """Its journal is longer, with changes that this OMM lacks: own later ones are not safe."""
    runtime.answer = {"type": "ack", "seq": 5, "hash": "f" * 64}
    shipper = Shipper(runtime)  # type: ignore[arg-type]
    await offer(shipper, runtime, 1.0)
    assert runtime.acked == (1, HASH)


async def test_a_position_of_an_earlier_connection_is_forgotten(runtime: Runtime) -> None:
    shipper = Shipper(runtime)  # type: ignore[arg-type]
    runtime.answer = {"type": "ack", "seq": 2, "hash": "b" * 64}
    await offer(shipper, runtime, 0.2)
    runtime.link.generation += 1
    runtime.end = 3
    runtime.position = {**runtime.position, "seq": 4, "hash": "e" * 64}
    asked = await offer(shipper, runtime, 1.0)
    assert asked == 0, "the peer stands where this OMM has never been"


async def test_what_is_staged_of_another_journal_is_sent_again(runtime: Runtime) -> None:
    runtime.position = {**runtime.position, "staged": 2, "staged_hash": "e" * 64}
    runtime.answer = {"type": "ack", "seq": 2, "hash": "b" * 64}
    assert await offer(Shipper(runtime), runtime, 0.2) >= 1  # type: ignore[arg-type]
