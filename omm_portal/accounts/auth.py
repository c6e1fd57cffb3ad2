"""Who is asking: passwords for pages, tokens for programs, and the brake on guessing."""

from __future__ import annotations

import contextlib
import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.contrib.auth.hashers import (
    check_password,
    get_hasher,
    identify_hasher,
    make_password,
)
from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.db import DatabaseError
from django.http import HttpRequest

from omm_portal.accounts import audit
from omm_portal.accounts.models import ApiToken, TokenUse, User
from omm_portal.accounts.services import password_rehash, token_digest
from omm_portal.proxies import address_of
from standby import gate, journal

log = logging.getLogger(__name__)

BACKEND = "omm_portal.accounts.auth.PasswordBackend"
"""What a session keeps of how its holder signed in."""
FAILURES_ALLOWED = 10
"""Wrong passwords for one user name from one address before a pause."""
ATTEMPTS_ALLOWED = 120
"""Sign-ins, right or wrong, from one address in a minute: each costs a slow hash."""
FAILURE_WINDOW = 300
ATTEMPT_WINDOW = 60
USE_NOTED_EVERY = timedelta(minutes=1)


class TooManyAttempts(Exception):
    """Signing in must pause; ``wait`` is in seconds."""

    def __init__(self, wait: int) -> None:
        super().__init__(f"Too many attempts to sign in; try again in {wait} s.")
        self.wait = wait


@dataclass(frozen=True, slots=True)
class SignInBrake:
    """Counts sign-ins of one user name from one network address (node-local, in memory)."""

    username: str
    address: str

    def check(self) -> None:
        """Count an attempt; raises TooManyAttempts when the name or the address must pause."""
        if _count(f"sign-in:{self.address}", ATTEMPT_WINDOW) > ATTEMPTS_ALLOWED:
            raise TooManyAttempts(ATTEMPT_WINDOW)
        if cache.get(self._key(), 0) >= FAILURES_ALLOWED:
            raise TooManyAttempts(FAILURE_WINDOW)

    def failed(self) -> None:
        """Count a wrong password."""
        _count(self._key(), FAILURE_WINDOW)

    def succeeded(self) -> None:
        """Forget the wrong passwords."""
        cache.delete(self._key())

    def _key(self) -> str:
        return f"sign-in-failed:{self.address}:{token_digest(self.username.lower())}"


def _count(key: str, window: int) -> int:
    """How often ``key`` was counted since the window began, this time included."""
    cache.add(key, 0, window)
    try:
        return cache.incr(key)
    except ValueError:
        return 1


def sign_in(*, username: str, password: str, address: str, way: str = "web") -> User | None:
    """The user whose name and password these are, None if they are not right.

    Raises TooManyAttempts. ``address`` is the client's network address, ``way`` "web" or "api";
    how it ended is kept as an event.
    """
    brake = SignInBrake(username, address)
    try:
        brake.check()
    except TooManyAttempts as error:
        audit.locked(username=_known(username), address=address, way=way, seconds=error.wait)
        raise
    user = password_user(username, password)
    if user is None:
        brake.failed()
        audit.sign_in_failed(username=_known(username), address=address, way=way)
    else:
        brake.succeeded()
        audit.signed_in(username=user.username, address=address, way=way)
    return user


def _known(username: str) -> str | None:
    user = _user_named(username)
    return user.username if user is not None else None


def password_user(username: str, password: str) -> User | None:
    """Find an enabled user by name and password; costs the same when there is none."""
    user = _user_named(username)
    if user is None:
        make_password(password)
        return None
    if not check_password(password, user.password) or not user.is_active:
        return None
    _upgrade_hash(user, password)
    return user


def _user_named(username: str) -> User | None:
    if "\0" in username or len(username) > 64:
        return None
    try:
        return User.objects.filter(username=username).first()
    except UnicodeEncodeError:
        return None


def _upgrade_hash(user: User, password: str) -> None:
    """Move to today's hashing method, on the active OMM only (the row replicates)."""
    try:
        hasher = identify_hasher(user.password)
    except ValueError:
        return
    if not hasher.must_update(user.password) and hasher.algorithm == get_hasher().algorithm:
        return
    with contextlib.suppress(gate.GateClosed, journal.Busy, ValidationError):
        password_rehash(user=user, password=password)


def token_user(key: str, *, now: datetime) -> tuple[User, ApiToken] | None:
    """The enabled user whose unexpired token ``key`` is, None otherwise (one query)."""
    token = ApiToken.objects.select_related("user").filter(digest=token_digest(key)).first()
    if token is None or not token.user.is_active:
        return None
    if token.expires_at is not None and token.expires_at <= now:
        return None
    _note_use(token.pk, now)
    return token.user, token


def _note_use(token_id: UUID, now: datetime) -> None:
    """Keep when a token was last used, to the minute; never fails a request."""
    if not cache.add(f"token-used:{token_id}", True, USE_NOTED_EVERY.total_seconds()):
        return
    try:
        TokenUse.objects.update_or_create(token_id=token_id, defaults={"last_used_at": now})
    except DatabaseError:
        log.warning("the use of a token could not be noted", exc_info=True)


class PasswordBackend:
    """Django's sign-in backend: name and password, no permissions or groups."""

    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **_other: Any,
    ) -> User | None:
        """The user, or None; raises TooManyAttempts."""
        if username is None or password is None:
            return None
        address = address_of(request) if request is not None else ""
        return sign_in(username=username, password=password, address=address)

    def get_user(self, user_id: Any) -> User | None:
        """The enabled user of a session."""
        return User.objects.filter(pk=user_id, is_active=True).first()
