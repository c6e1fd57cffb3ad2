"""The budget of hand-overs for errors (rule 11), from the events that both OMMs share."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.db import DatabaseError

from standby.domain.member import Handover
from standby.models import Event

if TYPE_CHECKING:
    from standby.runtime.core import PairRuntime

log = logging.getLogger(__name__)

HANDOVER = "handover"
"""The code of the event that tells of a hand-over."""
WINDOW = 600.0
"""Seconds for which a hand-over counts."""
ALLOWED = 2
"""Hand-overs for errors in that time; with more, an active OMM with an error keeps its role."""


class ErrorBudget:
    """Counts the hand-overs for errors of both OMMs; each is one event, known by its id."""

    def __init__(self, runtime: PairRuntime) -> None:
        self._runtime = runtime
        self._moments: dict[str, float] = {}

    @property
    def spent(self) -> int:
        """Hand-overs that count now."""
        oldest = self._runtime.clock() - WINDOW
        return sum(moment > oldest for moment in self._moments.values())

    @property
    def left(self) -> bool:
        """True while one more is allowed."""
        return self.spent <= ALLOWED

    @property
    def free_in(self) -> float:
        """Seconds until one more is allowed; 0.0 while it is."""
        if self.left:
            return 0.0
        counted = sorted(self._moments.values())[-ALLOWED - 1]
        return max(0.0, counted + WINDOW - self._runtime.clock())

    async def remember(self) -> None:
        """What happened before this start; without the second database: nothing."""
        try:
            known = await self._runtime.reader.run(_recent)
        except DatabaseError as error:
            log.warning("earlier hand-overs cannot be read: %s", error)
            return
        for item in known:
            self.note(item)

    def note(self, item: Mapping[str, Any]) -> None:
        """Look at an event of either OMM."""
        details = item["details"]
        for_error = details.get("kind") == Handover.ERROR.value and details.get("done") is True
        if item["code"] != HANDOVER or not for_error:
            return
        ago = (datetime.now(UTC) - datetime.fromisoformat(item["at"])).total_seconds()
        moment = self._runtime.clock() - max(0.0, ago)
        self._moments.setdefault(item["uid"], moment)
        oldest = self._runtime.clock() - WINDOW
        self._moments = {uid: at for uid, at in self._moments.items() if at > oldest}


def _recent() -> list[dict[str, Any]]:
    since = datetime.now(UTC) - timedelta(seconds=WINDOW)
    rows = Event.objects.filter(code=HANDOVER, at__gte=since)
    return [
        {"uid": str(row.uid), "at": row.at.isoformat(), "code": row.code, "details": row.details}
        for row in rows
    ]
