"""What the apps of this OMM tell the same apps of the other one (``standby.hooks.when_told``)."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any

from standby.link.channel import LinkError

if TYPE_CHECKING:
    from standby.runtime.core import PairRuntime

TIMEOUT = 0.5
"""Seconds for one word, over a connection of its own: nothing waits for it, nor it for a batch."""
KEPT = 200
"""Words that wait for contact; the oldest go first. They do not outlive this process."""
RETRY_PAUSE = 1.0
RETRIES = 20


class Words:
    """Tells them now, or as soon as contact is back."""

    def __init__(self, runtime: PairRuntime) -> None:
        self._runtime = runtime
        self._kept: deque[dict[str, Any]] = deque(maxlen=KEPT)

    async def tell(self, word: str, body: dict[str, Any]) -> str:
        """Why the other OMM does not know it yet; empty when it does."""
        message = {"type": "tell", "word": word, "body": body}
        reason = await self._send(message)
        if reason:
            self._kept.append(message)
        return reason

    async def catch_up(self) -> None:
        """Contact is back: tell what was kept."""
        for _ in range(RETRIES):
            while self._kept and not await self._send(self._kept[0]):
                self._kept.popleft()
            if not self._kept or not self._runtime.member.in_contact:
                return
            await asyncio.sleep(RETRY_PAUSE)

    async def _send(self, message: dict[str, Any]) -> str:
        """Empty when it was heard, also by an OMM that does not know the word."""
        if not self._runtime.member.in_contact:
            return "the other OMM is not in contact"
        try:
            answer = await self._runtime.link.ask_aside(message, TIMEOUT)
        except LinkError as error:
            return str(error)
        if answer.get("type") == "refused" and answer.get("code") == "database":
            return str(answer.get("reason"))
        return ""
