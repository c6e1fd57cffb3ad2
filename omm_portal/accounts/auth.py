"""Who is asking: passwords for pages, tokens for programs."""

from __future__ import annotations

import contextlib
import logging
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.contrib.auth import authenticate
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

from omm_portal.accounts import audit, lockouts
from omm_portal.accounts.counts import count
from omm_portal.accounts.lockouts import Attempt
from omm_portal.accounts.models import ApiToken, TokenUse, User
from omm_portal.accounts.selectors import user_named
from omm_portal.accounts.services import password_rehash, token_digest
from standby import gate, journal
from standby.document import database_is_away
from standby.journal.errors import DATABASE_AWAY

log = logging.getLogger(__name__)

BACKEND = "omm_portal.accounts.auth.PasswordBackend"
"""What a session keeps of how its holder signed in."""
ATTEMPTS_ALLOWED = 120
"""Sign-ins, right or wrong, from one address in ATTEMPT_WINDOW seconds.

Each costs a slow hash, right ones too; django-axes counts failures only, and after the hash.
"""
ATTEMPT_WINDOW = 60
USE_NOTED_EVERY = timedelta(minutes=1)


class TooManyAttempts(Exception):
    """Signing in must pause; ``wait`` is in seconds."""

    def __init__(self, wait: int) -> None:
        super().__init__(f"Too many attempts to sign in; try again in {wait} s.")
        self.wait = wait


def sign_in(*, username: str, password: str, address: str, way: str = "web") -> User | None:
    """The user whose name and password these are, None if they are not right.

    Raises TooManyAttempts. ``address`` is the client's network address, ``way`` "web" or "api";
    how it ended is kept as an event.
    """
    attempt = Attempt(username=username, address=address)
    known = attempt.known_name
    if count(f"sign-in:{address}", ATTEMPT_WINDOW) > ATTEMPTS_ALLOWED:
        audit.locked(username=known, address=address, way=way, seconds=ATTEMPT_WINDOW)
        raise TooManyAttempts(ATTEMPT_WINDOW)
    user = authenticate(attempt, username=username, password=password)
    if attempt.refused:
        raise TooManyAttempts(lockouts.wait(attempt))
    if isinstance(user, User):
        lockouts.forget(attempt)
        audit.signed_in(username=user.username, address=address, way=way)
        return user
    audit.sign_in_failed(username=known, address=address, way=way)
    if attempt.axes_locked_out:
        pause = lockouts.pause_seconds()
        audit.locked(username=known, address=address, way=way, seconds=pause)
    return None


def password_user(username: str, password: str) -> User | None:
    """Find an enabled user by name and password; costs the same when there is none."""
    user = user_named(username)
    if user is None:
        make_password(password)
        return None
    if not check_password(password, user.password) or not user.is_active:
        return None
    _upgrade_hash(user, password)
    return user


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
    """Django's sign-in backend: name and password, no permissions or groups.

    That of django-axes stands before it and refuses whoever must pause.
    """

    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
    ) -> User | None:
        """The user, or None."""
        if username is None or password is None:
            return None
        return password_user(username, password)

    def get_user(self, user_id: Any) -> User | None:
        """The enabled user of a session.

        While the database is away a standby's own page must still be shown: to nobody in person.
        """
        if database_is_away():
            return None
        try:
            return User.objects.filter(pk=user_id, is_active=True).first()
        except DATABASE_AWAY:
            if gate.is_active():
                raise
            return None
