"""The nursery: has everything imported already, and gives birth to the node's Python processes.

A process that is forked here serves within milliseconds, where a new interpreter imports for more
than a second, and all share the memory of what they import. Each new process becomes a child of
the *supervisor*, so the nursery itself may die at any time: the next children then start the slow
way, until there is a new nursery.

Forked from ``manage.py omm``, or later run as ``python -m omm_portal.node.nursery``.
"""

import argparse
import contextlib
import gc
import importlib
import json
import logging
import logging.config
import os
import runpy
import signal
import socket
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NoReturn

from omm_portal.node.logs import logging_config
from omm_portal.node.process import set_title, tie_to

log = logging.getLogger("omm.nursery")

NAME = "nursery"
REQUEST_BYTES = 65536
GO = b"g"
PRELOADED = (
    "celery.bin.celery",
    "celery.apps.worker",
    "celery.worker.components",
    "celery.worker.consumer",
    "celery.concurrency.thread",
    "celery.beat",
    "kombu.transport.redis",
    "channels.auth",
    "channels.routing",
    "channels_redis.pubsub",
    "autobahn.twisted.websocket",  # without Twisted's reactor: that one belongs to one process
    "twisted.web.http",
    "daphne.http_protocol",
    "daphne.ws_protocol",
    "standby.tasks",
    "standby.runtime",
    "standby.consumers",
    "omm_portal.urls",
    "omm_portal.front",
)


def preload() -> None:
    """Import what the children will need; what cannot be imported is their own trouble."""
    for name in PRELOADED:
        try:
            importlib.import_module(name)
        except Exception:
            log.exception("%s cannot be imported", name)


def serve(line: socket.socket, supervisor: int) -> None:
    """Give birth as the supervisor asks, until it closes the line.

    Returns in every newborn process after its program's end: by SystemExit, as any program.
    """
    tie_to(supervisor)
    os.setpgid(0, 0)
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    set_title("omm-nursery", "omm nursery")
    gc.collect()
    gc.freeze()
    line.send(b"ready")
    while True:
        data, descriptors, _, _ = socket.recv_fds(line, REQUEST_BYTES, 2)
        if not data:
            os._exit(0)
        pid = _bear(json.loads(data), supervisor, *descriptors)
        for descriptor in descriptors:
            os.close(descriptor)
        line.send(str(pid).encode())


def _bear(request: dict[str, Any], supervisor: int, output: int, go: int) -> int:
    """Fork twice: the process between ends at once, and its child becomes the supervisor's."""
    reader, writer = os.pipe()
    between = os.fork()
    if between == 0:
        pid = os.fork()
        if pid == 0:
            _live(request, supervisor, output, go)
        with contextlib.suppress(OSError):
            os.setpgid(pid, pid)
        os.write(writer, str(pid).encode())
        os._exit(0)
    os.close(writer)
    pid = int(os.read(reader, 32))
    os.close(reader)
    os.waitpid(between, 0)
    return pid


def _live(request: dict[str, Any], supervisor: int, output: int, go: int) -> NoReturn:
    """A newborn process: waits for the supervisor's word, then becomes its program."""
    if os.read(go, 1) != GO:  # the supervisor died, or gave up waiting for this birth
        os._exit(1)
    tie_to(supervisor)
    null = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((null, 0), (output, 1), (output, 2)):
        os.dup2(source, target)
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.update(request["environment"])
    command = request["command"]
    set_title(f"omm-{request['name']}", f"omm {request['name']}: {' '.join(command[1:])}")
    _log_as(request["name"])
    run_program(command)


def _log_as(name: str) -> None:
    """Log to this process' own file, as its settings would have said from the start."""
    import django
    from django.conf import settings

    settings.OMM = replace(settings.OMM, process=name)
    settings.LOGGING = logging_config(settings.OMM)
    django.setup()


def run_program(command: Sequence[str]) -> NoReturn:
    """Run ``python -m MODULE ...`` or ``python FILE ...`` in this interpreter, to its end."""
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    first, *rest = command[1:]
    if first == "-m":
        sys.argv = rest
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    else:
        sys.argv = [first, *rest]
        runpy.run_path(first, run_name="__main__")
    sys.exit(0)


def main() -> None:
    """A nursery after the first one: started by the supervisor, with nothing imported yet."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--line-fd", type=int, required=True)
    options = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "omm_portal.settings")
    supervisor = os.getppid()
    import django

    django.setup()
    preload()
    serve(socket.socket(fileno=options.line_fd), supervisor)


if __name__ == "__main__":
    main()
