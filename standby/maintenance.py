"""Maintenance (rule 10): a time without automatic takeovers, with an owner and an end.

Each OMM reads the replicated row and ends the maintenance by itself; see
``standby/runtime/maintenance.py`` for what different clocks do to that.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from standby import journal
from standby.domain.sentence import say
from standby.models import Maintenance, fixed_id
from standby.rules import row_problems
from standby.written import Conflict, Written, expect_version

MAINTENANCE_ID = fixed_id("maintenance")
LONGEST = timedelta(hours=24)


def maintenance_row() -> Maintenance:
    """The row as it is; also when nothing was ever written."""
    return Maintenance.objects.filter(pk=MAINTENANCE_ID).first() or Maintenance(id=MAINTENANCE_ID)


def is_on(row: Maintenance, now: datetime) -> bool:
    """True while no automatic takeover happens."""
    return row.until is not None and row.until > now


def maintenance_running(now: datetime) -> Maintenance | None:
    """The maintenance that is on; None when none is."""
    row = maintenance_row()
    return row if is_on(row, now) else None


def maintenance_begin(
    *,
    until: datetime,
    reason: str = "",
    now: datetime,
    expected_version: int | None = None,
    actor: str,
    source: str = "web",
) -> Written[Maintenance]:
    """Have no automatic takeover until then; one that is on is replaced.

    Raises ValidationError (by field), StaleObject, and what the journal raises.
    """
    with journal.change(actor=actor, source=source) as change:
        row = expect_version(maintenance_row(), expected_version)
        row.owner, row.reason, row.begun_at, row.until = actor, reason, now, until
        problems = row_problems(row, exclude={"owner"})
        if "until" not in problems and (problem := _end_problem(until, now)):
            problems["until"] = [problem]
        if problems:
            raise ValidationError(problems)
        change.save(row)
    return Written(row, change.receipt)


def maintenance_end(
    *, now: datetime, expected_version: int | None = None, actor: str, source: str = "web"
) -> Written[Maintenance]:
    """End the maintenance before its time; raises Conflict when none is on."""
    with journal.change(actor=actor, source=source) as change:
        row = expect_version(maintenance_row(), expected_version)
        if not is_on(row, now):
            raise Conflict("no-maintenance", say("No maintenance is on."))
        row.owner, row.reason, row.begun_at, row.until = "", "", None, None
        change.save(row)
    return Written(row, change.receipt)


def _end_problem(until: datetime, now: datetime) -> str:
    if until <= now:
        return str(_("This time is over already."))
    if until - now > LONGEST:
        return str(_("A maintenance lasts at most 24 hours."))
    return ""
