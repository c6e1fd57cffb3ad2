"""Open WebSockets of pages and programs, as tests hold them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from channels.testing import WebsocketCommunicator
from django.conf import settings as django_settings
from django.test import Client

from standby.consumers import StatusConsumer

HOST = "127.0.0.1:8000"
ORIGIN = f"http://{HOST}"


def cookie_of(client: Client) -> str:
    name = django_settings.SESSION_COOKIE_NAME
    return f"{name}={client.cookies[name].value}"


def communicator(
    *,
    origin: str | None = ORIGIN,
    cookie: str = "",
    protocols: list[str] | None = None,
    query: str = "",
) -> WebsocketCommunicator:
    headers = [(b"host", HOST.encode())]
    if origin is not None:
        headers.append((b"origin", origin.encode()))
    if cookie:
        headers.append((b"cookie", cookie.encode()))
    return WebsocketCommunicator(
        StatusConsumer.as_asgi(), f"/ws/status/{query}", headers=headers, subprotocols=protocols
    )


@asynccontextmanager
async def connected(**kwargs: Any) -> AsyncIterator[WebsocketCommunicator]:
    socket = communicator(**kwargs)
    accepted, _protocol = await socket.connect(timeout=5)
    assert accepted
    yield socket
    await socket.disconnect(timeout=5)


async def next_of(socket: WebsocketCommunicator, kind: str) -> dict[str, Any]:
    """The next message of this type, whatever comes before."""
    while True:
        message: dict[str, Any] = await socket.receive_json_from(timeout=5)
        if message["type"] == kind:
            return message


async def is_refused(**kwargs: Any) -> bool:
    socket = communicator(**kwargs)
    accepted, _code = await socket.connect(timeout=5)
    return not accepted


async def closed(socket: WebsocketCommunicator) -> int:
    """The code that the server closes with, whatever it says before."""
    while (message := await socket.receive_output(timeout=5))["type"] != "websocket.close":
        pass
    return int(message["code"])
