"""Signing in and out as events of this OMM: who, from where, how it ended; never a secret.

A name that nobody has is not written down: people type passwords into the wrong field.
"""

from __future__ import annotations

import logging
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.db import DatabaseError

from omm_portal.accounts.counts import count
from standby.domain.sentence import TEXTS, pack, say, say_count
from standby.models import Event, Severity

SIGNED_IN = "sign_in"
FAILED = "sign_in_failed"
LOCKED = "sign_in_locked"
LIFTED = "sign_in_lifted"
ENDED = "sign_in_ended"
MOVED = "sign_in_moved"

NOTED_AT_MOST = 30
"""Failures from one address that are written down in NOTED_WINDOW; a flood fills no disk."""
NOTED_WINDOW = 300

NOBODY = say("an unknown name")

log = logging.getLogger(__name__)


def signed_in(*, username: str, address: str, way: str) -> None:
    """A password was right; ``way`` is "web" or "api"."""
    if way == "web":
        text = say(
            "%(user)s signed in to the pages from %(address)s.", user=username, address=address
        )
    else:
        text = say(
            "%(user)s signed in to the API from %(address)s.", user=username, address=address
        )
    _note(SIGNED_IN, Severity.INFO, text, user=username, address=address, way=way)


def sign_in_failed(*, username: str | None, address: str, way: str) -> None:
    """A name or password was wrong; ``username`` is None for a name that nobody has."""
    if count(f"sign-in-noted:{address}", NOTED_WINDOW) > NOTED_AT_MOST:
        return
    name = username or NOBODY
    text = say("A sign-in as %(name)s from %(address)s failed.", name=name, address=address)
    _note(FAILED, Severity.WARNING, text, user=username, address=address, way=way)


def locked(*, username: str | None, address: str, way: str, seconds: int) -> None:
    """Signing in pauses; said once while the pause lasts."""
    if not cache.add(_lock_key(username, address), True, seconds):
        return
    text = say(
        "Too many sign-ins as %(name)s from %(address)s: they are refused for %(seconds)s s.",
        name=username or NOBODY,
        address=address,
        seconds=seconds,
    )
    _note(LOCKED, Severity.WARNING, text, user=username, address=address, way=way)


def lifted(*, username: str, locked: str | None, locked_address: str, address: str) -> None:
    """Somebody lifted a lock-out; ``locked`` is None for a name that nobody has."""
    cache.delete(_lock_key(locked, locked_address))
    text = say(
        "%(user)s lets %(name)s sign in again from %(address)s.",
        user=username,
        name=locked or NOBODY,
        address=locked_address,
    )
    _note(LIFTED, Severity.INFO, text, user=username, address=address, locked=locked)


def signed_out(*, username: str, address: str) -> None:
    """A person signed out."""
    text = say("%(user)s signed out, from %(address)s.", user=username, address=address)
    _note(ENDED, Severity.INFO, text, user=username, address=address)


def ended(*, username: str, owners: list[str], address: str) -> None:
    """Somebody ended sessions; ``owners`` are the users whose they were."""
    text = say_count(
        "%(user)s ended %(count)s session of %(owners)s, from %(address)s.",
        "%(user)s ended %(count)s sessions of %(owners)s, from %(address)s.",
        len(owners),
        user=username,
        owners=", ".join(sorted(set(owners))),
        address=address,
    )
    _note(ENDED, Severity.WARNING, text, user=username, address=address, owners=owners[:50])


def moved(*, username: str, address: str) -> None:
    """A page came over from the other OMM, still signed in."""
    text = say(
        "%(user)s came over from the other OMM, from %(address)s.", user=username, address=address
    )
    _note(MOVED, Severity.INFO, text, user=username, address=address)


def _lock_key(username: str | None, address: str) -> str:
    return f"sign-in-lock-noted:{address}:{username}"


def _note(code: str, severity: str, message: str, **details: Any) -> None:
    """Keep the event in the second database; never fails a sign-in."""
    try:
        Event.objects.create(
            node=settings.OMM.address,
            code=code,
            severity=severity,
            message=message,
            details=details,
            texts=pack({"message": message}).get(TEXTS, {}),
        )
    except DatabaseError:
        log.warning("a sign-in could not be noted: %s", message, exc_info=True)
