"""After a commit: wake whoever ships it. Bounded, and its failure is nobody's failure.

The pair runtime compares heads at every heartbeat anyway; ringing only makes it faster.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from typing import Any

from standby import gate

log = logging.getLogger(__name__)
TASK = "standby.replicate"
EXPIRES = 10.0
"""Seconds after which the wake-up is of no use any more."""
PAUSE = 0.1
"""Seconds between two wake-ups: one task stands for a burst of commits, each of which has rung."""
BACK_OFF = 1.0
"""Seconds without another attempt after a failed one: a dead broker must cost next to nothing."""
_pending: queue.Queue[None] = queue.Queue(maxsize=1)
_starting = threading.Lock()
_thread: threading.Thread | None = None
counts = {"rung": 0, "enqueued": 0, "enqueue_failed": 0}
"""How often each happened in this process, for metrics."""


def after_commit() -> None:
    """Ring the runtime, then let a thread enqueue the Celery task; never raises."""
    try:
        gate.ring()
        counts["rung"] += 1
        _enqueue_soon()
    except Exception:
        log.exception("waking the replication failed")


def _enqueue_soon() -> None:
    """A task that is already waiting stands for this commit too."""
    global _thread  # noqa: PLW0603
    try:
        _pending.put_nowait(None)
    except queue.Full:
        return
    with _starting:
        if _thread is None or not _thread.is_alive():
            _thread = threading.Thread(target=_run, name="journal-wake", daemon=True)
            _thread.start()


def _run() -> None:
    connection: Any = None
    while True:
        _pending.get()
        try:
            connection = connection or _connect()
            _celery().send_task(
                TASK, queue="standby", connection=connection, retry=False, expires=EXPIRES
            )
            counts["enqueued"] += 1
            time.sleep(PAUSE)
        except Exception as problem:  # noqa: BLE001 (whatever a broker throws)
            counts["enqueue_failed"] += 1
            log.debug("the replicate task was not enqueued: %s", problem)
            _close(connection)
            connection = None
            time.sleep(BACK_OFF)


def _celery() -> Any:
    from omm_portal.celery import app

    return app


def _connect() -> Any:
    """A broker connection of this thread that gives up at once instead of retrying for ever."""
    connection = _celery().connection_for_write()
    connection.transport_options = {**connection.transport_options, "max_retries": 0}
    connection.ensure_connection(max_retries=1, interval_start=0, interval_step=0)
    return connection


def _close(connection: Any) -> None:
    try:
        if connection is not None:
            connection.close()
    except Exception as problem:  # noqa: BLE001 (it is broken already)
        log.debug("closing the broker connection failed: %s", problem)
