"""Who is at the other end of a WebSocket: a signed-in person or a program with a token."""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib import import_module
from types import SimpleNamespace
from typing import Any, cast

from channels.db import database_sync_to_async
from django.conf import settings
from django.contrib.auth import get_user
from django.http.cookie import parse_cookie
from django.utils import timezone

from omm_portal.accounts.auth import token_user
from omm_portal.accounts.models import User
from omm_portal.accounts.rights import TOKENS, mark_of_session, mark_of_user


@dataclass(frozen=True, slots=True)
class Visitor:
    """A user and the proof that was shown: a session's key or a token."""

    user: User
    by_session: bool
    proof: str

    @property
    def marks(self) -> tuple[str, ...]:
        """What changes of rights would name this visitor by."""
        return mark_of_user(self.user.pk), mark_of_session(
            self.proof
        ) if self.by_session else TOKENS

    async def again(self) -> Visitor | None:
        """The visitor with the rights of this moment; None if the proof no longer holds."""
        look = _session_user if self.by_session else _token_user
        user = await database_sync_to_async(look)(self.proof)
        return replace(self, user=user) if user is not None and user.pk == self.user.pk else None

    def __repr__(self) -> str:
        return f"Visitor({self.user.username})"


async def visitor_of_session(cookies: str) -> Visitor | None:
    """The signed-in person whose cookie header this is."""
    key = parse_cookie(cookies).get(settings.SESSION_COOKIE_NAME, "")
    user = await database_sync_to_async(_session_user)(key) if key else None
    return Visitor(user, True, key) if user is not None else None


async def visitor_of_token(token: str) -> Visitor | None:
    """The owner of an API token."""
    user = await database_sync_to_async(_token_user)(token)
    return Visitor(user, False, token) if user is not None else None


def _session_user(key: str) -> User | None:
    """The session's user, if it has not ended and its password has not changed."""
    store = import_module(settings.SESSION_ENGINE).SessionStore(key)
    request = cast("Any", SimpleNamespace(session=store))
    return _admitted(get_user(request))


def _token_user(token: str) -> User | None:
    found = token_user(token, now=timezone.now())
    return _admitted(found[0]) if found is not None else None


def _admitted(user: Any) -> User | None:
    """Users who must change their password see nothing before they did."""
    if not isinstance(user, User) or not user.is_active or user.must_change_password:
        return None
    return user
