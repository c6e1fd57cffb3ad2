"""Status and health, answered from the lease file before Django and for any Host.

They must be quick and must work when little else does: whoever asks wants to know exactly that.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import DatabaseError, connections

from omm_portal.node.env import NodeEnvironment
from standby import gate
from standby.document import status_bytes
from standby.domain.facts import Role
from standby.texts import language_asked

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

STATUS = "/api/v1/status"
DATABASE_PATIENCE = 2.0
"""Seconds that the database may take to show that it can be read."""

_OK, _UNAVAILABLE = 200, 503


@dataclass(frozen=True, slots=True)
class Answer:
    """A small JSON answer."""

    code: int
    body: bytes
    kind: bytes = b"application/json"
    headers: tuple[tuple[bytes, bytes], ...] = field(default=())


class FrontDoor:
    """Answers status and health itself and hands everything else to ``inner``."""

    def __init__(self, inner: Application) -> None:
        self._inner = inner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One HTTP request."""
        path = scope["path"].rstrip("/")
        handler = _HANDLERS.get(path)
        if handler is None:
            await self._inner(scope, receive, send)
            return
        if scope["method"] in {"GET", "HEAD"}:
            answer = await handler(scope)
        else:
            answer = _not_allowed()
        cors = _cors(scope["headers"]) if path == STATUS else ()
        await _respond(send, answer, cors, with_body=scope["method"] != "HEAD")


async def _status(scope: Scope) -> Answer:
    return Answer(_OK, status_bytes(language_asked(scope)))


async def _live(_scope: Scope) -> Answer:
    return _health(ok=True, reason="the web service runs")


async def _ready(_scope: Scope) -> Answer:
    view = gate.lease()
    if not view.valid:
        return _health(ok=False, reason=view.why)
    try:
        readable = sync_to_async(_database_readable, thread_sensitive=False)
        await asyncio.wait_for(readable(), DATABASE_PATIENCE)
    except TimeoutError:
        return _health(ok=False, reason="the database does not answer")
    except DatabaseError:
        return _health(ok=False, reason="the database cannot be read")
    return _health(ok=True, reason="the lease is fresh and the database can be read")


async def _active(_scope: Scope) -> Answer:
    return _has_role(Role.ACTIVE)


async def _standby(_scope: Scope) -> Answer:
    return _has_role(Role.STANDBY)


_HANDLERS: Mapping[str, Callable[[Scope], Awaitable[Answer]]] = {
    STATUS: _status,
    "/health/live": _live,
    "/health/ready": _ready,
    "/health/active": _active,
    "/health/standby": _standby,
}


def _has_role(role: Role) -> Answer:
    view = gate.lease()
    if not view.valid or view.lease is None:
        return _health(ok=False, reason=view.why)
    found = view.lease.role
    return _health(ok=found == role, reason=f"the role is {found.value}")


def _health(*, ok: bool, reason: str) -> Answer:
    body = json.dumps({"ok": ok, "reason": reason}).encode()
    return Answer(_OK if ok else _UNAVAILABLE, body)


def _not_allowed() -> Answer:
    document = {"type": "method-not-allowed", "title": "Method not allowed", "status": 405}
    body = json.dumps(document).encode()
    return Answer(405, body, b"application/problem+json", ((b"allow", b"GET, HEAD"),))


def _database_readable() -> None:
    connection = connections["default"]
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT seq FROM standby_journalhead")
            cursor.fetchone()
    finally:
        connection.close()


def _cors(headers: Iterable[tuple[bytes, bytes]]) -> tuple[tuple[bytes, bytes], ...]:
    """The pair's own pages may read the status of either OMM; nobody else's may."""
    vary = (b"vary", b"Origin")
    origin = next((value for name, value in headers if name == b"origin"), b"")
    if origin in _allowed_origins(settings.OMM):
        return (vary, (b"access-control-allow-origin", origin))
    return (vary,)


@lru_cache(maxsize=4)
def _allowed_origins(omm: NodeEnvironment) -> frozenset[bytes]:
    return frozenset(origin.encode() for origin in omm.pair_origins)


async def _respond(
    send: Send, answer: Answer, more: tuple[tuple[bytes, bytes], ...], *, with_body: bool
) -> None:
    headers = [
        (b"content-type", answer.kind),
        (b"content-length", str(len(answer.body)).encode()),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
        *answer.headers,
        *more,
    ]
    await send({"type": "http.response.start", "status": answer.code, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body if with_body else b""})
