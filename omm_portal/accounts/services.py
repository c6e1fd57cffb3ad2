"""Every change to users and tokens: validated, journalled, never without an administrator.

All functions raise ValidationError (by field), StaleObject, Conflict and whatever the journal
raises when this OMM accepts no change (GateClosed, Busy). Passwords are hashed before the journal
is locked: a hash takes long, and no other change could be made meanwhile.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth.hashers import check_password, make_password
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from omm_portal.accounts.models import ApiToken, User
from omm_portal.accounts.selectors import full_access_users
from standby import journal
from standby.domain.sentence import say
from standby.rules import row_problems, text_problem
from standby.written import Conflict, Written, expect_version

USER_FIELDS = frozenset({"username", "display_name", "role", "is_active", "must_change_password"})
Problems = dict[str, list[str]]
LONGEST_PASSWORD = 1024
TOKEN_PREFIX = "omm_"  # noqa: S105 - a marker that lets scanners find leaked tokens


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token just made; ``key`` is shown this once and kept nowhere."""

    token: ApiToken
    key: str


@dataclass(frozen=True, slots=True)
class NewPassword:
    """A password just generated; ``password`` is shown this once and kept nowhere."""

    user: User
    password: str


def user_create(
    *, values: Mapping[str, Any], password: str, actor: str, source: str = "web"
) -> Written[User]:
    """Add a user with a first password."""
    user = User()
    hashed = _hashed(password)
    with journal.change(actor=actor, source=source) as change:
        _apply(user, values)
        _refuse(user_problems(user, password))
        user.password = hashed
        change.save(user)
    return Written(user, change.receipt)


def user_update(
    *,
    user: User,
    changes: Mapping[str, Any],
    password: str | None = None,
    expected_version: int | None = None,
    actor: str,
    source: str = "web",
) -> Written[User]:
    """Change a user and, when given, the password."""
    hashed = None if password is None else _hashed(password)
    with journal.change(actor=actor, source=source) as change:
        current = _current(user, expected_version)
        _apply(current, changes)
        _refuse(user_problems(current, password))
        if hashed is not None:
            current.password = hashed
        keep_an_administrator(current)
        change.save(current)
    return Written(current, change.receipt)


def user_delete(
    *, user: User, expected_version: int | None = None, actor: str, source: str = "web"
) -> Written[None]:
    """Remove a user together with the user's tokens."""
    with journal.change(actor=actor, source=source) as change:
        current = _current(user, expected_version)
        keep_an_administrator(current, removed=True)
        change.delete_all(list(ApiToken.objects.filter(user=current)))
        change.delete(current)
    return Written(None, change.receipt)


def password_change(
    *, user: User, current_password: str, new_password: str, source: str = "web"
) -> Written[User]:
    """Change the own password; afterwards no further change is demanded."""
    problems: Problems = {}
    if not check_password(current_password, user.password):
        problems["current_password"] = [str(_("This is not the current password."))]
    texts = password_problems(user, new_password)
    if new_password == current_password:
        texts = [str(_("The new password must differ."))]
    _refuse({**problems, "new_password": texts} if texts else problems)
    hashed = _hashed(new_password)
    with journal.change(actor=user.username, source=source) as change:
        current = _current(user, None)
        if current.password != user.password:
            raise Conflict("password-changed", say("The password was changed in the meantime."))
        current.password = hashed
        current.must_change_password = False
        change.save(current)
    return Written(current, change.receipt)


def password_reset(
    *, user: User, expected_version: int | None = None, actor: str, source: str = "web"
) -> Written[NewPassword]:
    """Give a user a generated password, which must be changed at the next sign-in."""
    password = generated_password()
    changes = {"must_change_password": True}
    written = user_update(
        user=user,
        changes=changes,
        password=password,
        expected_version=expected_version,
        actor=actor,
        source=source,
    )
    return Written(NewPassword(written.value, password), written.receipt)


def generated_password() -> str:
    """A password of 96 random bits that can be typed."""
    return secrets.token_urlsafe(12)


def password_rehash(*, user: User, password: str) -> None:
    """Store ``password`` hashed by today's method; the caller has checked that it is right."""
    hashed = make_password(password)
    with journal.change(actor=user.username, source="system") as change:
        current = _current(user, None)
        if current.password == user.password:
            current.password = hashed
            change.save(current)


def token_create(
    *,
    user: User,
    name: str = "",
    expires_at: datetime | None = None,
    now: datetime,
    source: str = "web",
) -> Written[NewToken]:
    """Make a token for ``user``; only its digest is kept."""
    if expires_at is not None and expires_at <= now:
        raise ValidationError({"expires_at": [_("This time is over already.")]})
    key = TOKEN_PREFIX + secrets.token_urlsafe(32)
    token = ApiToken(user=user, name=name, digest=token_digest(key), expires_at=expires_at)
    token.created_at = now
    problems = row_problems(token, exclude={"user", "digest"})
    if problems:
        raise ValidationError(problems)
    with journal.change(actor=user.username, source=source) as change:
        if not User.objects.filter(pk=user.pk, is_active=True).exists():
            raise Conflict("user-gone", say("This user was removed or disabled."))
        change.save(token)
    return Written(NewToken(token, key), change.receipt)


def token_delete(*, token: ApiToken, actor: str, source: str = "web") -> Written[None]:
    """Revoke a token at once."""
    with journal.change(actor=actor, source=source) as change:
        change.delete(expect_version(ApiToken.objects.filter(pk=token.pk).first()))
    return Written(None, change.receipt)


def token_digest(key: str) -> str:
    """What is kept of a token: it has 256 random bits, so one plain SHA-256 does."""
    return hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()


def _current(user: User, expected_version: int | None) -> User:
    return expect_version(User.objects.filter(pk=user.pk).first(), expected_version)


def _apply(user: User, values: Mapping[str, Any]) -> None:
    unknown = values.keys() - USER_FIELDS
    if unknown:
        raise ValueError(f"not fields of a user: {sorted(unknown)}")
    for field, value in values.items():
        setattr(user, field, value)


def _hashed(password: str) -> str:
    """The hash; of a text that is going to be refused none, since not every text has one."""
    return "" if text_problem(password) else make_password(password)


def user_problems(user: User, password: str | None = None) -> Problems:
    """Every rule that a new or changed user breaks, and the new password if there is one."""
    problems = row_problems(user, exclude={"password"})
    same = User.objects.filter(username__iexact=user.username).exclude(pk=user.pk)
    if "username" not in problems and same.exists():
        problems["username"] = [str(_("A user of this name exists already."))]
    texts = [] if password is None else password_problems(user, password)
    return {**problems, "password": texts} if texts else problems


def password_problems(user: User, password: str) -> list[str]:
    """Why ``user`` may not have this password; empty when nothing speaks against it."""
    problem = text_problem(password)
    if problem:
        return [str(problem)]
    try:
        validate_password(password, user)
    except ValidationError as error:
        return error.messages
    return []


def _refuse(problems: Problems) -> None:
    if problems:
        raise ValidationError(problems)


def keep_an_administrator(user: User, *, removed: bool = False) -> None:
    """Raise Conflict when nobody with full access would remain."""
    if user.has_full_access and not removed:
        return
    if not full_access_users().exclude(pk=user.pk).exists():
        raise Conflict("last-full-access", last_full_access())


def last_full_access() -> str:
    """What is said when nobody with full access would remain."""
    return say("One enabled user with full access must remain.")
