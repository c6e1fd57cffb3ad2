"""Proof that not only the journals but the rows agree: the digests of the tables at one head.

A direct database client on either host writes past the journal; nothing can stop it, but this
finds it and says so.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING

from standby import journal
from standby.domain.facts import Role
from standby.domain.sentence import say
from standby.link.channel import LinkError

if TYPE_CHECKING:
    from standby.runtime.core import PairRuntime

log = logging.getLogger(__name__)

PERIOD = 60.0
ANSWER_TIMEOUT = 30.0


class TableProof:
    """Compares table digests with the peer while this OMM is active; ``differ`` is the verdict."""

    def __init__(self, runtime: PairRuntime) -> None:
        self.differ = False
        self.wake = asyncio.Event()
        self._runtime = runtime

    async def run(self) -> None:
        """Compare for ever; what cannot be compared now is compared the next time."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(PERIOD):
                    await self.wake.wait()
            self.wake.clear()
            try:
                await self.compare()
            except LinkError as error:
                log.debug("comparing digests: %s", error)
            except Exception:
                log.exception("comparing digests failed")

    async def compare(self) -> bool | None:
        """True when the tables are equal; None when that cannot be said: nobody can be asked, the
        heads differ, or the other OMM's version has tables of another layout.
        """
        runtime = self._runtime
        if runtime.member.role is not Role.ACTIVE or not runtime.member.in_contact:
            self.differ = False
            return None
        head, digest = await runtime.bulk.run(journal.digest_at_head)
        answer = await runtime.link.ask_aside({"type": "digest"}, ANSWER_TIMEOUT)
        if (answer.get("seq"), answer.get("hash")) != (head.seq, head.hash):
            return None
        if answer.get("layout") != journal.table_layout():
            self.differ = False
            return None
        equal = answer.get("digest") == digest
        if not equal and not self.differ:
            runtime.events.record(
                "tables_differ",
                "error",
                say(
                    "The tables of the two OMMs differ at entry %(seq)s: one database was changed "
                    "past the journal.",
                    seq=head.seq,
                ),
                {"seq": head.seq},
            )
        self.differ = not equal
        return equal
