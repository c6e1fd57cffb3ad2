"""An OMM that is active or standby, without its processes, and signed-in clients."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.cache import cache
from django.core.management.commands import flush
from django.db import connections
from django.utils import timezone
from rest_framework.test import APIClient

from omm_portal.accounts import services
from omm_portal.accounts.beginnings import ADMIN_NAME
from omm_portal.accounts.models import AccountRole, User
from omm_portal.node.secrets import Secret
from standby import journal
from standby.domain.facts import EMPTY_HASH, Role
from standby.journal import guard
from standby.lease import Lease, LeaseWriter, boot_time

PASSWORD = "correct horse battery"
PEER = "127.0.0.2"


class Node:
    """This OMM's lease, held by the test itself; it is renewed only when something changes."""

    def __init__(self, path: Path) -> None:
        self._writer = LeaseWriter(path)
        self.document = document()
        self.role = Role.ACTIVE
        self.gate_open = True
        self.in_contact = False
        self.acked: tuple[int, str] = (0, EMPTY_HASH)
        self.write()

    def write(self) -> None:
        """Say what the attributes say."""
        self.document["node"]["role"] = self.role.value
        self._writer.write(
            Lease(
                role=self.role,
                term=1,
                gate_open=self.gate_open,
                rfp_open=self.gate_open,
                node_boot="boot",
                role_since=boot_time(),
                renewed_at=boot_time(),
                acked_seq=self.acked[0],
                acked_hash=self.acked[1],
                document=json.dumps(self.document).encode(),
                peer_in_contact=self.in_contact,
            )
        )

    def standby(self, *, active_peer: bool = True) -> None:
        """Turn into a standby, of an active peer or of none."""
        self.role, self.gate_open = Role.STANDBY, False
        self.document["peer"] = {
            "address": PEER,
            "in_contact": active_peer,
            "role": "active" if active_peer else None,
        }
        self.write()

    def close_gate(self) -> None:
        """Active, but accepting no change."""
        self.gate_open = False
        self.write()

    def acknowledge(self) -> None:
        """The peer has everything."""
        head = journal.head()
        self.acked, self.in_contact = (head.seq, head.hash), True
        self.write()

    def die(self) -> None:
        """The runtime is gone."""
        self._writer.close()


def document() -> dict[str, Any]:
    """A status document, as far as the endpoints look at it."""
    return {
        "node": {"address": "127.0.0.1", "role": "active", "synchronised": True, "term": 1},
        "peer": None,
        "journal": {"seq": 0, "hash": "", "peer_seq": None, "unsafe": 0, "set_aside": 0},
        "sip": {"configured": False, "reachable": None},
        "rfps": {"configured": 0, "connected": 0},
        "warnings": [],
        "reason": "a test says so",
    }


@pytest.fixture(autouse=True, scope="session")
def _tables_can_be_emptied() -> Iterator[None]:
    """Between tests all tables are emptied, which the journal's guard would refuse."""
    original = flush.Command.handle

    def handle(command: flush.Command, **options: Any) -> None:
        with guard.lifted(connections[options["database"]]):
            original(command, **{**options, "inhibit_post_migrate": True})

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flush.Command, "handle", handle)
        yield


@pytest.fixture
def node(transactional_db: None, settings: Any, tmp_path: Path) -> Iterator[Node]:
    """An active OMM whose journal has just begun; its administrator is ``admin``."""
    cache.clear()
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.OMM = dataclasses.replace(
        django_settings.OMM,
        data_dir=tmp_path,
        heartbeat_interval=1000.0,
        admin_password=Secret(PASSWORD),
        peer_address=PEER,
        replication_wait=0.3,
    )
    (tmp_path / "run").mkdir()
    made = Node(settings.OMM.lease_path)
    journal.fence_open(1)
    yield made
    made.die()


@pytest.fixture
def admin(node: Node) -> User:
    """The built-in administrator."""
    return User.objects.get(username=ADMIN_NAME)


@pytest.fixture
def reader(node: Node) -> User:
    """A user who may only look."""
    values = {"username": "reader", "role": AccountRole.READ}
    return services.user_create(values=values, password=PASSWORD, actor="admin").value


@pytest.fixture
def signed_in() -> Callable[[User], APIClient]:
    """Makes a client that shows the user's token."""

    def client_of(user: User) -> APIClient:
        key = services.token_create(user=user, now=timezone.now()).value.key
        client = APIClient(raise_request_exception=False)
        client.credentials(HTTP_AUTHORIZATION=f"Token {key}")
        return client

    return client_of


@pytest.fixture
def api(admin: User, signed_in: Callable[[User], APIClient]) -> APIClient:
    """A client with full access."""
    return signed_in(admin)


@pytest.fixture
def reader_api(reader: User, signed_in: Callable[[User], APIClient]) -> APIClient:
    """A client that may only look."""
    return signed_in(reader)


@pytest.fixture
def anonymous() -> APIClient:
    """A client that shows nothing."""
    return APIClient(raise_request_exception=False)
