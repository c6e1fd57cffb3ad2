"""Hearing the peer: an adaptive silence detector with three speeds of evidence.

The detector never reads a clock and never does I/O; every method takes ``now`` in seconds of the
boot-time clock. Rules: "As long as both OMMs are in contact" (manual 7.15, How OMM Standby works).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

PROBE_TIME = 0.2
"""Seconds of probing on every path before silence becomes a verdict."""
GAP_FACTOR = 1.6
GAP_HALF_LIFE = 30.0
"""Seconds after which a remembered gap weighs half."""
MIN_BEATS = 4


class Evidence(StrEnum):
    """Why contact counts as lost."""

    NEVER = "never"
    REFUSED = "refused"
    SILENCE = "silence"
    RESTART = "restart"


class Hearing(StrEnum):
    """How the peer is heard at this moment."""

    NEVER = "never"
    HEARD = "heard"
    SUSPECT = "suspect"
    LOST = "lost"


HEARS: Final = (Hearing.HEARD, Hearing.SUSPECT)
"""The peer is heard, though perhaps under suspicion."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Every duration of the pair, in seconds."""

    interval: float = 0.1
    contact_timeout: float = 1.0
    startup_wait: float = 3.0
    handover_wait: float = 2.0
    error_grace: float = 3.0
    sip_lost_wait: float = 30.0
    sip_fresh: float = 10.0
    """How young a SIP answer must be after the peer refused a connection."""


@dataclass(slots=True)
class Contact:
    """What one OMM knows about hearing its peer."""

    timing: Timing
    state: Hearing = Hearing.NEVER
    heard_at: float | None = None
    evidence: Evidence = Evidence.NEVER
    lost_at: float | None = None
    _gap: float = 0.0
    _gap_at: float = 0.0
    _suspect_at: float = 0.0
    _quiet_until: float = 0.0
    _forgiven: bool = False
    _learn: bool = False
    _due: float | None = None
    """What _suspect_from() found, until something that it rests on changes."""

    def use(self, timing: Timing) -> None:
        """Other durations hold from now on."""
        self.timing = timing
        self._due = None

    def heard(self, now: float) -> bool:
        """A fresh authenticated statement arrived; True when contact begins with it."""
        began = self.state in (Hearing.NEVER, Hearing.LOST)
        if self.heard_at is not None and self._learn and not began:
            self._learn_gap(now - self.heard_at, now)
        self.state = Hearing.HEARD
        self.heard_at = now
        self._due = self.lost_at = None
        self._learn = True
        self._forgiven = False
        return began

    def _learn_gap(self, gap: float, now: float) -> None:
        faded = self._gap * math.exp2((self._gap_at - now) / GAP_HALF_LIFE)
        self._gap = max(gap, faded)
        self._gap_at = now

    def timeout(self, now: float) -> float:
        """Seconds of silence after which probing starts."""
        faded = self._gap * math.exp2(-max(0.0, now - self._gap_at) / GAP_HALF_LIFE)
        most = self.timing.contact_timeout - PROBE_TIME
        return min(max(GAP_FACTOR * faded, MIN_BEATS * self.timing.interval), most)

    def tick(self, now: float) -> Hearing:
        """Advance to ``now``; returns the state, LOST only after the whole rule was followed."""
        if self.heard_at is None or self.state in (Hearing.NEVER, Hearing.LOST):
            return self.state
        if self.state is Hearing.HEARD and now >= self._suspect_from():
            self.state = Hearing.SUSPECT
            self._suspect_at = self._suspect_from()
        if self.state is Hearing.SUSPECT and now >= self._suspect_at + PROBE_TIME:
            self._lose(Evidence.SILENCE, now)
        return self.state

    def _suspect_from(self) -> float:
        if self._due is None:
            heard_at = self.heard_at or 0.0
            self._due = max(heard_at + self.timeout(heard_at), self._quiet_until)
        return self._due

    def next_look(self) -> float | None:
        """When ``tick`` would next change the state if nothing is heard; None: never."""
        if self.state is Hearing.HEARD:
            return self._suspect_from()
        return self._suspect_at + PROBE_TIME if self.state is Hearing.SUSPECT else None

    def lose(self, evidence: Evidence, now: float) -> None:
        """Contact is lost at once, on evidence better than silence."""
        if self.hears:
            self._lose(evidence, now)

    def _lose(self, evidence: Evidence, now: float) -> None:
        self.state = Hearing.LOST
        self.evidence = evidence
        self.lost_at = now
        self._learn = False

    def forgive(self, now: float) -> bool:
        """The own loop was late: accuse nobody for one timeout, once in a silence."""
        self._learn = False
        if self._forgiven or not self.hears:
            return False
        self._forgiven = True
        self.state = Hearing.HEARD
        self._quiet_until = now + self.timeout(now)
        self._due = None
        return True

    @property
    def hears(self) -> bool:
        """The peer is heard, though perhaps under suspicion."""
        return self.state in HEARS

    def forget(self) -> None:
        """Start over, as at the start of the process (after a freeze)."""
        self.state = Hearing.NEVER
        self.evidence = Evidence.NEVER
        self.lost_at = None
        self._learn = False

    def suspicion(self, now: float) -> int:
        """0 to 100 %: how near the silence has come to a verdict (for the gauge on the page)."""
        if self.heard_at is None or self.state is Hearing.LOST:
            return 100 if self.state is Hearing.LOST else 0
        whole = self.timeout(self.heard_at) + PROBE_TIME
        return max(0, min(100, round(100 * (now - self.heard_at) / whole)))

    def missed_beats(self, now: float) -> float:
        """Silence in units of the heartbeat interval."""
        return 0.0 if self.heard_at is None else (now - self.heard_at) / self.timing.interval
