"""Samples of how the pair does, one every ten seconds, for the charts of the last hours.

The loop only compares numbers that it has anyway; a thread of its own writes. Samples that cannot
be written wait in memory, a few minutes of them, so that a full or hanging disk leaves no hole.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, TypeVar

from standby.document import Document, lag
from standby.domain.facts import Role
from standby.housekeeping import samples_clean_up
from standby.models import Sample
from standby.runtime.threads import DatabaseThread
from standby.samples import SPAN, samples_keep

if TYPE_CHECKING:
    from standby.runtime.core import PairRuntime

N = TypeVar("N", int, float)

log = logging.getLogger(__name__)

LATE = 0.05
"""Seconds after the end of an interval, so that no clock still calls it the same one."""
MOST_WAITING = 60
CLEAN_UP_PERIOD = 600
LONGEST_LOOK = 1.0
"""Seconds that one look can stand for; what lies further back was not seen (the loop stood)."""


@dataclass(slots=True)
class Interval:
    """What was seen since the last sample, of each measure the worst (see ``Sample``)."""

    latency_ms: float | None = None
    silence_ms: int | None = None
    suspicion: int | None = None
    lag: int | None = None
    unsafe: int | None = None
    rfps: int | None = None
    sip_ms: float | None = None
    here: float = 0.0
    there: float = 0.0
    nobody: float = 0.0

    def note_silence(self, seconds: float, suspicion: int) -> None:
        """The other OMM has been silent for so long, and is suspected so much (0 to 100)."""
        self.silence_ms = _most(self.silence_ms, round(seconds * 1000))
        self.suspicion = _most(self.suspicion, suspicion)

    def note_document(self, document: Document, sip_ms: float | None, seconds: float) -> None:
        """The status document and SIP answer time as they were for ``seconds``."""
        node, peer = document["node"], document["peer"]
        if peer is not None:
            self.lag = _most(self.lag, lag(document))
            self.unsafe = _most(self.unsafe, document["journal"]["unsafe"])
            if peer["in_contact"]:
                self.latency_ms = _most(self.latency_ms, peer["latency_ms"])
        connected = document["rfps"]["connected"]
        self.rfps = connected if self.rfps is None else min(self.rfps, connected)
        self.sip_ms = _most(self.sip_ms, sip_ms)
        if node["role"] == Role.ACTIVE:
            self.here += seconds
        elif peer is not None and peer["role"] == Role.ACTIVE:
            self.there += seconds
        elif node["role"] != Role.STARTING or (peer is not None and peer["in_contact"]):
            self.nobody += seconds  # one that looks for its peer cannot know

    def sample(self, at: int) -> Sample:
        """The row for an interval that began at ``at`` (seconds since 1970)."""
        return Sample(at=at, **asdict(self))


class Sampler:
    """Takes the samples of one node; never slows the loop and never fails it."""

    def __init__(self, runtime: PairRuntime) -> None:
        self.thread = DatabaseThread("omm-samples")
        self._runtime = runtime
        self._interval = Interval()
        self._looked_at = runtime.clock()
        self._waiting: dict[int, Sample] = {}
        self._writing = False
        self._failed = False

    def listen(self, now: float) -> None:
        """Note how long the other OMM has been silent; before each heartbeat is taken in."""
        contact = self._runtime.member.contact
        if contact.heard_at is not None:
            self._interval.note_silence(now - contact.heard_at, contact.suspicion(now))

    def look(self, document: Document, now: float) -> None:
        """Note what the status document says, a few times a second."""
        seconds = min(now - self._looked_at, LONGEST_LOOK)
        self._looked_at = now
        self._interval.note_document(document, self._runtime.sip.answer_ms, seconds)

    async def run(self) -> None:
        """Take samples for ever, at full ten seconds of the wall clock."""
        while True:
            await asyncio.sleep(SPAN - time.time() % SPAN + LATE)
            self.end_interval(time.time())

    def end_interval(self, now: float) -> None:
        """Take the sample of the interval that has ended; write it unless a write is under way."""
        self._take(now)
        if not self._writing:
            self._writing = True
            self._runtime.in_loop(self._write())

    def _take(self, now: float) -> None:
        at = (int(now) // SPAN - 1) * SPAN
        self._waiting[at] = self._interval.sample(at)
        self._interval = Interval()
        while len(self._waiting) > MOST_WAITING:
            del self._waiting[next(iter(self._waiting))]

    async def _write(self) -> None:
        """Write what waits; what cannot be written is tried again with the next sample."""
        rows = list(self._waiting.values())
        try:
            await self.thread.run(_keep, rows)
        except Exception as error:  # noqa: BLE001 (charts are not worth more than a line of log)
            if not self._failed:
                log.warning("samples cannot be kept: %s", error)
            self._failed = True
        else:
            self._failed = False
            for row in rows:
                if self._waiting.get(row.at) is row:
                    del self._waiting[row.at]
        finally:
            self._writing = False


def _keep(rows: list[Sample]) -> None:
    samples_keep(rows)
    if any(row.at % CLEAN_UP_PERIOD == 0 for row in rows):
        samples_clean_up(int(time.time()))


def _most(known: N | None, seen: N | None) -> N | None:
    """The larger of two numbers, of which either may be unknown."""
    if known is None or seen is None:
        return seen if known is None else known
    return max(known, seen)
