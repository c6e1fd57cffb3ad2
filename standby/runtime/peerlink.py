"""Our side of the peer channel: dialling, the evidence "refused", and comparing journals."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable, Sequence
from typing import Any

from standby.domain.facts import Head
from standby.domain.paths import Pair
from standby.domain.reconcile import (
    Relation,
    Standing,
    probe_points,
    quick_standing,
    standing_by_common,
)
from standby.domain.sentence import say
from standby.link.channel import (
    ChannelClient,
    LinkAuthError,
    LinkDown,
    LinkError,
    LinkRefused,
    LinkRemoteError,
)
from standby.link.tls import LinkContext

log = logging.getLogger(__name__)

CONNECT_TIMEOUT = 0.3
LONGEST_DIAL = 4.8
"""Seconds that dialling may take at last: each failure doubles the patience, because over a line of
long delays or much loss no connection comes about in less.
"""
REQUEST_TIMEOUT = 5.0
REDIAL_PAUSE = 0.25
FAILURES_A_LINE = 20
REFUSED_PAUSE = 0.005
REFUSED_TRIES = 100
"""The teardown of a killed process takes some milliseconds: ask again that often."""


class PeerLink:
    """Keeps one connection to the peer; ``client`` is None while there is none."""

    def __init__(
        self, pairs: Sequence[Pair], port: int, context: Callable[[], LinkContext]
    ) -> None:
        self.client: ChannelClient | None = None
        self.route: Pair | None = None
        """The path that the connection takes, or took last."""
        self.routes: Callable[[], Sequence[Pair]] = lambda: pairs
        self.generation = 0
        self.on_refused: Callable[[], None] = lambda: None
        self.on_auth_error: Callable[[], None] = lambda: None
        self.on_up: Callable[[], None] = lambda: None
        self.heard_since: Callable[[int], bool] = lambda _mark: False
        self.heard_mark: Callable[[], int] = lambda: 0
        self._port = port
        self._pairs = pairs
        self._context = context
        self._redial = asyncio.Event()
        self._failures = 0
        self._dialling: asyncio.Task[tuple[ChannelClient, Pair]] | None = None
        self._closing: set[asyncio.Future[None]] = set()

    async def run(self) -> None:
        """Dial, wait for the end, look whether the peer's process is gone, dial again."""
        while True:
            try:
                await self._one_connection()
            except Exception:
                self.client = None
                log.exception("the connection to the other OMM failed")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(REDIAL_PAUSE):
                    await self._redial.wait()
            self._redial.clear()

    async def _one_connection(self) -> None:
        try:
            self.client, self.route = await self._dial_until_dropped()
        except LinkRefused:
            await self._look_for_refusal()
            return
        except LinkAuthError as error:
            log.debug("the peer's channel fails authentication: %s", error)
            self.on_auth_error()
            return
        except LinkError as error:
            self._note_failure(str(error))
            return
        self._failures = 0
        self.generation += 1
        self._redial.clear()  # a drop before this connection was made did not mean this one
        self.on_up()
        await self.client.closed.wait()
        self.client = None
        if self._redial.is_set():
            return
        await self._look_for_refusal()

    async def _dial_until_dropped(self) -> tuple[ChannelClient, Pair]:
        """A new connection; raises LinkError, also when a drop asks for a fresh start."""
        patience = min(CONNECT_TIMEOUT * 2 ** min(self._failures, 5), LONGEST_DIAL)
        self._dialling = asyncio.create_task(self._dial(patience))
        try:
            await asyncio.wait({self._dialling})
            if self._dialling.cancelled():
                raise LinkDown(say("dialling began anew"))
            return self._dialling.result()
        finally:
            self._dialling.cancel()
            self._dialling = None

    async def _dial(self, patience: float) -> tuple[ChannelClient, Pair]:
        """Connect over the first path that answers; raises what tells most about the peer."""
        failure: LinkError | None = None
        for own, peer in self.routes():
            try:
                client = await ChannelClient.connect(
                    peer, self._port, self._context(), own, patience
                )
            except LinkError as error:
                if failure is None or isinstance(error, LinkRefused | LinkAuthError):
                    failure = error
                continue
            return client, (own, peer)
        raise failure or LinkError(say("there is no connection to the other OMM"))

    def _note_failure(self, reason: str) -> None:
        """A peer that is heard but cannot be dialled is worth a line, once in a while."""
        self._failures += 1
        if self._failures % FAILURES_A_LINE == 0:
            log.warning("no channel to the other OMM after %d tries: %s", self._failures, reason)

    async def _look_for_refusal(self) -> None:
        """Twice refused on every path, 5 ms apart: the process is dead on a live host."""
        mark, refusals = self.heard_mark(), 0
        for _ in range(REFUSED_TRIES):
            if await self._all_refuse():
                refusals += 1
                if refusals == 2:
                    self.on_refused()
                    return
            else:
                refusals = 0
                if self.heard_since(mark):
                    return
            await asyncio.sleep(REFUSED_PAUSE)

    async def _all_refuse(self) -> bool:
        answers = await asyncio.gather(*(self._refuses(own, peer) for own, peer in self._pairs))
        return all(answers)

    async def _refuses(self, own: str, peer: str) -> bool:
        family = socket.AF_INET6 if ":" in own else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as sock:
            sock.setblocking(False)
            try:
                sock.bind((own, 0))
                async with asyncio.timeout(CONNECT_TIMEOUT):
                    await asyncio.get_running_loop().sock_connect(sock, (peer, self._port))
            except ConnectionRefusedError:
                return True
            except (OSError, TimeoutError):
                return False
        return False

    def drop(self) -> None:
        """On the first beat after a silence the old connection is worth nothing: dial anew.

        Dialling into the silence is worth no more: what was sent waits for its repetition.
        """
        self._failures = 0
        if self._dialling is not None:
            self._dialling.cancel()
        if self.client is not None:
            self._close(self.client)
        self._redial.set()

    def _close(self, client: ChannelClient) -> None:
        task = asyncio.ensure_future(client.close())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def request(
        self, message: dict[str, Any], timeout: float = REQUEST_TIMEOUT
    ) -> dict[str, Any]:
        """Ask the peer; raises LinkError when there is no connection or it fails."""
        client = self.client
        if client is None:
            raise LinkError(say("there is no connection to the other OMM"))
        try:
            return await client.request(message, timeout)
        except LinkRemoteError:
            raise
        except LinkError:
            self._close(client)
            raise

    async def ask_aside(self, message: dict[str, Any], timeout: float) -> dict[str, Any]:
        """Like request(), over a connection of its own: a slow answer holds nothing else up."""
        client, _route = await self._dial(min(timeout, LONGEST_DIAL))
        try:
            return await client.request(message, timeout)
        finally:
            await client.close()

    async def compare(
        self, mine: Head, theirs: Head, own_hashes: Callable[[list[int]], Any]
    ) -> Relation:
        """How our journal stands to the peer's; ``own_hashes(seqs)`` is awaited."""
        quick = quick_standing(mine, theirs)
        if quick is not Standing.UNKNOWN:
            common = mine.seq if quick is Standing.EQUAL else 0
            return Relation(quick, common, mine.hash, theirs.hash)
        common = await self._common(mine, theirs, own_hashes)
        return Relation(standing_by_common(mine, theirs, common), common, mine.hash, theirs.hash)

    async def _common(
        self, mine: Head, theirs: Head, own_hashes: Callable[[list[int]], Any]
    ) -> int:
        shorter = min(mine.seq, theirs.seq)
        if await self._agree([shorter], own_hashes) == [shorter]:
            return shorter
        low, high = 0, shorter
        while points := probe_points(low, high):
            agreed = await self._agree(points, own_hashes)
            low = max([low, *agreed])
            high = min([high, *(p for p in points if p not in agreed)])
        return low

    async def _agree(self, seqs: list[int], own_hashes: Callable[[list[int]], Any]) -> list[int]:
        answer = await self.request({"type": "hashes", "seqs": seqs})
        theirs = answer.get("hashes", {})
        ours = await own_hashes(seqs)
        return [s for s in seqs if ours.get(s) is not None and theirs.get(str(s)) == ours[s]]
