"""The Celery application of a node: standby worker, and jobs worker with beat."""

import os
import threading
import warnings
from typing import Any

from celery import Celery, bootsteps
from celery.beat import EmbeddedService
from celery.platforms import SecurityWarning  # type: ignore[attr-defined]

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "omm_portal.settings")


class BeatStep(bootsteps.StartStopStep):
    """Beat as a thread of the jobs worker: no process of its own that could be left behind."""

    requires = ("celery.worker.components:Pool",)

    def __init__(self, worker: Any, **options: Any) -> None:
        super().__init__(worker, **options)
        self._beat: Any = None

    def start(self, worker: Any) -> None:
        """Start the thread."""
        self._beat = EmbeddedService(worker.app, thread=True)
        self._beat.daemon = True
        threading.Thread.start(self._beat)

    def stop(self, worker: Any) -> None:
        """Ask the thread to end; the process does not wait for it."""
        if self._beat is not None:
            self._beat.service.stop(wait=False)

    def terminate(self, worker: Any) -> None:
        """As stop()."""
        self.stop(worker)


# It warns of pickle under root on every start; this application takes JSON only.
warnings.filterwarnings("ignore", category=SecurityWarning)

app = Celery("omm_portal")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()

_process = os.environ.get("OMM_PROCESS", "")
if _process == "standby":
    app.steps["worker"].add("standby.worker_step:RuntimeStep")
elif _process == "jobs":
    app.steps["worker"].add(BeatStep)
