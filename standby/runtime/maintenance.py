"""Maintenance as the runtime sees it: read when the journal has changed, ended by this OMM itself.

The row names its end as wall time. When an OMM learns of it, it works out with its own clock how
long that is, at most the length that was asked for; from then on the boot-time clock counts.
So an OMM whose clock is late keeps the maintenance for that much longer, one whose clock is ahead
ends it that much sooner, and setting a clock meanwhile changes nothing until the next start.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from django.db import DatabaseError

from standby.domain.facts import Role
from standby.domain.sentence import say
from standby.journal import WireEntry
from standby.maintenance import LONGEST, maintenance_row

if TYPE_CHECKING:
    from standby.runtime.core import PairRuntime

log = logging.getLogger(__name__)

_MARK = '"model":"standby.maintenance"'


@dataclass(frozen=True, slots=True)
class MaintenanceTime:
    """What was asked for: by whom, why, from when to when (wall time)."""

    owner: str
    reason: str
    begun_at: datetime
    until: datetime

    def left(self, wall: float) -> float:
        """Seconds until the end as seen by a clock that shows ``wall``."""
        length = min(self.until - self.begun_at, LONGEST).total_seconds()
        return min(self.until.timestamp() - wall, length)

    @property
    def end_text(self) -> str:
        """The end as people read it."""
        return f"{self.until:%Y-%m-%d %H:%M} UTC"


class MaintenanceWatch:
    """Knows whether maintenance is on at this OMM now."""

    def __init__(self, runtime: PairRuntime) -> None:
        self._runtime = runtime
        self._asked: MaintenanceTime | None = None
        self._ends_at = 0.0
        self._told: MaintenanceTime | None = None

    @property
    def current(self) -> MaintenanceTime | None:
        """The maintenance that is on; None when none is."""
        return self._asked if self._runtime.clock() < self._ends_at else None

    @staticmethod
    def concerns(entries: Iterable[WireEntry]) -> bool:
        """True when these entries begin, change or end a maintenance."""
        return any(_MARK in entry.body for entry in entries)

    async def first_look(self) -> None:
        """Before the first beat: what is on already is no news."""
        await self._read()
        self._told = self.current

    async def look(self) -> None:
        """Read the row again and tell what is new."""
        await self._read()
        self.tell()

    async def _read(self) -> None:
        """What cannot be read stays as it was known."""
        try:
            asked = await self._runtime.reader.run(_in_database)
        except DatabaseError as error:
            log.warning("the maintenance cannot be read: %s", error)
            return
        if asked != self._asked:
            left = asked.left(time.time()) if asked is not None else 0.0
            self._asked, self._ends_at = asked, self._runtime.clock() + left

    def tell(self) -> None:
        """Tell of a maintenance that has begun or ended; one OMM speaks for both."""
        now, before = self.current, self._told
        if now == before:
            return
        self._told = now
        member = self._runtime.member
        if member.in_contact and member.role is not Role.ACTIVE:
            return
        if now is not None:
            text = say(
                "Maintenance by %(owner)s until %(until)s: no automatic takeover.",
                owner=now.owner,
                until=now.end_text,
            )
            details = {"owner": now.owner, "reason": now.reason, "until": now.until.isoformat()}
            self._runtime.events.record("maintenance_begun", "warning", text, details)
        elif before is not None:
            text = say(
                "The maintenance of %(owner)s has ended: takeovers are automatic again.",
                owner=before.owner,
            )
            by_hand = self._asked != before
            self._runtime.events.record(
                "maintenance_ended", "info", text, {"owner": before.owner, "by_hand": by_hand}
            )


def _in_database() -> MaintenanceTime | None:
    row = maintenance_row()
    if row.until is None or row.begun_at is None:
        return None
    return MaintenanceTime(row.owner, row.reason, row.begun_at, row.until)
