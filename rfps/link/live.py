"""What base stations do at this moment, for pages and counters: gathered, then written in batches.

Nothing of it goes through the journal. The node's second database keeps what must last (since
when, from where, which hardware and software, last seen), the event log what happened; open pages
are told through the channel layer that it is worth looking.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from django.db import DatabaseError, close_old_connections

from rfps.link import notes
from rfps.link.server import Link
from rfps.models import RfpLive
from standby import push

log = logging.getLogger("rfps.link")

FLUSH = 0.25
"""Seconds between two writings while something changes."""
SEEN_EVERY = 15.0
"""Seconds between two writings of when everybody was heard last."""
AT_ONCE = 500
"""Rows of one statement."""


@dataclass(slots=True)
class Station:
    """A base station that is connected."""

    id: UUID
    name: str
    link: Link
    since: datetime
    heard: datetime


class LiveStates:
    """The states of all base stations on this OMM. Called from the link's loop only."""

    def __init__(self) -> None:
        self._stations: dict[str, Station] = {}
        self._changed: dict[UUID, RfpLive] = {}
        self._notes: list[notes.Note] = []
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="rfp-live")
        self._wake = asyncio.Event()
        self._seen_at = 0.0

    def __len__(self) -> int:
        return len(self._stations)

    def connected(self, rfp: UUID, name: str, link: Link) -> None:
        """A base station is served."""
        now = datetime.now(UTC)
        station = Station(rfp, name, link, now, now)
        self._stations[link.mac] = station
        self._changed[rfp] = _row(station, connected=True)
        self._notes.append(notes.Note(notes.CONNECTED, name, link.mac, link.address))
        self._wake.set()

    def heard(self, link: Link) -> None:
        """A heartbeat came."""
        station = self._stations.get(link.mac)
        if station is not None:
            station.heard = datetime.now(UTC)

    def lost(self, link: Link, reason: str) -> None:
        """A connection that was served is over."""
        station = self._stations.get(link.mac)
        if station is None or station.link is not link:
            return
        del self._stations[link.mac]
        self._changed[station.id] = _row(station, connected=False)
        self._notes.append(notes.Note(notes.LOST, station.name, link.mac, link.address, reason))
        self._wake.set()

    def refused(self, link: Link, reason: str) -> None:
        """A connection ended before it was served."""
        if reason in notes.UNREMARKABLE:
            return
        self._notes.append(notes.Note(notes.REFUSED, "", link.mac, link.address, reason))
        self._wake.set()

    async def work(self) -> None:
        """Write what changed, until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), SEEN_EVERY / 3)
            self._wake.clear()
            if loop.time() - self._seen_at > SEEN_EVERY:
                self._seen_at = loop.time()
                for station in self._stations.values():
                    self._changed.setdefault(station.id, _row(station, connected=True))
            await self.flush()
            await asyncio.sleep(FLUSH)

    async def flush(self) -> None:
        """Write what changed since the last time; what cannot be written now is kept."""
        changed, self._changed = self._changed, {}
        told, self._notes = self._notes, []
        if not changed and not told:
            return
        try:
            await self._in_thread(lambda: _write(changed, told))
        except DatabaseError as problem:
            log.warning("states of base stations cannot be written: %s", problem)
            self._changed = {**changed, **self._changed}
            return
        await push.publish_async("rfps", {"changed": len(changed)})

    async def nobody(self) -> None:
        """Nobody is connected: what an earlier process left is wiped."""
        await self._in_thread(_forget_all)
        await push.publish_async("rfps", {})

    async def _in_thread(self, work: Callable[[], None]) -> None:
        def run() -> None:
            try:
                work()
            finally:
                close_old_connections()

        await asyncio.get_running_loop().run_in_executor(self._thread, run)

    def close(self) -> None:
        """Give the thread back."""
        self._thread.shutdown(wait=False)


def _row(station: Station, *, connected: bool) -> RfpLive:
    said = station.link.introduction
    return RfpLive(
        rfp_id=station.id,
        connected=connected,
        address=station.link.address,
        hardware_type=said.hardware_type if said else "",
        software=said.software if said else "",
        since=station.since if connected else datetime.now(UTC),
        last_heartbeat=station.heard,
    )


_COLUMNS = [field.name for field in RfpLive._meta.concrete_fields if not field.primary_key]


def _write(changed: Mapping[UUID, RfpLive], told: list[notes.Note]) -> None:
    if changed:
        RfpLive.objects.bulk_create(
            list(changed.values()),
            batch_size=AT_ONCE,
            update_conflicts=True,
            unique_fields=["rfp_id"],
            update_fields=_COLUMNS,
        )
    notes.keep(told)


def _forget_all() -> None:
    RfpLive.objects.filter(connected=True).update(connected=False, since=datetime.now(UTC))
