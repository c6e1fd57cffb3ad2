"""Who may come in, with which key: the decisions of the link, from what the journal holds.

Everything here runs in the link's event loop; the database is asked in one thread of its own,
and many base stations share a question. Rules: a key is kept on both OMMs before it is told, and
that it was proved is kept before its base station is served.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Generic, TypeVar

from django.db import DatabaseError, close_old_connections

from omm_portal.node.env import NodeEnvironment
from rfps import enrolment
from rfps.link import wire
from rfps.link.live import LiveStates
from rfps.link.server import Link, Refusal
from rfps.link.session import Admission
from rfps.link.table import HeldKey, Known, Table, TableReader
from standby import gate, journal
from standby.gate import GateClosed
from standby.journal import Receipt

log = logging.getLogger("rfps.link")

GATHER = 0.02
"""Seconds in which wishes to write are gathered into one change."""
LOOK_AGAIN = 0.25
"""Seconds between two readings of the table while the journal grows."""
ASK_AGAIN = 0.005

Item = TypeVar("Item")
CANNOT_WRITE = (GateClosed, journal.JournalError, journal.Busy, DatabaseError)


class Gathered(Generic[Item]):
    """One change for many wishes; each waits for the receipt of the change that it was in."""

    def __init__(
        self, run: Callable[[Callable[[], Any]], Any], write: Callable[[list[Item]], Any]
    ) -> None:
        self._run = run
        self._write = write
        self._waiting: list[tuple[Item, asyncio.Future[Receipt | None]]] = []
        self._task: asyncio.Task[None] | None = None

    async def add(self, item: Item) -> Receipt | None:
        """Have ``item`` written; raises what the change raises."""
        future: asyncio.Future[Receipt | None] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._work())
        return await future

    async def _work(self) -> None:
        while self._waiting:
            await asyncio.sleep(GATHER)
            batch, self._waiting = self._waiting, []
            items = [item for item, _ in batch]
            try:
                written = await self._run(lambda items=items: self._write(items))  # type: ignore[misc]
            except Exception as error:  # noqa: BLE001 - handed to those who wait
                for _, future in batch:
                    if not future.done():
                        future.set_exception(error)
                continue
            for _, future in batch:
                if not future.done():
                    future.set_result(written.receipt)


class JournalDesk:
    """The desk of an OMM."""

    def __init__(self, node: NodeEnvironment, live: LiveStates) -> None:
        self._node = node
        self._live = live
        self._reader = TableReader()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="rfp-desk")
        self._table: Table | None = None
        self._reading: asyncio.Task[Table] | None = None
        self._making: Gathered[str] = Gathered(self._in_thread, enrolment.keys_make)
        self._proving: Gathered[Any] = Gathered(self._in_thread, enrolment.keys_proved)

    # --- the table --------------------------------------------------------------------------------

    async def refresh(self) -> Table:
        """Read the table anew; those who ask meanwhile share the next reading, not this one."""
        if self._reading is not None and not self._reading.done():
            await asyncio.wait([self._reading])
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._read())
        return await asyncio.shield(self._reading)

    async def _read(self) -> Table:
        table: Table = await self._in_thread(self._reader.read)
        self._table = table
        return table

    async def follow(self) -> None:
        """Keep the table as young as the journal, until cancelled."""
        while True:
            try:
                head = await self._in_thread(journal.head)
                if self._table is None or self._table.head != head:
                    await self.refresh()
            except DatabaseError as problem:
                log.warning("base stations cannot be read: %s", problem)
            await asyncio.sleep(LOOK_AGAIN)

    async def _known(self, mac: str) -> Known | None:
        """A base station; one that is not in the table may have been added just now."""
        known = self._table.stations.get(mac) if self._table is not None else None
        if known is None:
            known = (await self.refresh()).stations.get(mac)
        return known

    # --- what the server asks ---------------------------------------------------------------------

    async def admission(self, introduction: wire.Introduction, address: str) -> Admission | Refusal:
        """See ``rfps.link.server.Desk``."""
        if introduction.too_old:
            return Refusal("too_old", for_good=True)
        try:
            known = await self._known(introduction.mac)
            if known is None:
                return Refusal("unknown")
            keys = known.keys or await self._make(introduction.mac)
        except CANNOT_WRITE as problem:
            log.info("%s has to wait: %s", introduction.mac, problem)
            return Refusal("not_now")
        if not keys:
            return Refusal("unknown")
        is_told = not any(held.proved for held in keys)
        if is_told and not await self._is_kept(self._table.head.seq if self._table else 0):
            return Refusal("not_safe_yet")
        return Admission(tuple(held.key for held in keys), give=is_told)

    async def _make(self, mac: str) -> tuple[HeldKey, ...]:
        await self._making.add(mac)
        known = (await self.refresh()).stations.get(mac)
        return known.keys if known is not None else ()

    async def proved(self, link: Link) -> wire.Welcome | Refusal:
        """See ``rfps.link.server.Desk``."""
        table = self._table
        known = table.stations.get(link.mac) if table is not None else None
        if known is None or table is None:
            return Refusal("unknown")
        held = next((each for each in known.keys if each.key == link.key), None)
        if held is None:
            return Refusal("not_now")
        is_new = not held.proved or len(known.keys) > 1
        if is_new:
            try:
                receipt = await self._proving.add(held.id)
            except CANNOT_WRITE as problem:
                log.info("%s has to wait: %s", link.mac, problem)
                return Refusal("not_now")
            if receipt is not None and not await self._is_kept(receipt.seq):
                return Refusal("not_safe_yet")
            await self.refresh()
        return wire.Welcome(
            interval=max(1, round(self._node.rfp_heartbeat)),
            syslog_address=table.syslog,
            syslog_port=table.syslog_port,
            enrolled_now=not held.proved,
        )

    def connected(self, link: Link) -> None:
        """See ``rfps.link.server.Desk``."""
        known = self._table.stations.get(link.mac) if self._table else None
        if known is not None:
            self._live.connected(known.id, known.name or link.mac, link)

    def heard(self, link: Link) -> None:
        """See ``rfps.link.server.Desk``."""
        self._live.heard(link)

    def lost(self, link: Link, reason: str) -> None:
        """See ``rfps.link.server.Desk``."""
        self._live.lost(link, reason)

    def refused(self, link: Link, reason: str) -> None:
        """See ``rfps.link.server.Desk``."""
        self._live.refused(link, reason)

    # --- helpers ----------------------------------------------------------------------------------

    async def _is_kept(self, seq: int) -> bool:
        """Whether the other OMM has everything up to ``seq``; true with none in contact."""
        loop = asyncio.get_running_loop()
        end = loop.time() + self._node.replication_wait
        while True:
            lease = gate.lease().lease
            if lease is None or not lease.peer_in_contact or lease.acked_seq >= seq:
                return lease is not None
            if loop.time() >= end:
                return False
            await asyncio.sleep(ASK_AGAIN)

    async def _in_thread(self, work: Callable[[], Any]) -> Any:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, _with_connections, work)

    def close(self) -> None:
        """Give the thread back."""
        self._thread.shutdown(wait=False, cancel_futures=True)


def _with_connections(work: Callable[[], Any]) -> Any:
    """Database connections that broke are not used again."""
    try:
        return work()
    finally:
        close_old_connections()
