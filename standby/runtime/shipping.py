"""The active's side of replication: ship whatever is behind the peer's head, whoever rang."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import uuid
from typing import TYPE_CHECKING, Any

from standby import journal
from standby.domain.facts import Head, Role
from standby.domain.reconcile import Standing, quick_standing
from standby.domain.sentence import say, unpack
from standby.journal import Batch
from standby.journal.errors import DATABASE_AWAY
from standby.link.channel import LinkError

if TYPE_CHECKING:
    from standby.runtime.core import PairRuntime

log = logging.getLogger(__name__)

BATCH_BYTES = 48 * 1024
"""Small enough that encoding one never delays a heartbeat noticeably."""
RETRY_PAUSE = 0.25
PING_PERIOD = 2.0
LASTING = frozenset({"database", "unknown"})
"""Codes of refusals that only people or repairs end; the others pass by themselves."""
FIRST_REST, LONGEST_REST = 0.2, 2.0
"""Seconds for which shipping rests after a lasting refusal, each time twice as long."""


class Shipper:
    """Brings the peer's journal up to ours while this OMM is active."""

    def __init__(self, runtime: PairRuntime) -> None:
        self.wake = asyncio.Event()
        self.older_disk = False
        self.foreign = False
        self.refused = ""
        self.shipped = 0
        self.latency_ms: float | None = None
        self._runtime = runtime
        self._position: Head | None = None
        self._generation = -1
        self._pinged_at = 0.0
        self._rest = 0.0
        self._rests_until = 0.0
        self._told = ""

    async def run(self) -> None:
        """Ship for ever; every failure only means trying again."""
        period = self._runtime.config.timing.interval * 5
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(period):
                    await self.wake.wait()
            self.wake.clear()
            try:
                await self._note_own_head()
                await self._ping()
                await self._ship()
            except LinkError as error:
                log.debug("shipping: %s", error)
                self._position = None
            except Exception as error:
                if isinstance(error, DATABASE_AWAY):
                    log.warning("shipping: %s", error)
                else:
                    log.exception("shipping failed")
                self._position = None
                await asyncio.sleep(RETRY_PAUSE)

    async def _note_own_head(self) -> None:
        """While nobody can be shipped to, nothing else tells what requests have added."""
        runtime = self._runtime
        if runtime.member.role is not Role.ACTIVE or self._may_ship():
            return
        head = await runtime.reader.run(journal.head)
        if runtime.member.role is Role.ACTIVE and head.seq > runtime.head.seq:
            runtime.head = head
            runtime.renew_lease()

    async def _ping(self) -> None:
        """Measure the channel's round trip, now and then."""
        runtime = self._runtime
        now = runtime.clock()
        if runtime.link.client is None or now - self._pinged_at < PING_PERIOD:
            return
        self._pinged_at = now
        await runtime.link.request({"type": "ping"}, timeout=PING_PERIOD)
        self.latency_ms = round((runtime.clock() - now) * 1000, 1)

    def _may_ship(self) -> bool:
        member, link = self._runtime.member, self._runtime.link
        peer_passive = member.peer is not None and member.peer.role is not Role.ACTIVE
        return (
            member.role is Role.ACTIVE
            and member.in_contact
            and peer_passive
            and link.client is not None
            and self._runtime.clock() >= self._rests_until
        )

    async def _ship(self) -> None:
        while self._may_ship():
            runtime = self._runtime
            position = await self._locate()
            if position is None:
                return
            batch, head = await runtime.reader.run(_next_batch, position.seq)
            if not batch.entries:
                if position.seq > runtime.acked[0]:
                    self._position = None  # all was sent, not all confirmed: ask again
                return
            if runtime.maintenance.concerns(batch.entries):
                await runtime.maintenance.look()
            newest = batch.after_seq + len(batch.entries)
            if newest > runtime.head.seq and runtime.member.role is Role.ACTIVE:
                runtime.head = head
            answer = await runtime.link.request(
                {
                    "type": "batch",
                    "term": runtime.member.term,
                    **journal.batch_to_message(batch),
                }
            )
            if not await self._take_answer(answer, newest, batch.entries[-1].hash):
                return

    async def _take_answer(self, answer: dict[str, Any], newest: int, digest: str) -> bool:
        """Note what the peer has now; False when shipping must pause.

        A peer that holds what this journal lacks confirms nothing of it, however much it has.
        """
        if answer.get("type") != "ack":
            self._refusal(answer)
            return False
        applied, applied_hash = int(answer["seq"]), str(answer["hash"])
        if (applied, applied_hash) != (newest, digest):
            own = await self._runtime.reader.run(journal.hash_at, applied)
            if own != applied_hash:
                self._position = None
                return False
        self._taken()
        self.shipped += 1
        self.older_disk = self.older_disk and applied < self._runtime.head.seq
        self._position = Head(seq=newest, hash=digest)
        self._runtime.acknowledged(applied, applied_hash)
        return True

    def _refusal(self, answer: dict[str, Any]) -> None:
        """Say why, once; try again soon, and then less and less often."""
        reason = str(unpack(answer).get("reason", "no reason given"))
        if reason != self._told:
            log.info("the other OMM does not take the journal: %s", reason)
        self._told = reason
        self.refused = reason if answer.get("code") == "unknown" else ""
        self._position = None
        if answer.get("code") in LASTING:
            self._rest = min(2 * self._rest or FIRST_REST, LONGEST_REST)
            self._rests_until = self._runtime.clock() + self._rest

    def _taken(self) -> None:
        """The other OMM takes the journal (again)."""
        if self._told:
            log.info("the other OMM takes the journal again")
        self.refused = self._told = ""
        self._rest = self._rests_until = 0.0

    async def _locate(self) -> Head | None:
        """The verified place from which to ship; None while there is none."""
        runtime = self._runtime
        if self._position is not None and self._generation == runtime.link.generation:
            return self._position
        self._position, self._generation = None, runtime.link.generation
        answer = await runtime.link.request({"type": "position"})
        if answer.get("type") == "refused":
            self._refusal(answer)
            return None
        theirs = Head(
            int(answer["seq"]), str(answer["hash"]), 0, str(answer["lineage"]), bool(answer["real"])
        )
        runtime.head = mine = await runtime.reader.run(journal.head)
        standing = quick_standing(mine, theirs)
        self.foreign = standing is Standing.FOREIGN
        if self.foreign:
            return None
        if standing in (Standing.PEER_EMPTY, Standing.BOTH_EMPTY):
            return await self._ship_snapshot()
        own = await runtime.reader.run(journal.hash_at, theirs.seq)
        if own != theirs.hash:
            log.debug("the other OMM holds entries that this one lacks; it sets them aside")
            return None
        self._look_for_older_disk(theirs)
        runtime.acknowledged(theirs.seq, theirs.hash)
        self._position = await self._after_staged(answer) or theirs
        return self._position

    async def _after_staged(self, answer: dict[str, Any]) -> Head | None:
        """The end of what the peer has staged, if it is of this journal; None where it is not.

        A standby may still hold the beginning of a transaction that an older disk has forgotten.
        """
        staged = Head(int(answer.get("staged", 0)), str(answer.get("staged_hash", "")))
        own = await self._runtime.reader.run(journal.hash_at, staged.seq)
        return staged if own == staged.hash else None

    def _look_for_older_disk(self, theirs: Head) -> None:
        if theirs.seq < self._runtime.acked[0]:
            self.older_disk = True
            self._runtime.events.record(
                "older_disk",
                "warning",
                say(
                    "The other OMM's journal ends at %(seq)s, but it once confirmed "
                    "%(confirmed)s: an older disk was put back.",
                    seq=theirs.seq,
                    confirmed=self._runtime.acked[0],
                ),
                {"seq": theirs.seq, "confirmed": self._runtime.acked[0]},
            )

    async def _ship_snapshot(self) -> Head | None:
        """Give an empty peer everything: rows, journal and digest, in one transaction there."""
        runtime = self._runtime
        transfer = uuid.uuid4().hex
        parts = await runtime.bulk.run(lambda: journal.snapshot_parts(BATCH_BYTES))
        count = 0
        while (part := await runtime.bulk.run(next, parts, None)) is not None:
            await runtime.link.request(
                {"type": "snapshot_part", "transfer": transfer, "index": count, "data": part}
            )
            count += 1
        answer = await runtime.link.request(
            {
                "type": "snapshot_install",
                "transfer": transfer,
                "parts": count,
                "term": runtime.member.term,
            },
            timeout=60.0,
        )
        if answer.get("type") != "ack":
            self._refusal(answer)
            return None
        self._taken()
        self._position = Head(int(answer["seq"]), str(answer["hash"]))
        runtime.acknowledged(self._position.seq, self._position.hash)
        return self._position


def _next_batch(after: int) -> tuple[Batch, Head]:
    """What is to be shipped after an entry, and the end of the journal, in one go."""
    return journal.read_batch(after, BATCH_BYTES), journal.head()
