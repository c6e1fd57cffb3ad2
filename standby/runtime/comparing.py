"""How the own journal stands to the peer's, kept current whenever it matters."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING

from standby import journal
from standby.domain.facts import Head, Role
from standby.domain.reconcile import Relation, Standing
from standby.link.channel import LinkError

if TYPE_CHECKING:
    from standby.runtime.core import PairRuntime

log = logging.getLogger(__name__)


class Comparer:
    """Keeps the runtime's ``relation``; ``wake`` makes it look at once."""

    def __init__(self, runtime: PairRuntime) -> None:
        self.wake = asyncio.Event()
        self._runtime = runtime

    async def run(self) -> None:
        """Keep the relation of the two journals current whenever it matters."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._runtime.config.timing.interval):
                    await self.wake.wait()
            self.wake.clear()
            try:
                await self._compare()
            except LinkError as error:
                log.debug("comparing journals: %s", error)
            except Exception:
                log.exception("comparing journals failed")

    async def _compare(self) -> None:
        peer = self._runtime.member.peer
        if peer is None or not self._runtime.member.in_contact:
            return
        mine, theirs = self._runtime.head, peer.head
        if self._runtime.relation.speaks_of(mine, theirs):
            return
        if self._known_relation(mine, theirs):
            return
        self._runtime.relation = await self._runtime.link.compare(mine, theirs, self.own_hashes)
        self._runtime.step()

    def _known_relation(self, mine: Head, theirs: Head) -> bool:
        """Ordinary replication needs no comparison: acknowledgement and applying prove it."""
        if (
            self._runtime.member.role is Role.ACTIVE
            and (theirs.seq, theirs.hash) == self._runtime.acked
        ):
            standing = Standing.EQUAL if theirs.hash == mine.hash else Standing.AHEAD
        elif self._runtime.follower.follows(mine):
            standing = Standing.EQUAL if theirs.hash == mine.hash else Standing.BEHIND
        else:
            return False
        common = min(mine.seq, theirs.seq)
        self._runtime.relation = Relation(standing, common, mine.hash, theirs.hash)
        return True

    async def own_hashes(self, seqs: list[int]) -> dict[int, str]:
        """The hashes of own entries, for the comparison."""
        return await self._runtime.reader.run(journal.hashes, seqs)
