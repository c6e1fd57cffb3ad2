"""What open pages show, read once per web process and shared by all of them.

The truth comes from the role lease and the node's own event table, never from Redis: the
channel layer only says earlier that it is worth looking.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from weakref import WeakKeyDictionary

from channels.db import database_sync_to_async
from channels.layers import get_channel_layer
from django.utils import translation

from omm_portal.accounts.rights import Rights, RightsWatch
from standby import gate
from standby.document import Document, status_document
from standby.push import GROUP
from standby.texts import localised
from standby.timeline import timeline

TICK = 0.5
"""Seconds between two looks at lease and events when nothing calls for one earlier."""
PEEK = 0.05
"""Seconds between two glances at the lease alone, to see whether it is worth looking."""
SHORTEST = 0.25
"""Seconds between two states: at most four a second reach a page."""
BEAT = 0.65
"""Seconds after which a client hears from us even if nobody can look; else at every look."""
EVENTS_EVERY = 1.0
LISTEN_AGAIN = 5.0
"""Seconds until a channel layer that failed is tried again."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class State:
    """Everything that a page shows live, as of one moment, in no language yet."""

    revision: int
    document: Document
    events: list[Document]
    rights: Rights = field(default_factory=Rights)
    """Whose may have shrunk: their sockets must look again whether they may stay."""
    _said: dict[str, State] = field(default_factory=dict, compare=False, repr=False)
    _deltas: dict[int, str] = field(default_factory=dict, compare=False, repr=False)

    def said(self, language: str) -> State:
        """The same in a language; made once, however many pages show it."""
        if language not in self._said:
            with translation.override(language):
                document, events = localised(self.document), localised(self.events)
            self._said[language] = State(self.revision, document, events, self.rights)
        return self._said[language]

    @cached_property
    def whole(self) -> str:
        """The members of a snapshot as JSON text, made once for all pages."""
        return members({"document": self.document, "events": self.events})

    def since(self, old: State) -> str:
        """The members of a delta from ``old`` as JSON text; empty when nothing changed.

        Made once for all pages that were sent the same state last, which is nearly all of them.
        """
        if old.revision not in self._deltas:
            changes = changes_between(old, self)
            self._deltas[old.revision] = members(changes) if changes else ""
        return self._deltas[old.revision]


def members(values: Document) -> str:
    """The inside of a JSON object."""
    return json.dumps(values, ensure_ascii=False, separators=(",", ":"))[1:-1]


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


def is_small_talk(changes: Document) -> bool:
    """True for nothing, or only other figures of the link: no reason to let real news wait."""
    return not changes or (
        "events" not in changes and changes.get("document", {}).keys() == {"peer"}
    )


def seq_of(document: Document) -> int:
    """The journal's end."""
    return int(document["journal"]["seq"])


class Feed:
    """Reads the state while somebody listens; one per event loop, see ``Feed.here``."""

    _feeds: WeakKeyDictionary[asyncio.AbstractEventLoop, Feed] = WeakKeyDictionary()

    def __init__(self) -> None:
        self._state: State | None = None
        self._listeners = 0
        self._pulse = asyncio.Event()
        self._pulse_at = 0.0
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
            work = (self._read(), self._listen(), self._beat())
            self._tasks = [asyncio.create_task(each) for each in work]
        try:
            yield self
        finally:
            self._listeners -= 1
            if self._listeners == 0:
                await self._stop()

    async def newer(self, revision: int) -> State | None:
        """The state as soon as it is newer than ``revision``; None at every beat until then."""
        if self._state is None or self._state.revision <= revision:
            await self._pulse.wait()
        state = self._state
        return state if state is not None and state.revision > revision else None

    def _tell(self) -> None:
        """Wake all who wait, once: whoever asks again waits for the next pulse."""
        told, self._pulse = self._pulse, asyncio.Event()
        self._pulse_at = asyncio.get_running_loop().time()
        told.set()

    async def _beat(self) -> None:
        """Let clients hear from us even when the looks take long."""
        while True:
            wait = self._pulse_at + BEAT - asyncio.get_running_loop().time()
            if wait <= 0:
                self._tell()
            await asyncio.sleep(max(wait, 0.01))

    async def _read(self) -> None:
        """Look at the lease and the events again and again; the heart of the feed."""
        while True:
            self._wake.clear()
            try:
                pause = await self._look()
                await asyncio.sleep(pause)
                await self._quiet(TICK - pause)
            except Exception:
                log.exception("the state of the pair could not be read")
                await asyncio.sleep(TICK)

    async def _quiet(self, seconds: float) -> None:
        """Wait until somebody wakes us, the lease tells of a change, or the time is over."""
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while not self._has_news() and (left := end - loop.time()) > 0:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), min(left, PEEK))
                return

    def _has_news(self) -> bool:
        """True when a look is worth its queries; reading the lease costs next to nothing."""
        state = self._state
        if state is None:
            return False
        now = State(0, status_document(gate.lease()), state.events)
        return not is_small_talk(changes_between(state, now))

    async def _look(self) -> float:
        """Tell what is new; seconds that the next look must wait at least."""
        old = self._state
        now = asyncio.get_running_loop().time()
        document = status_document(gate.lease())
        events = old.events if old else []
        if old is None or now >= self._events_due or seq_of(document) != seq_of(old.document):
            events = await database_sync_to_async(timeline)()
            self._events_due = now + EVENTS_EVERY
        rights = (old.rights if old else Rights()).after(await self._shrunk(document))
        new = State((old.revision if old else 0) + 1, document, events, rights)
        changes = changes_between(old, new) if old else new.document
        if changes or (old and old.rights != rights):
            self._state = new
            self._tell()
        elif now >= self._pulse_at + TICK:
            self._tell()
        return 0.0 if is_small_talk(changes) else SHORTEST

    async def _shrunk(self, document: Document) -> set[str]:
        seq = seq_of(document)
        if self._rights is None:
            self._rights = RightsWatch(seq)
        if not self._rights.is_due(seq):
            return set()
        found: set[str] = await database_sync_to_async(self._rights.look)(seq)
        return found

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
