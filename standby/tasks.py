"""Celery tasks of the pair. They only translate: the work is the runtime's and the services'."""

from __future__ import annotations

from celery import shared_task
from django.core.management import call_command
from django.utils import timezone

from omm_portal.accounts import lockouts
from standby.backup.schedule import run_schedule
from standby.housekeeping import events_clean_up
from standby.runtime import current


@shared_task(name="standby.replicate", ignore_result=True, acks_late=False)
def replicate() -> None:
    """A change was committed: wake the shipper of this process. Losing this task loses nothing."""
    runtime = current()
    if runtime is not None:
        runtime.wake()


@shared_task(name="jobs.back_up", ignore_result=True)
def back_up() -> None:
    """Make the back-up that is due, if one is; on both OMMs, each from its own data."""
    run_schedule(timezone.now())


@shared_task(name="jobs.clean_up", ignore_result=True)
def clean_up() -> None:
    """Drop what this node need not keep: old events, wrong passwords, sessions that have ended."""
    now = timezone.now()
    events_clean_up(now)
    lockouts.clean_up(now=now)
    call_command("clearsessions")
