"""An OMM that starts fetches what the other's journal has more, however large a transaction is."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from asgiref.sync import async_to_sync, sync_to_async

from rfps.models import Site
from standby import journal
from standby.domain.facts import Role
from standby.runtime.following import BATCH_BYTES, Follower
from tests.unit.journal.nodes import Node


class Runtime:
    """An OMM that is starting, and its line to the active one; both journals are real."""

    def __init__(self, own: Node, peer: Node) -> None:
        self.own, self.peer = own, peer
        self.asked: list[int] = []
        self.member = SimpleNamespace(role=Role.STARTING)
        self.link = SimpleNamespace(request=self.request)
        self.writer = SimpleNamespace(run=self.run)
        self.maintenance = SimpleNamespace(concerns=lambda _entries: False)

    async def request(self, message: dict[str, Any]) -> dict[str, Any]:
        self.asked.append(message["after"])
        assert len(self.asked) < 20, f"asked for the same again: {self.asked}"
        return journal.batch_to_message(await self._batch(message["after"]))

    @sync_to_async
    def _batch(self, after: int) -> journal.Batch:
        return journal.read_batch(after, BATCH_BYTES, using=self.peer.alias)

    @sync_to_async
    def run(self, _work: Any, batch: journal.Batch) -> journal.Head:
        return journal.apply(batch, using=self.own.alias)


def test_a_transaction_larger_than_a_message_is_fetched_to_its_end(pair: tuple[Node, Node]) -> None:
    active, standby = pair
    standby.fetch_from(active)
    active.save(*(Site(name=f"{'x' * 40} {number}") for number in range(500)))
    assert active.head.seq - standby.head.seq == 500
    runtime = Runtime(standby, active)
    follower = Follower(runtime)  # type: ignore[arg-type]
    async_to_sync(follower._catch_up)(standby.head)
    assert standby.head == active.head
    assert len(runtime.asked) > 2, "the transaction fitted into one message"
    assert standby.digest == active.digest
