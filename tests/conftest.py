"""Fixtures for all tests: databases that may be flushed, an OMM with an open gate, its admin."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.hashers import MD5PasswordHasher
from django.db import connections
from django.test import override_settings
from xdist.scheduler import LoadScopeScheduling

from omm_portal.accounts.models import User
from omm_portal.node.secrets import Secret
from standby import journal
from standby.journal import guard
from standby.models import fixed_id
from tests.gate import OpenGate, open_gate_at

ADMIN_PASSWORD = "correct horse battery staple"


REAL = (
    "tests/browser/",
    "tests/integration/",
    "tests/unit/node/",
    "tests/unit/link/",
    "tests/chaos/",
    "tests/dhcp/",
)
"""Folders whose tests start processes or measure real time: never two of one kind at once."""


class Lanes(LoadScopeScheduling):
    """For several workers: file by file, but everything in a browser by one of them, and by one
    what else needs the machine for itself."""

    def _split_scope(self, nodeid: str) -> str:
        if nodeid.startswith(REAL[0]):
            return REAL[0]
        return "real" if nodeid.startswith(REAL[1:]) else nodeid.partition("::")[0]


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Lanes:
    """Called by pytest-xdist when there are workers."""
    return Lanes(config, log)


@pytest.fixture(autouse=True, scope="session")
def fast_password_hashes() -> Iterator[None]:
    """Hash passwords cheaply: no test looks at how strong a hash is."""
    name = f"{MD5PasswordHasher.__module__}.{MD5PasswordHasher.__qualname__}"
    with override_settings(PASSWORD_HASHERS=[name]):
        yield


@pytest.fixture(autouse=True, scope="session")
def flush_may_write() -> Iterator[None]:
    """Emptying the tables after a transactional test is not a change that needs an entry."""
    with pytest.MonkeyPatch.context() as patch:
        for operations in {type(connections[alias].ops) for alias in connections}:
            patch.setattr(operations, "execute_sql_flush", _lifted(operations.execute_sql_flush))
        yield


def _lifted(flush: Any) -> Any:
    def execute_sql_flush(self: Any, sql_list: list[str]) -> None:
        with guard.lifted(self.connection):
            flush(self, sql_list)

    return execute_sql_flush


@pytest.fixture
def omm(settings: Any, tmp_path: Path) -> Any:
    """This OMM's environment with a data directory of its own and a slow heartbeat, so that a
    busy machine never lets the lease run out."""
    settings.OMM = replace(
        settings.OMM,
        data_dir=tmp_path / "data",
        heartbeat_interval=2.0,
        admin_password=Secret(ADMIN_PASSWORD),
    )
    settings.OMM.run_dir.mkdir(parents=True)
    return settings.OMM


@pytest.fixture
def open_gate(db: None, omm: Any) -> Iterator[OpenGate]:
    """An active OMM in term 1: valid lease, open fence, a journal of its beginnings.

    A test that needs real commits asks for ``transactional_db`` as well.
    """
    gate = open_gate_at(omm.lease_path)
    journal.fence_open(1)
    yield gate
    gate.stop()


@pytest.fixture
def admin(open_gate: OpenGate) -> User:
    """The administrator of the journal's beginnings; the password is ADMIN_PASSWORD."""
    return User.objects.get(pk=fixed_id("user:admin"))
