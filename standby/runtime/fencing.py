"""The fence of the database, opened and closed as the domain asks for it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING

from standby import journal
from standby.domain.facts import Head, Role

if TYPE_CHECKING:
    from standby.runtime.core import PairRuntime

log = logging.getLogger(__name__)


class FenceKeeper:
    """Closes and opens the fence row in the writing thread and tells the domain of it."""

    def __init__(self, runtime: PairRuntime) -> None:
        self._runtime = runtime

    async def close_at_start(self) -> str:
        """Close the fence that a killed predecessor left open; why that fails, else empty.

        A database that cannot be written is an OMM error: it is shown by an OMM that runs. The
        fence is closed by the first check that finds it writable again.
        """
        try:
            await self._runtime.writer.run(journal.fence_close)
        except Exception as error:  # noqa: BLE001 (any failure to write is an OMM error)
            return str(error)
        return ""

    async def close(self) -> None:
        """Close it; the lease has closed the gate already, so a failure holds nothing up.

        Nor does a database that hangs: it is closed as soon as that goes on. What commits there
        until then was never confirmed by the peer, and is set aside like the changes of a split.
        """
        runtime = self._runtime
        work = runtime.writer.begin(_closed)  # now: an opening may be asked for the next moment
        closing = asyncio.ensure_future(self._close(work))
        spare = runtime.config.timing.handover_wait / 2
        patience = None if runtime.health.database_works else spare
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience):
                await asyncio.shield(closing)
        if not closing.done():
            log.warning("the fence will be closed when the database works again")
            runtime.in_loop(closing)
        runtime.carry_out(runtime.member.fence_closed(runtime.head))
        runtime.shipper.wake.set()
        runtime.step()
        if runtime.member.handing_over:
            runtime.speak(probe=True)  # the offer waits for the successor to show its journal

    async def _close(self, work: asyncio.Future[Head]) -> None:
        runtime = self._runtime
        try:
            runtime.head = await work
        except Exception as error:  # noqa: BLE001 (whatever it is, the lease has closed the gate)
            log.warning("the fence could not be closed: %s", error)
            runtime.health.database_failed(str(error))

    async def open(self, term: int) -> None:
        """Open it for this term; a database that fails is an OMM error."""
        runtime = self._runtime
        try:
            runtime.head, runtime.acked = await runtime.writer.run(_opened, term)
        except Exception as error:
            log.exception("the fence could not be opened")
            runtime.health.database_failed(str(error))
            return
        runtime.carry_out(runtime.member.fence_opened(term))
        runtime.renew_lease()
        runtime.shipper.wake.set()
        runtime.in_loop(runtime.follower.after_promotion())

    def reopen(self) -> None:
        """Try again to open the gate of an active OMM whose database has come back."""
        member = self._runtime.member
        wanted = member.fence_wanted
        if member.role is Role.ACTIVE and not member.gate_open and wanted is not None:
            self._runtime.in_loop(self.open(wanted))


def _closed() -> Head:
    """Close the fence; the journal's end, which no change can move any more."""
    journal.fence_close()
    return journal.head()


def _opened(term: int) -> tuple[Head, tuple[int, str]]:
    """Open the fence; the journal's end and what of it the peer has confirmed."""
    return journal.fence_open(term), journal.acked()
