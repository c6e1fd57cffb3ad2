"""Celery tasks of the pair. They only translate: the work is the runtime's and the services'."""

from __future__ import annotations

from celery import shared_task

from standby.runtime import current


@shared_task(name="standby.replicate", ignore_result=True, acks_late=False)
def replicate() -> None:
    """A change was committed: wake the shipper of this process. Losing this task loses nothing."""
    runtime = current()
    if runtime is not None:
        runtime.wake()
