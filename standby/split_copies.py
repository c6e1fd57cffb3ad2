"""Downloading the copy of a loser's database, wherever it lies, a piece at a time."""

from __future__ import annotations

import base64
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import DatabaseError
from django.http import StreamingHttpResponse

from standby.domain.sentence import TEXTS, pack, say
from standby.journal import copies
from standby.link import control
from standby.models import Event, Severity, Split
from standby.written import Conflict

log = logging.getLogger(__name__)
LOCAL_PART = 256 * 1024
PATIENCE = 15.0
"""Seconds for one piece from the other OMM."""


class NoCopy(Conflict):
    """The copy cannot be had (now); the reason says why."""

    def __init__(self, reason: str) -> None:
        super().__init__("no-copy", reason)


@dataclass(frozen=True, slots=True)
class Copy:
    """A file that can be read in pieces; ``read`` gives those from an offset on, never none."""

    name: str
    size: int
    read: Callable[[int], bytes]


def find_copy(split: Split) -> Copy:
    """The copy of this split, here or on the other OMM; raises NoCopy."""
    if not split.copy:
        raise NoCopy(say("No copy of the database was kept at this split."))
    name, path = split.copy, copies.find(split.copy)
    if path is not None:
        return Copy(name, path.stat().st_size, partial(copies.part, path, size=LOCAL_PART))
    size, _first = _asked(name, 0)
    return Copy(name, size, lambda offset: _asked(name, offset)[1])


def _asked(name: str, offset: int) -> tuple[int, bytes]:
    """The size of the other OMM's file and a piece of it."""
    message = {"command": "copy_part", "name": name, "offset": offset}
    try:
        answer = control.call(settings.OMM.control_socket, message, PATIENCE)
    except control.ControlError as error:
        log.warning("the copy of a database cannot be asked for: %s", error)
        raise NoCopy(say("The standby process gives no answer.")) from error
    if not answer.get("ok"):
        raise NoCopy(answer.get("reason", ""))
    return int(answer["size"]), base64.b64decode(answer["data"])


def download(copy: Copy, split: Split, *, actor: str) -> StreamingHttpResponse:
    """The answer that carries the whole file, a piece at a time; noted as an event."""
    _note(split, actor)
    return StreamingHttpResponse(
        _pieces(copy),
        content_type="application/octet-stream",
        headers={
            "Content-Disposition": f'attachment; filename="omm-{split.loser}-{copy.name}"',
            "Content-Length": str(copy.size),
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
        },
    )


async def _pieces(copy: Copy) -> AsyncIterator[bytes]:
    """A failure in the middle ends the connection: what was announced does not arrive."""
    read: Any = sync_to_async(copy.read, thread_sensitive=False)
    offset = 0
    while offset < copy.size:
        data = (await read(offset))[: copy.size - offset]
        if not data:
            raise NoCopy(say("The copy has become shorter."))
        offset += len(data)
        yield data


def _note(split: Split, actor: str) -> None:
    text = say(
        "%(who)s downloads the copy of the database of %(omm)s from before it followed.",
        who=actor,
        omm=split.loser,
    )
    packed: dict[str, Any] = pack({"message": text})
    details = {"user": actor, "split": str(split.pk), "copy": split.copy}
    try:
        Event.objects.create(
            node=settings.OMM.address,
            code="split_copy",
            severity=Severity.WARNING,
            message=text,
            texts=packed.get(TEXTS, {}),
            details=details,
        )
    except DatabaseError as error:
        log.warning("a download could not be noted: %s", error)
