"""A PostgreSQL server of the tests' own, on a Unix socket, gone with the session."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

START_SECONDS = 30
USER = "omm"


@dataclass(frozen=True)
class Server:
    """A running server; ``folder`` holds its socket."""

    folder: Path

    def execute(self, sql: str) -> None:
        with psycopg.connect(
            host=str(self.folder), user=USER, dbname="postgres", autocommit=True
        ) as connection:
            connection.execute(sql)  # type: ignore[call-overload]

    def settings(self, name: str) -> dict[str, Any]:
        """Django's settings of one of its databases, like those of DATABASE_URL."""
        return {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": name,
            "USER": USER,
            "PASSWORD": "",
            "HOST": str(self.folder),
            "PORT": "",
            "CONN_MAX_AGE": 0,
            "OPTIONS": {"pool": {"min_size": 1, "max_size": 4, "timeout": 5}},
        }


def _unprivileged() -> str | None:
    """Who may run a server: PostgreSQL refuses root."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name).pw_name
        except KeyError:
            continue
    pytest.skip("no user to run PostgreSQL as")


@contextmanager
def running_server() -> Iterator[Server]:
    """Start a server, or skip where PostgreSQL is not installed."""
    programs = shutil.which("initdb"), shutil.which("postgres")
    if not all(programs):
        pytest.skip("PostgreSQL (initdb, postgres) is not installed")
    user = _unprivileged()
    folder = Path(tempfile.mkdtemp(prefix="omm-pg-"))
    try:
        if user:
            shutil.chown(folder, user)
        data = folder / "data"
        subprocess.run(
            [programs[0], "-D", data, "-U", USER, "-A", "trust", "-E", "UTF8", "--no-sync"],
            check=True,
            capture_output=True,
            user=user,
            cwd=folder,
        )
        process = subprocess.Popen(
            [programs[1], "-D", data, "-k", folder, "-c", "listen_addresses="],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            user=user,
            cwd=folder,
        )
        try:
            server = Server(folder)
            _wait(server, process)
            yield server
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(30)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _wait(server: Server, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            return server.execute("SELECT 1")
        except psycopg.OperationalError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise
            time.sleep(0.05)
