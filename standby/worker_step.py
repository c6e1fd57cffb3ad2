"""Hosts the pair runtime in the standby worker (a step of Celery's *worker* blueprint).

The worker blueprint lives as long as the process; the consumer's ends with the broker. So the
pair goes on when Redis is gone.
"""

from __future__ import annotations

import logging
import os
import threading
from typing import Any

from celery import bootsteps
from celery.signals import worker_shutting_down
from django.conf import settings

from standby.domain.sentence import say
from standby.models import NodeIdentity
from standby.runtime import PairRuntime, current, set_current
from standby.runtime.config import RuntimeConfig
from standby.runtime.priority import prefer_process

log = logging.getLogger(__name__)

EXIT_RUNTIME_FAILED = 70
RESIGN_SLACK = 1.0


class RuntimeStep(bootsteps.StartStopStep):
    """Starts the runtime with the worker and stops it last."""

    requires = ("celery.worker.components:Pool",)

    def __init__(self, parent: Any, **kwargs: Any) -> None:
        super().__init__(parent, **kwargs)
        self.enabled = settings.OMM.process == "standby"

    def start(self, parent: Any) -> None:
        """Begin to beat."""
        prefer_process()
        identity = NodeIdentity.objects.get(pk=1)
        runtime = PairRuntime(RuntimeConfig.from_environment(settings.OMM, identity.node_id))
        set_current(runtime)
        runtime.start()
        prefer_process()
        threading.Thread(target=_watch, args=(runtime,), daemon=True, name="omm-watch").start()

    def stop(self, parent: Any) -> None:
        """Make sure that it has ended."""
        runtime = current()
        if runtime is not None:
            set_current(None)
            runtime.stop()

    terminate = stop


def _watch(runtime: PairRuntime) -> None:
    """A worker without its runtime is worth nothing: the supervisor starts a new one."""
    runtime.join()
    if runtime.failure is not None:
        log.critical("the pair runtime failed: ending the standby worker")
        logging.shutdown()
        os._exit(EXIT_RUNTIME_FAILED)


@worker_shutting_down.connect(weak=False)
def _resign(**_: Any) -> None:
    """The worker was told to stop: give the role away first, without holding the signal up."""
    runtime = current()
    if runtime is not None:
        runtime.resign_soon(say("The standby worker is stopping."))
