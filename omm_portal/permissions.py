"""Who may use an endpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rest_framework import exceptions
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

if TYPE_CHECKING:
    from rest_framework.views import APIView


from omm_portal.accounts.models import User
from omm_portal.problems import PasswordChangeRequired


class AccountPermission(BasePermission):
    """Signed in, no password change pending; what alters something needs full access.

    A view opens itself with ``readers_may_write`` (for an account's own things) and
    ``before_password_change``.
    """

    def has_permission(self, request: Request, view: APIView) -> bool:
        user = request.user
        if not isinstance(user, User):
            return False
        if user.must_change_password and not getattr(view, "before_password_change", False):
            raise PasswordChangeRequired
        reads = request.method in SAFE_METHODS or getattr(view, "readers_may_write", False)
        if not (reads or user.has_full_access):
            raise exceptions.PermissionDenied("This needs an account with full access.")
        return True


class FullAccessPermission(AccountPermission):
    """Full access even for reading."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        if not super().has_permission(request, view):
            return False
        if not (isinstance(request.user, User) and request.user.has_full_access):
            raise exceptions.PermissionDenied("This needs an account with full access.")
        return True
