"""Signed-in browsers and a pair whose other OMM is only a number."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from django.test import Client

from omm_portal.accounts import services
from omm_portal.accounts.models import User
from omm_portal.node.secrets import Secret
from tests.gate import OpenGate

BACKEND = "omm_portal.accounts.auth.PasswordBackend"


def client_of(user: User) -> Client:
    client = Client(headers={"host": "127.0.0.1"})
    client.force_login(user, backend=BACKEND)
    return client


@pytest.fixture
def browser(admin: User) -> Client:
    """The administrator's browser."""
    return client_of(admin)


@pytest.fixture
def reader(admin: User) -> User:
    written = services.user_create(
        values={"username": "reader", "role": "read"}, password="a-long-password", actor="admin"
    )
    return written.value


@pytest.fixture
def reading_browser(reader: User) -> Client:
    """The browser of somebody who may only look."""
    return client_of(reader)


@pytest.fixture
def peer(settings: Any, open_gate: OpenGate) -> str:
    """The address of a configured peer (which does not exist)."""
    settings.OMM = replace(
        settings.OMM, peer_address="127.0.0.2", pair_secret=Secret("s" * 40), replication_wait=0.05
    )
    return "127.0.0.2"
