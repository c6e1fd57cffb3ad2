"""The heartbeat paths as a whole: which one the channel takes, what the other OMM knows of them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from standby.domain.paths import Pair, PathEar, paths_differ
from standby.domain.sentence import join, say
from standby.link.bounds import is_address
from standby.link.channel import LinkError

if TYPE_CHECKING:
    from standby.runtime.core import PairRuntime

log = logging.getLogger(__name__)

ASK_PERIOD = 2.0
"""Seconds between two questions for the other OMM's set-up."""
ASK_TIMEOUT = 1.0
ROUTE_PATIENCE = 0.5
"""Share of the contact timeout after which the channel leaves a silent path for one that speaks."""
MOST_PATHS = 16
LONGEST_NAME = 60

Row = dict[str, Any]


class Ways:
    """Watches the paths of this OMM; ``theirs`` is what the other one says of its own."""

    def __init__(self, runtime: PairRuntime) -> None:
        self.theirs: list[tuple[Pair, bool]] | None = None
        self.their_witnesses: list[str] | None = None
        self._runtime = runtime
        self._contact_since: float | None = None
        self._contact = asyncio.Event()

    @property
    def _patience(self) -> float:
        return ROUTE_PATIENCE * self._runtime.member.timing.contact_timeout

    def best(self) -> list[Pair]:
        """Where to dial: the paths that speak first."""
        return self._runtime.beats.ears.best(self._runtime.clock(), self._patience)

    def look(self) -> None:
        """Once a beat: notice contact, and let the channel leave a path that fell silent."""
        runtime, now = self._runtime, self._runtime.clock()
        if not runtime.member.in_contact:
            self._contact_since = self.theirs = self.their_witnesses = None
            self._contact.clear()
            return
        if self._contact_since is None:
            self._contact_since = now
            self._contact.set()
        link, ears = runtime.link, runtime.beats.ears
        if link.client is None or link.route is None or len(ears.ears) < 2:
            return
        if not ears.lately(link.route, now, self._patience):
            best = self.best()[0]
            if best != link.route and ears.lately(best, now, self._patience):
                log.warning("the channel leaves the silent path %s to %s", *link.route)
                link.drop()

    # --- what the other OMM knows ---------------------------------------------------------------

    async def run(self) -> None:
        """Ask the other OMM for its set-up, again and again while in contact."""
        while True:
            await self._contact.wait()
            with contextlib.suppress(LinkError):
                answer = await self._runtime.link.request({"type": "setup"}, ASK_TIMEOUT)
                self.theirs = _told(answer)
                self.their_witnesses = _told_witnesses(answer)
            await asyncio.sleep(ASK_PERIOD if self.theirs is not None else self._patience)

    def setup(self) -> Row:
        """This OMM's set-up, for the other one."""
        now = self._runtime.clock()
        paths = [
            {"own": ear.own, "peer": ear.peer, "heard": not self._silent(ear, now)}
            for ear in self._runtime.beats.ears.ears
        ]
        witnesses = list(self._runtime.config.witness_names)
        return {"type": "setup", "paths": paths, "witnesses": witnesses}

    @property
    def differ(self) -> str:
        """What only one of the two OMMs knows of the paths; empty while they agree."""
        if self.theirs is None:
            return ""
        return paths_differ(self._runtime.config.paths, [pair for pair, _ in self.theirs])

    @property
    def witnesses_differ(self) -> str:
        """The witnesses of both, if they are not the same ones; else empty."""
        mine, theirs = self._runtime.config.witness_names, self.their_witnesses
        if theirs is None or set(mine) == set(theirs):
            return ""
        return say(
            "this OMM asks %(own)s, the other one %(other)s.",
            own=join(*mine, by=", ") if mine else say("none"),
            other=join(*theirs, by=", ") if theirs else say("none"),
        )

    # --- for people -----------------------------------------------------------------------------

    def _silent(self, ear: PathEar, now: float) -> bool:
        since = self._contact_since
        return ear.silent(now, since if since is not None else float("-inf"))

    def _heard_by_peer(self, ear: PathEar) -> bool | None:
        """Whether the other OMM hears this one over the path; None: not known."""
        mirrored = (ear.peer, ear.own)
        return next((heard for pair, heard in self.theirs or () if pair == mirrored), None)

    def rows(self, now: float) -> list[Row]:
        """Every path for the status document."""
        link = self._runtime.link
        in_use = link.route if link.client is not None else None
        return [
            {
                "own": ear.own,
                "peer": ear.peer,
                "heard": not self._silent(ear, now),
                "heard_by_peer": self._heard_by_peer(ear),
                "last_heard_ms": None if ear.heard_at is None else _ms(now - ear.heard_at),
                "gap_ms": _ms(ear.gap(now)),
                "behind_ms": round(ear.behind * 1000, 1),
                "channel": (ear.own, ear.peer) == in_use,
            }
            for ear in self._runtime.beats.ears.ears
        ]

    def down(self, now: float) -> tuple[str, ...]:
        """The paths that do not work in at least one direction, each with what is known of it."""
        texts = (self._down_text(ear, now) for ear in self._runtime.beats.ears.ears)
        return tuple(text for text in texts if text)

    def _down_text(self, ear: PathEar, now: float) -> str:
        if self._silent(ear, now):
            if ear.heard_at is None:
                return say("%(own)s to %(peer)s (never heard)", own=ear.own, peer=ear.peer)
            since = datetime.fromtimestamp(datetime.now(UTC).timestamp() - now + ear.heard_at, UTC)
            return say(
                "%(own)s to %(peer)s (since %(since)s)",
                own=ear.own,
                peer=ear.peer,
                since=f"{since:%H:%M:%S} UTC",
            )
        if self._heard_by_peer(ear) is False:
            return say(
                "%(own)s to %(peer)s (the other OMM hears nothing)", own=ear.own, peer=ear.peer
            )
        return ""


def _ms(seconds: float) -> int:
    return max(0, round(seconds * 1000))


def _told(answer: Row) -> list[tuple[Pair, bool]] | None:
    """The other OMM's paths; None from one that does not tell, or tells nonsense."""
    rows = answer.get("paths")
    if answer.get("type") != "setup" or not isinstance(rows, list) or len(rows) > MOST_PATHS:
        return None
    found = []
    for row in rows:
        match row:
            case {"own": str(own), "peer": str(peer), "heard": bool(heard)} if is_address(
                own
            ) and is_address(peer):
                found.append(((own, peer), heard))
            case _:
                return None
    return found


def _told_witnesses(answer: Row) -> list[str] | None:
    names = answer.get("witnesses")
    if not isinstance(names, list) or len(names) > MOST_PATHS:
        return None
    return [str(name)[:LONGEST_NAME] for name in names]
