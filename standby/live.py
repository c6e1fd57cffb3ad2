"""What open pages show, read once per web process and shared by all of them.

The truth comes from the role lease and the node's own event table, never from Redis: the
channel layer only says earlier that it is worth looking.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

from channels.db import database_sync_to_async
from channels.layers import get_channel_layer
from django.utils import translation

from omm_portal.accounts.rights import RightsWatch
from standby import gate
from standby.document import Document, status_document
from standby.push import GROUP
from standby.texts import localised
from standby.timeline import timeline

TICK = 0.5
"""Seconds between two looks at the lease when nobody wakes the feed."""
SHORTEST = 0.25
"""Seconds between two states: at most four a second reach a page."""
EVENTS_EVERY = 1.0
LISTEN_AGAIN = 5.0
"""Seconds until a channel layer that failed is tried again."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class State:
    """Everything that a page shows live, as of one moment, in no language yet."""

    revision: int
    document: Document
    events: list[Document]
    rights: int = 0
    """Grows when somebody's rights may have shrunk: every socket must look at its own then."""
    _said: dict[str, State] = field(default_factory=dict, compare=False, repr=False)

    def said(self, language: str) -> State:
        """The same in a language; made once, however many pages show it."""
        if language not in self._said:
            with translation.override(language):
                document, events = localised(self.document), localised(self.events)
            self._said[language] = State(self.revision, document, events, self.rights)
        return self._said[language]


def changes_between(old: State, new: State) -> dict[str, Any]:
    """What must be put on ``old`` to get ``new``: whole top-level values; empty when equal."""
    changed = {
        key: value
        for key, value in new.document.items()
        if key not in old.document or old.document[key] != value
    }
    removed = [key for key in old.document if key not in new.document]
    found: dict[str, Any] = {}
    if changed or removed:
        found = {"document": changed, "removed": removed}
    if new.events != old.events:
        found["events"] = new.events
    return found


class Feed:
    """Reads the state while somebody listens; one per event loop, see ``Feed.here``."""

    _feeds: WeakKeyDictionary[asyncio.AbstractEventLoop, Feed] = WeakKeyDictionary()

    def __init__(self) -> None:
        self._state: State | None = None
        self._listeners = 0
        self._news: asyncio.Future[State] | None = None
        self._wake = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._events_due = 0.0
        self._rights: RightsWatch | None = None

    @classmethod
    def here(cls) -> Feed:
        """The feed of the running event loop."""
        return cls._feeds.setdefault(asyncio.get_running_loop(), cls())

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[Feed]:
        """Keep the state current inside the block."""
        self._listeners += 1
        if self._listeners == 1:
            self._tasks = [asyncio.create_task(self._read()), asyncio.create_task(self._listen())]
        try:
            yield self
        finally:
            self._listeners -= 1
            if self._listeners == 0:
                await self._stop()

    async def newer(self, revision: int, timeout: float) -> State | None:
        """The state as soon as it is newer than ``revision``; None after ``timeout`` seconds."""
        if self._state is not None and self._state.revision > revision:
            return self._state
        if self._news is None or self._news.done():
            self._news = asyncio.get_running_loop().create_future()
        done, _waiting = await asyncio.wait({self._news}, timeout=timeout)
        return self._state if done else None

    async def _read(self) -> None:
        """Look at the lease and the events again and again; the heart of the feed."""
        while True:
            self._wake.clear()
            try:
                await self._look()
            except Exception:
                log.exception("the state of the pair could not be read")
            await asyncio.sleep(SHORTEST)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), TICK - SHORTEST)

    async def _look(self) -> None:
        old = self._state
        now = asyncio.get_running_loop().time()
        events = old.events if old else []
        if old is None or now >= self._events_due:
            events = await database_sync_to_async(timeline)()
            self._events_due = now + EVENTS_EVERY
        document = status_document(gate.lease())
        rights = (old.rights if old else 0) + await self._rights_changed(document)
        new = State((old.revision if old else 0) + 1, document, events, rights)
        if old is None or old.rights != rights or changes_between(old, new):
            self._state = new
            if self._news is not None and not self._news.done():
                self._news.set_result(new)

    async def _rights_changed(self, document: Document) -> bool:
        seq = int(document["journal"]["seq"])
        if self._rights is None:
            self._rights = RightsWatch(seq)
        if not self._rights.is_due(seq):
            return False
        return bool(await database_sync_to_async(self._rights.look)(seq))

    async def _listen(self) -> None:
        """Be woken by the channel layer; its failures only cost the earlier look."""
        while True:
            try:
                await self._listen_once()
            except Exception as problem:  # noqa: BLE001 - whatever a broken Redis raises
                log.info("open pages are not woken by the channel layer: %r", problem)
            await asyncio.sleep(LISTEN_AGAIN)

    async def _listen_once(self) -> None:
        layer = get_channel_layer()
        if layer is None:
            return
        channel = await asyncio.wait_for(layer.new_channel(), LISTEN_AGAIN)
        await asyncio.wait_for(layer.group_add(GROUP, channel), LISTEN_AGAIN)
        while True:
            message = await layer.receive(channel)
            if message.get("kind") == "event":
                self._events_due = 0.0
            self._wake.set()

    async def _stop(self) -> None:
        tasks, self._tasks, self._state, self._rights = self._tasks, [], None, None
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
