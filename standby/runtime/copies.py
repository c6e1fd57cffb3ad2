"""Kept copies of databases, piece by piece to whoever downloads one on the other OMM."""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path
from typing import Any

from standby.domain.sentence import say
from standby.journal import copies
from standby.runtime.peerlink import PeerLink
from standby.runtime.refused import Refused

PART_BYTES = 128 * 1024
"""Encoding one never holds up a heartbeat noticeably."""
PATIENCE = 10.0
Message = dict[str, Any]


async def answer_part(message: Message) -> Message:
    """A piece of an own copy for the other OMM; Refused when there is no such copy."""
    name, offset = str(message["name"]), int(message["offset"])
    path = copies.find(name)
    if path is None:
        raise Refused("unknown", say("There is no such copy any more."))
    return await asyncio.to_thread(_part, path, offset)


def _part(path: Path, offset: int) -> Message:
    try:
        data = copies.part(path, offset, PART_BYTES)
        size = path.stat().st_size
    except OSError as error:
        raise Refused("unknown", say("The copy cannot be read: %(error)s.", error=error)) from None
    return {"type": "copy_part", "size": size, "data": base64.b64encode(data).decode()}


async def ask_part(link: PeerLink, name: str, offset: int) -> Message:
    """Ask the other OMM for a piece of its copy, over a connection of its own; raises LinkError."""
    message = {"type": "copy_part", "name": name, "offset": offset}
    return await link.ask_aside(message, PATIENCE)
