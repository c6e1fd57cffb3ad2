"""How the scheduled back-ups of this OMM fare: one small file, written where it lies.

It has its full size from the beginning, so a failure can still be noted when the disk is full.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from standby.domain.sentence import pack, say, unpack

SIZE: Final = 8192
NAME: Final = "schedule.json"


@dataclass(frozen=True, slots=True)
class State:
    """Times are wall clock, seconds since 1970; ``since``: when the schedule was first looked at.

    ``failure`` is why the last attempt failed, empty when it did not.
    """

    since: float
    success: float | None = None
    tried: float | None = None
    failure: str = ""
    overdue: float | None = None
    """When it is too long without one; None: none are made by themselves."""


def read_state(folder: Path) -> State | None:
    """What is known; None when nothing is, or the file makes no sense."""
    try:
        value = unpack(json.loads((folder / NAME).read_bytes()))
        return State(**value)
    except (OSError, ValueError, TypeError):
        return None


def write_state(folder: Path, state: State) -> None:
    """Keep the state; raises OSError."""
    text = json.dumps(pack(asdict(state))).encode()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(folder / NAME, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        os.pwrite(descriptor, text.ljust(SIZE), 0)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def problem(folder: Path, now: float) -> str:
    """Why people must be warned; empty when all is well or nothing is known."""
    state = read_state(folder)
    if state is None:
        return ""
    if state.failure:
        return state.failure
    if state.overdue is not None and now > state.overdue:
        return say("for twice the time between two, none has been made.")
    return ""
