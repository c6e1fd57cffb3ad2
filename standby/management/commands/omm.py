"""``manage.py omm``: run one node, all its processes, in the foreground."""

import os
import socket
import sys
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError

from omm_portal.node import redis_server
from omm_portal.node.env import BASE_DIR, SECRET_FILE_NAMES, NodeEnvironment
from omm_portal.node.identity import ForeignData
from omm_portal.node.nursery import preload, serve
from omm_portal.node.prepare import close_databases, prepare
from omm_portal.node.process import allow_many_files
from omm_portal.node.runfiles import AlreadyRunning, take_lock


class Command(BaseCommand):
    """Prepares the databases, then becomes the supervisor."""

    help = "Run this OMM: all its processes, in the foreground, until SIGTERM or Ctrl-C."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--quiet", action="store_true", help="show no log on the terminal")
        parser.add_argument(
            "--new-address",
            action="store_true",
            help="accept that this node's address (OMM_ADDRESS) differs from that of its data",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Never returns: this process goes on as the supervisor."""
        node: NodeEnvironment = settings.OMM
        lock = self._lock(node)
        try:
            if node.redis_url is None:
                redis_server.find_program()
            prepare(node, new_address=options["new_address"])
        except ForeignData as problem:
            raise CommandError(str(problem), returncode=2) from None
        except (redis_server.RedisMissing, DatabaseError, OSError) as problem:
            raise CommandError(f"this OMM cannot start: {problem}") from None
        allow_many_files()
        preload()
        close_databases()
        become_supervisor(node, lock, quiet=options["quiet"])

    def _lock(self, node: NodeEnvironment) -> int:
        try:
            return take_lock(node.run_dir)
        except AlreadyRunning as problem:
            raise CommandError(str(problem)) from None
        except OSError as problem:
            raise CommandError(f"OMM_DATA_DIR cannot be used: {problem}", returncode=2) from None


def become_supervisor(node: NodeEnvironment, lock: int, *, quiet: bool) -> None:
    """Replace this process by the supervisor, which keeps its pid, the lock and the nursery."""
    os.environ["OMM_DATA_DIR"] = str(node.data_dir)
    os.environ["OMM_LOG_DIR"] = str(node.log_dir)
    for name in (*SECRET_FILE_NAMES, "OMM_ENV_FILE"):
        if os.environ.get(name):
            os.environ[name] = str(Path(os.environ[name]).absolute())
    os.chdir(BASE_DIR)
    sys.stdout.flush()
    sys.stderr.flush()
    line, pid = fork_nursery(lock)
    for descriptor in (lock, line):
        os.set_inheritable(descriptor, True)
    command = [sys.executable, "-m", "omm_portal.node.supervisor", "--lock-fd", str(lock)]
    command += ["--nursery-fd", str(line), "--nursery-pid", str(pid)]
    os.execv(sys.executable, [*command, "--quiet"] if quiet else command)  # noqa: S606


def fork_nursery(lock: int) -> tuple[int, int]:
    """Leave everything that is imported to the nursery: its line's descriptor, and its pid.

    Returns in this process only; in the nursery's children it ends with SystemExit.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    supervisor = os.getpid()
    pid = os.fork()
    if pid == 0:
        os.close(lock)
        ours.close()
        serve(theirs, supervisor)
    theirs.close()
    return ours.detach(), pid
