"""After a commit: wake whoever ships it. Bounded, and its failure is nobody's failure.

The pair runtime compares heads at every heartbeat anyway; ringing only makes it faster.
"""

from __future__ import annotations

import logging
import queue
import threading
from typing import Any

from standby import gate

log = logging.getLogger(__name__)
TASK = "standby.tasks.replicate"
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
    while True:
        _pending.get()
        try:
            _celery().send_task(TASK, queue="standby", retry=False, ignore_result=True, expires=10)
            counts["enqueued"] += 1
        except Exception as problem:  # noqa: BLE001 (whatever a broker throws)
            counts["enqueue_failed"] += 1
            log.debug("the replicate task was not enqueued: %s", problem)


def _celery() -> Any:
    from omm_portal.celery import app

    return app
