"""Users and tokens as JSON; rules are in the services."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from rest_framework import serializers

from omm_portal.accounts.models import ApiToken, User
from omm_portal.accounts.services import LONGEST_PASSWORD
from omm_portal.api import StrictModelSerializer, StrictSerializer

PASSWORD: dict[str, Any] = {
    "max_length": LONGEST_PASSWORD,
    "trim_whitespace": False,
    "style": {"input_type": "password"},
}


class UserSerializer(StrictModelSerializer):
    """A user; the password is only ever taken, never given."""

    password = serializers.CharField(write_only=True, **PASSWORD)
    username = serializers.CharField(max_length=64)

    class Meta:
        model = User
        fields: ClassVar = [
            "id",
            "username",
            "display_name",
            "role",
            "is_active",
            "must_change_password",
            "password",
            "version",
            "created_at",
        ]
        read_only_fields: ClassVar = ["id", "version", "created_at"]


class PasswordSerializer(StrictSerializer):
    """A change of the own password."""

    current_password = serializers.CharField(write_only=True, **PASSWORD)
    new_password = serializers.CharField(write_only=True, **PASSWORD)


class TokenRequestSerializer(StrictSerializer):
    """Name and password of whoever wants a token."""

    username = serializers.CharField(max_length=64, write_only=True)
    password = serializers.CharField(write_only=True, **PASSWORD)
    name = serializers.CharField(
        max_length=120, required=False, allow_blank=True, help_text="What the token is for."
    )
    expires_at = serializers.DateTimeField(required=False, allow_null=True)


class TokenSerializer(StrictModelSerializer):
    """A token as it can be seen later: without its key."""

    user = serializers.CharField(source="user.username", read_only=True)
    last_used_at = serializers.SerializerMethodField()

    class Meta:
        model = ApiToken
        fields: ClassVar = ["id", "user", "name", "expires_at", "created_at", "last_used_at"]
        read_only_fields = fields

    def get_last_used_at(self, token: ApiToken) -> datetime | None:
        """To the minute, on this node."""
        uses: dict[UUID, datetime] = self.context.get("last_used", {})
        return uses.get(token.pk)


class NewTokenSerializer(StrictSerializer):
    """A token just made; ``token`` is shown only this once."""

    id = serializers.UUIDField(source="token.pk")
    token = serializers.CharField(source="key")
    name = serializers.CharField(source="token.name")
    user = serializers.CharField(source="token.user.username")
    expires_at = serializers.DateTimeField(source="token.expires_at", allow_null=True)
    created_at = serializers.DateTimeField(source="token.created_at")
