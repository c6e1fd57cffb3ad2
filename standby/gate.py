"""The gate seen from a request: may a change be made here, and has the peer got it?

The truth is the role lease that the pair runtime renews; the database fence of the journal is
the second, transactional check. Nothing here touches the database or waits for Redis.
"""

from __future__ import annotations

import time
from functools import lru_cache
from pathlib import Path

from django.conf import settings

from standby.domain.facts import ROLE_WORDS, Role
from standby.domain.sentence import say
from standby.lease import LeaseReader, LeaseView
from standby.link import control

OPEN_WAIT = 0.2
"""Seconds that a request waits at a closed gate before it is refused (a takeover is short)."""
POLL = 0.001


class GateClosed(Exception):
    """This OMM accepts no change at the moment; ``reason`` is a sentence for people."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@lru_cache(maxsize=8)
def _reader(path: Path, beat: float) -> LeaseReader:
    return LeaseReader(path, beat)


def lease() -> LeaseView:
    """The lease as it is now."""
    return _reader(settings.OMM.lease_path, settings.OMM.heartbeat_interval).read()


def is_active() -> bool:
    """True while this OMM is the active one, its gate open or not."""
    view = lease()
    return view.valid and view.lease is not None and view.lease.role == Role.ACTIVE


def refusal(view: LeaseView) -> str:
    """Why a change cannot be made under this lease; empty when it can."""
    if view.lease is None or not view.valid:
        return say("This OMM is not active: %(why)s", why=view.why)
    if view.lease.role != Role.ACTIVE:
        role = ROLE_WORDS[view.lease.role]
        return say("This OMM is not active: its role is %(role)s.", role=role)
    if not view.lease.gate_open:
        return say("This OMM accepts no change at this moment: its role is being settled.")
    return ""


def check() -> None:
    """Raise GateClosed unless this OMM is active with an open gate right now."""
    reason = refusal(lease())
    if reason:
        raise GateClosed(reason)


def wait_open(timeout: float = OPEN_WAIT) -> None:
    """Like check(), but a closed gate is given ``timeout`` seconds to open."""
    deadline = time.monotonic() + timeout
    while True:
        reason = refusal(lease())
        if not reason:
            return
        if time.monotonic() >= deadline:
            raise GateClosed(reason)
        time.sleep(POLL * 5)


def ring() -> None:
    """Tell the runtime that there is something to ship; bounded, never fails."""
    control.notify(settings.OMM.control_socket, {"command": "ring"})


def is_safe(view: LeaseView, seq: int, digest: str) -> bool:
    """True when the peer confirmed the entry ``seq`` with this hash."""
    held = view.lease
    if held is None or not view.valid or held.role != Role.ACTIVE:
        return False
    return held.acked_seq > seq or (held.acked_seq == seq and held.acked_hash == digest)


def wait_safe(seq: int, digest: str, timeout: float) -> bool:
    """Wait until the peer has confirmed entry ``seq``, at most ``timeout`` seconds.

    Gives up early when this OMM is no longer active or has no peer in contact.
    """
    deadline = time.monotonic() + timeout
    while True:
        view = lease()
        if is_safe(view, seq, digest):
            return True
        held = view.lease
        if held is None or not view.valid or held.role != Role.ACTIVE or not held.peer_in_contact:
            return False
        if time.monotonic() >= deadline:
            return False
        time.sleep(POLL)
