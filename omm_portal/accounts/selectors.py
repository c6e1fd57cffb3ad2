"""Reading users and tokens."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone

from omm_portal.accounts.models import AccountRole, ApiToken, TokenUse, User


def user_list() -> QuerySet[User]:
    """All users by name."""
    return User.objects.order_by("username")


def user_named(username: str) -> User | None:
    """The user of this name, disabled or not; None also for what can be nobody's name."""
    if "\0" in username or len(username) > 64:
        return None
    try:
        return User.objects.filter(username=username).first()
    except UnicodeEncodeError:
        return None


def token_list(*, viewer: User) -> QuerySet[ApiToken]:
    """The tokens that ``viewer`` may see: all with full access, else the own ones."""
    tokens = ApiToken.objects.select_related("user").order_by("-created_at", "id")
    return tokens if viewer.has_full_access else tokens.filter(user=viewer)


def user_tokens(user: User) -> QuerySet[ApiToken]:
    """The tokens of one user, newest first."""
    return ApiToken.objects.filter(user=user).order_by("-created_at", "id")


@dataclass(frozen=True, slots=True)
class TokenRow:
    """A token as pages list it."""

    token: ApiToken
    last_used: datetime | None
    is_over: bool


def token_rows(tokens: Iterable[ApiToken]) -> list[TokenRow]:
    """Tokens with when each was last used on this node, and whether its time is over."""
    found, now = list(tokens), timezone.now()
    used = tokens_last_used(token.pk for token in found)
    return [
        TokenRow(
            token,
            used.get(token.pk),
            is_over=token.expires_at is not None and token.expires_at <= now,
        )
        for token in found
    ]


def tokens_last_used(ids: Iterable[UUID]) -> dict[UUID, datetime]:
    """When tokens were last used on this node, by token id (one query, second database)."""
    uses = TokenUse.objects.filter(token_id__in=list(ids))
    return dict(uses.values_list("token_id", "last_used_at"))


def full_access_users() -> QuerySet[User]:
    """Enabled users that may change settings; never none."""
    return User.objects.filter(is_active=True, role=AccountRole.FULL)
