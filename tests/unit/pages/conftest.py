"""Signed-in browsers and a pair whose other OMM is only a number."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from channels.layers import InMemoryChannelLayer, channel_layers
from django.test import Client
from django.utils import timezone

from omm_portal.accounts import services
from omm_portal.accounts.models import User
from omm_portal.node.secrets import Secret
from tests.gate import OpenGate
from tests.unit.pages.sockets import cookie_of

BACKEND = "omm_portal.accounts.auth.PasswordBackend"


def client_of(user: User) -> Client:
    client = Client(headers={"host": "127.0.0.1"})
    client.force_login(user, backend=BACKEND)
    return client


def hidden_in(page: Any) -> dict[str, str]:
    """The hidden fields of a page's forms, as a browser sends them."""
    fields = re.findall(r'<input type="hidden" name="(\w+)"([^>]*)>', page.content.decode())
    values = {name: re.search(r'value="([^"]*)"', rest) for name, rest in fields}
    return {name: html.unescape(found[1]) if found else "" for name, found in values.items()}


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


@pytest.fixture
def layer() -> Iterator[InMemoryChannelLayer]:
    layer = InMemoryChannelLayer()
    old = channel_layers.set("default", layer)
    yield layer
    channel_layers.backends.pop("default") if old is None else channel_layers.set("default", old)


@pytest.fixture
def document(open_gate: OpenGate) -> dict[str, Any]:
    document = {"node": {"role": "active"}, "journal": {"seq": 1}, "warnings": []}
    open_gate.say(document=json.dumps(document).encode())
    return document


@pytest.fixture
def cookie(admin: User, document: Any, layer: Any) -> str:
    return cookie_of(client_of(admin))


@pytest.fixture
def token(admin: User, document: Any, layer: Any) -> str:
    return services.token_create(user=admin, now=timezone.now()).value.key
