"""A PostgreSQL server of the tests' own, on a Unix socket, gone with the block that started it."""

from __future__ import annotations

import contextlib
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
OPTIONS = ("-c", "listen_addresses=", "-c", "fsync=off")


@dataclass
class Server:
    """A server that can be stopped and started; ``folder`` holds its data and its socket."""

    folder: Path
    programs: Path
    user: str | None
    _process: subprocess.Popen[bytes] | None = None

    def create(self) -> None:
        """Make the data of an empty server."""
        options = ["-U", USER, "-A", "trust", "-E", "UTF8", "--no-sync"]
        subprocess.run(
            [self.programs / "initdb", "-D", self._data, *options],
            check=True,
            capture_output=True,
            user=self.user,
            cwd=self.folder,
        )

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    def start(self) -> None:
        """Start it and wait until it answers."""
        self._process = subprocess.Popen(
            [self.programs / "postgres", "-D", self._data, "-k", self.folder, *OPTIONS],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            user=self.user,
            cwd=self.folder,
        )
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                return self.execute("SELECT 1")
            except psycopg.OperationalError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    def stop(self) -> None:
        """End it at once, whoever is connected; what was committed stays."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(START_SECONDS)
            self._process = None

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """It does not run during the block."""
        self.stop()
        try:
            yield
        finally:
            self.start()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """All its processes stand still during the block: it takes connections, answers nothing."""
        assert self._process is not None
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text()
        pids = [self._process.pid, *map(int, children.split())]
        _signal(pids, signal.SIGSTOP)
        try:
            yield
        finally:
            _signal(pids, signal.SIGCONT)

    def execute(self, sql: str) -> None:
        with psycopg.connect(
            host=str(self.folder), user=USER, dbname="postgres", autocommit=True
        ) as connection:
            connection.execute(sql)  # type: ignore[call-overload]

    def url(self, name: str) -> str:
        """One of its databases as DATABASE_URL."""
        return f"postgres://{USER}@/{name}?host={self.folder}"

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


def _signal(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def _programs() -> Path:
    """Where PostgreSQL's server programs are: on the path, or where Debian puts them."""
    found = shutil.which("postgres")
    folders = [Path(found).resolve().parent] if found else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    for folder in folders:
        if all((folder / name).exists() for name in ("initdb", "postgres")):
            return folder
    pytest.skip("PostgreSQL (initdb, postgres) is not installed")


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
    programs, user = _programs(), _unprivileged()
    folder = Path(tempfile.mkdtemp(prefix="omm-pg-"))
    server = Server(folder, programs, user)
    try:
        if user:
            shutil.chown(folder, user)
        server.create()
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)
