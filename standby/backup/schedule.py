"""Back-ups that are made by themselves, on both OMMs, each from its own copy of the data.

When one was due last follows from the wall clock and the settings alone, so a fail-over, a restart
or a missed minute changes nothing; and a clock that is set back or on costs at most one more.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import DatabaseError

from standby import keyring, selectors
from standby.backup import files
from standby.backup.services import backup_make
from standby.backup.state import State, read_state, write_state
from standby.domain.sentence import say
from standby.keyring import Unreadable
from standby.models import BackupSettings
from standby.written import Conflict

AGAIN: Final = 300.0
"""Seconds after a failure until it is tried again."""
AHEAD: Final = 3600.0
"""Seconds in the future from which on a time proves only that the clock was set back."""

log = logging.getLogger(__name__)


def last_due(at_time: str, every_hours: int, zone: tzinfo, now: datetime) -> datetime:
    """When a back-up was due last, at ``now`` or before."""
    hour, minute = (int(part) for part in at_time.split(":"))
    today = now.astimezone(zone).replace(hour=hour, minute=minute, second=0, microsecond=0)
    moments = (
        (today + timedelta(days=day, hours=offset)).astimezone(UTC)
        for day in (-1, 0)
        for offset in range(0, 24, every_hours)
    )
    return max(moment for moment in moments if moment <= now)


def is_due(slot: datetime, state: State, now: datetime) -> bool:
    """True when none was made since ``slot``, and a failure is not too fresh."""
    moment = now.timestamp()
    last = state.success if state.success is not None else state.since
    has_one = slot.timestamp() <= last <= moment + AHEAD
    waits = state.tried is not None and 0 <= moment - state.tried < AGAIN and state.failure
    return not has_one and not waits


def run_schedule(now: datetime) -> None:
    """Make a back-up if one is due, drop old ones, and note how it went."""
    folder = files.folder()
    known = read_state(folder) or State(since=now.timestamp())
    row = selectors.backup_settings()
    if not row.scheduled:
        new = State(since=known.since, success=known.success)
    else:
        new = _with_one(row, known, now)
    if new != known or read_state(folder) is None:
        write_state(folder, new)


def _with_one(row: BackupSettings, known: State, now: datetime) -> State:
    """The state after a back-up, if one was due."""
    since = min(known.since, now.timestamp())
    success, tried, failure = known.success, known.tried, known.failure
    slot = last_due(row.at_time, row.every_hours, _zone(), now)
    if is_due(slot, known, now):
        tried, failure = now.timestamp(), _attempt(row, now)
        if not failure:
            success = tried
            files.clean_up(now, keep=row.keep_count, days=row.keep_days)
    last = max(since, success or 0.0)
    return State(since, success, tried, failure, last + 2 * 3600.0 * row.every_hours)


def _attempt(row: BackupSettings, now: datetime) -> str:
    """Make one; why that failed, or an empty text."""
    try:
        passphrase = keyring.reveal(row, "passphrase")
        actor = f"schedule of {settings.OMM.address}"
        backup_make(now=now, actor=actor, passphrase=passphrase, kind=files.SCHEDULED)
    except Unreadable:
        return say("the stored passphrase cannot be read: enter it again.")
    except Conflict as problem:
        log.warning("a scheduled back-up failed: %s", problem.reason)
        return problem.reason
    except DatabaseError as problem:
        log.warning("a scheduled back-up failed", exc_info=problem)
        return say("the database cannot be read.")
    return ""


def _zone() -> tzinfo:
    try:
        return ZoneInfo(selectors.system_settings().time_zone)
    except (ValueError, OSError):
        return UTC
