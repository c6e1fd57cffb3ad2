"""The brake on guessing: after wrong passwords, one name from one address must pause.

django-axes counts them in this node's second database, so a lock-out neither replicates nor ever
writes configuration. Names that nobody has are counted just the same, but only as a digest:
people type passwords into the wrong field.
"""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from axes.handlers.database import AxesDatabaseHandler
from axes.handlers.proxy import AxesProxyHandler
from axes.models import AccessAttempt
from django.conf import settings
from django.core.cache import cache
from django.db import DatabaseError
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import salted_hmac

from omm_portal.accounts.counts import count
from omm_portal.accounts.selectors import user_named

UNKNOWN = "?"
"""What the digest of a name that nobody has begins with; no user name may hold it."""

log = logging.getLogger(__name__)


class Attempt(HttpRequest):
    """One sign-in, as much of it as axes may see.

    Of a browser's own request it would keep form fields, path and software as well.
    """

    refused = False
    """True when the password was not even looked at."""

    def __init__(self, *, username: str, address: str) -> None:
        super().__init__()
        self.method = "POST"
        self.META["REMOTE_ADDR"] = address
        user = user_named(username)
        self.known_name = user.username if user is not None else None
        self.counted_as = self.known_name or f"{UNKNOWN}{_digest(username)}"
        self.in_memory = f"sign-in-failed:{address}:{self.counted_as}"
        self.axes_locked_out = False


def counted_name(request: HttpRequest, _credentials: Any = None) -> str:
    """What axes counts an attempt under (its setting AXES_USERNAME_CALLABLE)."""
    if not isinstance(request, Attempt):
        raise TypeError("people sign in through auth.sign_in(), which makes an Attempt")
    return request.counted_as


class LockOuts(AxesDatabaseHandler):  # type: ignore[misc]
    """axes' own handler; counts in memory while its database cannot be written or read."""

    def user_login_failed(
        self, sender: Any, credentials: Any, request: Any = None, **kwargs: Any
    ) -> None:
        """Count a wrong password, unless the attempt was refused before."""
        counted_name(request)
        if request.axes_locked_out:
            request.refused = True
            return
        try:
            super().user_login_failed(sender, credentials, request, **kwargs)
        except DatabaseError:
            log.warning("wrong passwords are counted in memory only", exc_info=True)
            count(request.in_memory, pause_seconds())
            request.axes_locked_out = self.is_locked(request)

    def get_failures(self, request: Any, credentials: Any = None) -> int:
        """Wrong passwords since the last right one, as far as they still count."""
        counted_name(request)
        found = int(cache.get(request.in_memory, 0))
        try:
            return found + int(super().get_failures(request, credentials))
        except DatabaseError:
            log.warning("wrong passwords of earlier cannot be read", exc_info=True)
            return found

    def user_logged_in(self, sender: Any, request: Any, user: Any, **kwargs: Any) -> None:
        """Nothing: ``forget`` has been called, for pages and the API alike."""

    def user_logged_out(self, sender: Any, request: Any, user: Any, **kwargs: Any) -> None:
        """Nothing: the events tell."""


@dataclass(frozen=True, slots=True)
class LockOut:
    """A name that may not sign in from an address until then; None for a name nobody has."""

    id: int
    username: str | None
    address: str
    until: datetime


def pause_seconds() -> int:
    """How long a lock-out lasts."""
    return int(settings.AXES_COOLOFF_TIME.total_seconds())


def wait(attempt: Attempt) -> int:
    """Seconds until a refused attempt may be made again."""
    try:
        found = _lock_outs(timezone.now()).filter(
            username=attempt.counted_as, ip_address=attempt.META["REMOTE_ADDR"]
        )
        until = max((_told(row).until for row in found), default=None)
    except DatabaseError:
        until = None
    if until is None:
        return pause_seconds()
    return max(1, math.ceil((until - timezone.now()).total_seconds()))


def forget(attempt: Attempt) -> None:
    """The password was right: earlier failures no longer count."""
    if not AxesProxyHandler.get_failures(attempt):
        return
    cache.delete(attempt.in_memory)
    try:
        AxesProxyHandler.get_implementation().reset_user_attempts(attempt)
    except DatabaseError:
        log.warning("wrong passwords of earlier still count", exc_info=True)


def lock_outs(*, now: datetime) -> list[LockOut]:
    """All lock-outs of this node, the newest first."""
    return [_told(row) for row in _lock_outs(now)]


def lift(lock_out: LockOut) -> bool:
    """Let a locked-out name sign in again; False when nothing was locked any more."""
    gone: int = AccessAttempt.objects.filter(pk=lock_out.id).delete()[0]
    return gone > 0


def clean_up(*, now: datetime) -> int:
    """Drop failures that no longer count; returns how many rows went."""
    old = AccessAttempt.objects.filter(attempt_time__lt=now - settings.AXES_COOLOFF_TIME)
    gone: int = old.delete()[0]
    return gone


def _lock_outs(now: datetime) -> QuerySet[Any]:
    found: QuerySet[Any] = AccessAttempt.objects.filter(
        failures_since_start__gte=settings.AXES_FAILURE_LIMIT,
        attempt_time__gte=now - settings.AXES_COOLOFF_TIME,
    )
    return found.order_by("-attempt_time")


def _told(row: Any) -> LockOut:
    return LockOut(
        id=row.pk,
        username=None if row.username.startswith(UNKNOWN) else row.username,
        address=row.ip_address or "",
        until=row.attempt_time + settings.AXES_COOLOFF_TIME,
    )


def _digest(username: str) -> str:
    """Keyed: a password typed as a name cannot be found from it by guessing."""
    text = username.lower().encode("utf-8", "replace")
    return salted_hmac("omm_portal.lockouts", text, algorithm="sha256").hexdigest()
