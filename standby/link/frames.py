"""Frames of the peer channel, and what can go wrong with a link.

A frame is a 4-byte big-endian length and a JSON object with a string ``type``.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from typing import Any

Message = dict[str, Any]

MAX_MESSAGE = 1024 * 1024
"""Longest message in bytes that is sent or accepted."""
CHUNK = 64 * 1024
"""Size in bytes that large transfers should be cut into."""


class LinkError(Exception):
    """Something about the peer link went wrong."""


class LinkDown(LinkError):
    """No connection: nobody answers, or it ended."""


class LinkRefused(LinkDown):
    """The peer's host answers that nobody listens there."""


class LinkTimeout(LinkError, TimeoutError):
    """No answer in time; the connection itself is as it was."""


class LinkAuthError(LinkError):
    """What answers there does not hold our pair secret, or is another node than expected."""


class LinkRemoteError(LinkError):
    """The peer could not carry the request out; its own log says why."""


class BadFrame(LinkError):
    """A frame that is too long or not a message; ``kind`` is "oversized" or "schema"."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


def encode_frame(message: Message, limit: int = MAX_MESSAGE) -> bytes:
    """Raises ValueError for a message that is too long or has no type."""
    if not isinstance(message.get("type"), str):
        raise ValueError("a message needs a type")  # noqa: TRY004
    body = json.dumps(message, separators=(",", ":"), ensure_ascii=False).encode()
    if len(body) > limit:
        raise ValueError(f"a message of {len(body)} bytes is too long")
    return len(body).to_bytes(4, "big") + body


def decode_body(body: bytes) -> Message:
    """A frame's message; raises BadFrame and nothing else."""
    try:
        message = json.loads(body)
    except (ValueError, RecursionError):
        raise BadFrame("schema") from None
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        raise BadFrame("schema")
    return message


async def read_frame(reader: asyncio.StreamReader, limit: int = MAX_MESSAGE) -> Message:
    """The next message; raises BadFrame, LinkDown at the end of the connection, or ssl.SSLError
    when TLS refused.
    """
    try:
        length = int.from_bytes(await reader.readexactly(4), "big")
        if length > limit:
            raise BadFrame("oversized")
        return decode_body(await reader.readexactly(length))
    except ssl.SSLError:
        raise
    except (asyncio.IncompleteReadError, OSError) as error:
        raise LinkDown(f"the connection ended ({error})") from None
