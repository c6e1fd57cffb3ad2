"""The administrator that the first active OMM of an empty pair makes."""

from __future__ import annotations

from collections.abc import Iterator

from django.conf import settings
from django.contrib.auth.hashers import make_password

from omm_portal.accounts.models import AccountRole, User
from omm_portal.accounts.services import generated_password
from omm_portal.node.announce import announce
from standby.models import fixed_id

ADMIN_NAME = "admin"
ADMIN_ID = fixed_id("user:admin")


def administrator() -> Iterator[User]:
    """The unsaved user ``admin``, with the same id on every node.

    The password comes from OMM_ADMIN_PASSWORD and is final; without it one is generated, printed
    this once, and must be changed at the first sign-in.
    """
    given = settings.OMM.admin_password
    password = given.reveal() if given else _generated()
    yield User(
        id=ADMIN_ID,
        username=ADMIN_NAME,
        display_name="Administrator",
        role=AccountRole.FULL,
        password=make_password(password),
        must_change_password=not given,
    )


def _generated() -> str:
    password = generated_password()
    announce(
        f"\nThe first password of the user {ADMIN_NAME} is: {password}\n"
        "It is shown only this once and must be changed at the first sign-in.\n"
    )
    return password
