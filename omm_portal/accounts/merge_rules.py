"""What a merged or restored account must keep to: access never grows by a merge."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib.auth.hashers import is_password_usable
from django.core.exceptions import ValidationError

from omm_portal.accounts.models import AccountRole, ApiToken, User
from omm_portal.accounts.services import keep_an_administrator, last_full_access, user_problems
from standby.domain.sentence import say
from standby.journal import BackupRules, Rules
from standby.rules import row_problems
from standby.written import Conflict

WIDENS = say("It would give access, so somebody must decide it.")
OLD_PASSWORD = say("An old password never comes back. Reset the password instead.")
Fields = Mapping[str, Any]


def _user_check(user: User, before: User | None) -> None:
    if problems := user_problems(user):
        raise ValidationError(problems)
    if before is not None and before.has_full_access:
        keep_an_administrator(user)


def _user_removal(user: User) -> None:
    keep_an_administrator(user, removed=True)


def _user_waits(ours: Fields | None, wanted: Fields) -> dict[str, str]:
    if ours is None:
        return dict.fromkeys(wanted, WIDENS)
    enables = wanted.get("is_active") is True and ours["is_active"] is False
    promotes = wanted.get("role", ours["role"]) != ours["role"] == AccountRole.READ
    widens = {"is_active": enables, "role": promotes}
    return {name: WIDENS for name, does in widens.items() if does}


def _user_never(ours: Fields | None, former: Fields) -> dict[str, str]:
    """With the password stays whether it must be changed; a removed user is revived instead."""
    if ours is None or "password" not in former:
        return {}
    return dict.fromkeys(("password", "must_change_password"), OLD_PASSWORD)


def _user_revived(user: User) -> None:
    """Nobody signs in with what the user knew before the removal: a reset gives a new one."""
    user.set_unusable_password()
    user.must_change_password = True


def _token_check(token: ApiToken, _before: ApiToken | None) -> None:
    if not User.objects.filter(pk=token.user_id, is_active=True).exists():
        raise Conflict("user-gone", say("This user was removed or disabled."))


def _token_waits(ours: Fields | None, wanted: Fields) -> dict[str, str]:
    return dict.fromkeys(wanted, WIDENS) if ours is None or "expires_at" in wanted else {}


def _user_alone(user: User) -> Mapping[str, list[str]]:
    return row_problems(user, exclude={"password"})


def _users_together(after: Mapping[str, Fields], altered: frozenset[str]) -> dict[str, str]:
    """One name each, whatever its case; and somebody with full access remains."""
    if not any(_can_sign_in_with_full_access(row) for row in after.values()):
        return dict.fromkeys(altered, last_full_access())
    problems: dict[str, str] = {}
    owners: dict[str, str] = {}
    for key in sorted(after, key=lambda each: each in altered):
        if owners.setdefault(after[key]["username"].lower(), key) != key:
            problems[key] = say("A user of this name exists already.")
    return problems


def _can_sign_in_with_full_access(row: Fields) -> bool:
    has_role = row["is_active"] and row["role"] == AccountRole.FULL
    return has_role and is_password_usable(row["password"])


def _token_alone(token: ApiToken) -> Mapping[str, list[str]]:
    return row_problems(token, exclude={"user", "digest"})


GIVES_ACCESS = say("Restoring accounts and tokens can give access to people who have none now.")
USER_BACKUP = BackupRules(
    asks=GIVES_ACCESS,
    problems=_user_alone,
    together=_users_together,
    without_secret=_user_revived,
)
TOKEN_BACKUP = BackupRules(asks=GIVES_ACCESS, problems=_token_alone)
USER = Rules(
    check=_user_check,
    check_removal=_user_removal,
    waits=_user_waits,
    never=_user_never,
    revived=_user_revived,
)
TOKEN = Rules(check=_token_check, waits=_token_waits)
