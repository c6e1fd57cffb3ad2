"""The active OMM judges set-aside changes; the loser of a split notes what the report will tell."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from standby import journal, merging
from standby.domain.merge import MERGED, OPEN
from standby.domain.sentence import Sentence, say
from standby.gate import GateClosed
from standby.journal import SplitFacts

if TYPE_CHECKING:
    from standby.runtime.core import PairRuntime

log = logging.getLogger(__name__)
PAUSE = 0.01
"""Seconds between two transactions, for those who wait for the database."""
BUSY_PAUSE = 0.5


class Merger:
    """Judges what waits, step by step, whenever it is woken on the active OMM."""

    def __init__(self, runtime: PairRuntime) -> None:
        self.wake = asyncio.Event()
        self._runtime = runtime
        self._counts: Counter[str] = Counter()

    async def run(self) -> None:
        """Merge for ever."""
        while True:
            await self.wake.wait()
            self.wake.clear()
            try:
                await self._merge_all()
            except GateClosed as error:
                log.debug("merging stops: %s", error)
            except Exception:
                log.exception("merging failed")
                await asyncio.sleep(BUSY_PAUSE)

    async def _merge_all(self) -> None:
        runtime = self._runtime
        while runtime.member.gate_open:
            counts = await runtime.writer.run(merging.merge_step)
            if not counts:
                break
            self._counts.update(counts)
            runtime.shipper.wake.set()
            await asyncio.sleep(PAUSE)
        if self._counts and runtime.member.gate_open:
            self._tell()

    def _tell(self) -> None:
        """Say what became of them."""
        counts, self._counts = self._counts, Counter()
        text = say(
            "Changes of the other side of the split: %(merged)s merged, %(open)s open.",
            merged=counts[MERGED],
            open=counts[OPEN],
        )
        events = self._runtime.events
        events.record("split_merged", "info", text, {"classes": dict(counts)})


class SplitWatch:
    """What this OMM knows of a split that it may lose."""

    def __init__(self, runtime: PairRuntime) -> None:
        self.lost_without_changes = False
        self._runtime = runtime
        self._began_at: datetime | None = None
        self._reason = ""

    def contact(self, *, in_contact: bool) -> None:
        """Contact was lost or is back; what was settled before is over with the next loss."""
        if not in_contact:
            self._began_at, self._reason = datetime.now(UTC), ""
            self.lost_without_changes = False

    def settled(self, *, won: bool, reason: str) -> None:
        """Which side goes on, and why; the report says neither "this" nor "the other" OMM."""
        self._reason = reason.values.get("why", reason) if isinstance(reason, Sentence) else reason
        self.lost_without_changes = not won

    def facts(self, until: int) -> SplitFacts:
        """For the report; ``until`` is the last entry of the winner that this OMM knows of."""
        self.lost_without_changes = False
        return SplitFacts(
            winner=self._runtime.config.peer_address,
            loser=self._runtime.config.address,
            term=self._runtime.member.peer.term if self._runtime.member.peer else 0,
            began_at=self._began_at,
            ended_at=datetime.now(UTC),
            reason=self._reason,
            until=until,
        )

    async def note(self) -> bool:
        """Keep a split that was lost without any change of this OMM; False when there is none."""
        if not self.lost_without_changes:
            return False
        runtime = self._runtime
        head, peer = runtime.head, runtime.member.peer
        facts = self.facts(peer.head.seq if peer else head.seq)
        key = journal.split_id(facts.loser, head.seq, f"{facts.term}/{head.hash}")
        await runtime.writer.run(journal.note_split, key, facts.packed(head.seq))
        return True
