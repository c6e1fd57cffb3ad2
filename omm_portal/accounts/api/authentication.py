"""Programs show a token, pages their session."""

from __future__ import annotations

from django.utils import timezone
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework import exceptions
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.request import Request

from omm_portal.accounts.auth import token_user
from omm_portal.accounts.models import ApiToken, User

KEYWORD = "Token"


class TokenAuthentication(BaseAuthentication):
    """``Authorization: Token ...``."""

    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        """The token's user; None without such a header; raises AuthenticationFailed."""
        parts = get_authorization_header(request).split()
        if not parts or parts[0].lower() != KEYWORD.lower().encode():
            return None
        if len(parts) != 2:
            raise exceptions.AuthenticationFailed("The header is: Authorization: Token <token>.")
        found = token_user(parts[1].decode("latin-1"), now=timezone.now())
        if found is None:
            raise exceptions.AuthenticationFailed("This token is unknown, revoked or expired.")
        return found

    def authenticate_header(self, request: Request) -> str:
        return KEYWORD


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Describes the header in the OpenAPI document."""

    target_class = "omm_portal.accounts.api.authentication.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        """An API key in the Authorization header."""
        return {
            "type": "apiKey",
            "in": "header",
            "name": "Authorization",
            "description": "The word Token, a blank, and a token from /api/v1/tokens/.",
        }
