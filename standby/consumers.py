"""The WebSocket of open pages and of programs: a snapshot, then numbered deltas.

Server to client:
    {"type": "snapshot", "seq": n, "document": {...}, "events": [...]}
    {"type": "delta", "seq": n + 1, "document": {changed top-level keys}, "removed": [...],
     "events": [...]}            ("events" only when they changed, and then all of them)
    {"type": "beat", "seq": n}   (nothing changed for half a second)
    {"type": "ticket", "ticket": text or null}
Client to server: {"type": "snapshot"} after a gap, {"type": "ticket"}. Others are ignored.
Texts are in English, or in the language of the address: ``/ws/status/?language=de``.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings
from django.http.request import validate_host
from django.urls import path

from omm_portal.accounts.rights import Rights
from omm_portal.accounts.sockets import Visitor, visitor_of_session, visitor_of_token
from omm_portal.accounts.tickets import ticket_issue
from standby.live import Feed, State
from standby.texts import ENGLISH, language_asked

PROTOCOL = "omm.v1"
TOKEN_PREFIX = "token."  # noqa: S105 - how a subprotocol announces a token
CHECK_EVERY = 60.0
"""Seconds between two checks of sign-in and permission when nothing calls for one earlier."""
LARGEST_MESSAGE = 1024
SHORTEST_REQUEST_GAP = 0.2

REFUSED, BAD_MESSAGE = 4401, 4400

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Sent:
    """What a client was sent last: where its next delta starts from."""

    seq: int = 0
    state: State | None = None


class StatusConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]
    """One open page or program that follows the pair."""

    channel_layer_alias = "none"  # the feed listens once for all; no page needs Redis

    visitor: Visitor | None = None
    language: str = ENGLISH
    _following: asyncio.Task[None] | None = None

    async def connect(self) -> None:
        """Let signed-in visitors in; everyone else is refused before the hand-shake ends."""
        offered = list(self.scope.get("subprotocols", ()))
        self.language = language_asked(self.scope)
        self.visitor = await self._find_visitor(offered)
        if self.visitor is None:
            await self.close(REFUSED)
            return
        self._sent = Sent()
        self._asked: dict[str, float] = {}
        self._sending = asyncio.Lock()
        await self.accept(PROTOCOL if PROTOCOL in offered else None)
        self._following = asyncio.create_task(self._follow())

    async def disconnect(self, code: int) -> None:
        """Stop following."""
        if self._following is not None:
            self._following.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._following

    async def receive(
        self, text_data: str | None = None, bytes_data: bytes | None = None, **_other: Any
    ) -> None:
        """Answer what a client asks; a message that is none ends the connection."""
        kind = message_type(text_data)
        if kind is None:
            await self.close(BAD_MESSAGE)
        elif kind in {"snapshot", "ticket"} and self._may_ask(kind):
            await (self._send_snapshot() if kind == "snapshot" else self._send_ticket())

    async def _find_visitor(self, offered: list[str]) -> Visitor | None:
        origin = _header(self.scope, b"origin")
        if origin and not is_own_origin(origin, _header(self.scope, b"host")):
            return None
        tokens = [text for text in offered if text.startswith(TOKEN_PREFIX)]
        if tokens:
            return await visitor_of_token(tokens[0].removeprefix(TOKEN_PREFIX))
        return await visitor_of_session(_header(self.scope, b"cookie")) if origin else None

    async def _follow(self) -> None:
        """Send states until the visitor may no longer see them."""
        try:
            async with Feed.here().listening() as feed:
                await self._follow_feed(feed)
        except Exception:
            log.exception("a page can no longer be kept current")
            await self.close(1011)

    async def _follow_feed(self, feed: Feed) -> None:
        loop = asyncio.get_running_loop()
        check_at = loop.time() + CHECK_EVERY
        revision = 0
        rights: Rights | None = None
        while True:
            state = await feed.newer(revision)
            has_shrunk = (
                state is not None
                and rights is not None
                and self.visitor is not None
                and state.rights.touch(self.visitor.marks, since=rights)
            )
            if has_shrunk or loop.time() >= check_at:
                check_at = loop.time() + CHECK_EVERY
                self.visitor = await self.visitor.again() if self.visitor else None
                if self.visitor is None:
                    await self.close(REFUSED)
                    return
            if state is not None:
                revision, rights = state.revision, state.rights
                state = state.said(self.language)
            await self._send_news(state)

    async def _send_news(self, state: State | None) -> None:
        async with self._sending:
            old = self._sent.state
            if state is not None and old is None:
                await self._send_whole(state)
            elif state is not None and old is not None and (news := state.since(old)):
                self._sent = Sent(self._sent.seq + 1, state)
                await self._send("delta", news)
            elif old is not None:
                await self._send("beat")

    async def _send_snapshot(self) -> None:
        async with self._sending:
            if self._sent.state is not None:
                await self._send_whole(self._sent.state)

    async def _send_whole(self, state: State) -> None:
        self._sent = Sent(self._sent.seq + 1, state)
        await self._send("snapshot", state.whole)

    async def _send(self, kind: str, rest: str = "") -> None:
        """A numbered message; ``rest`` is JSON text that all clients share.

        It never waits for a client: the web server keeps what one has not read yet, and closes
        the connection of a client that leaves a ping without an answer.
        """
        more = f",{rest}" if rest else ""
        await self.send(f'{{"type":"{kind}","seq":{self._sent.seq}{more}}}')

    async def _send_ticket(self) -> None:
        visitor = self.visitor
        ticket = None
        if visitor is not None and visitor.by_session:
            issue = database_sync_to_async(ticket_issue)
            ticket = await issue(user=visitor.user, session_key=visitor.proof)
        text = json.dumps({"type": "ticket", "ticket": ticket}, separators=(",", ":"))
        await self.send(text)

    def _may_ask(self, kind: str) -> bool:
        now = asyncio.get_running_loop().time()
        if now - self._asked.get(kind, -CHECK_EVERY) < SHORTEST_REQUEST_GAP:
            return False
        self._asked[kind] = now
        return True


def message_type(text: str | None) -> str | None:
    """The type of a client's message; None when it is not one of ours at all."""
    if text is None or len(text) > LARGEST_MESSAGE:
        return None
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        return None
    return str(message["type"])


def is_own_origin(origin: str, host: str) -> bool:
    """True when ``origin`` is the host that this very connection was made to."""
    if not host or not validate_host(_without_port(host), settings.ALLOWED_HOSTS):
        return False
    try:
        return urlsplit(origin).netloc.lower() == host.lower()
    except ValueError:
        return False


def _without_port(host: str) -> str:
    name, separator, port = host.rpartition(":")
    return name if separator and port.isdigit() else host


def _header(scope: Any, name: bytes) -> str:
    for key, value in scope.get("headers", ()):
        if key == name:
            return str(value.decode("latin-1"))
    return ""


websocket_urlpatterns = [path("ws/status/", StatusConsumer.as_asgi())]
