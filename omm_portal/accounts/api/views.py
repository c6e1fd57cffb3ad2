"""Endpoints of users and tokens."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import exceptions, generics, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from omm_portal.accounts import services
from omm_portal.accounts.api.authentication import KEYWORD
from omm_portal.accounts.api.serializers import (
    NewTokenSerializer,
    PasswordSerializer,
    TokenRequestSerializer,
    TokenSerializer,
    UserSerializer,
)
from omm_portal.accounts.auth import sign_in
from omm_portal.accounts.models import ApiToken, User
from omm_portal.accounts.selectors import token_list, tokens_last_used, user_list
from omm_portal.api import (
    SOURCE,
    account,
    actor,
    deleted_response,
    etag,
    expected_version,
    write_response,
)
from omm_portal.permissions import AccountPermission, FullAccessPermission
from omm_portal.problems import PasswordChangeRequired
from omm_portal.proxies import address_of
from standby.gate import GateClosed


class SignInFailed(exceptions.AuthenticationFailed):
    """Deliberately silent about which of the two is wrong."""

    default_detail = "User name or password is not right."
    auth_header = KEYWORD


class TokenListView(generics.GenericAPIView[ApiToken]):
    """Tokens: make one with name and password, list those one may see."""

    serializer_class = TokenSerializer
    queryset = ApiToken.objects.none()
    ordering_fields: ClassVar = ["created_at", "name", "expires_at"]

    def get_permissions(self) -> list[Any]:
        return [] if self.request.method == "POST" else [AccountPermission()]

    def get_queryset(self) -> QuerySet[ApiToken]:
        """The own tokens; all of them with full access."""
        return token_list(viewer=account(self.request))

    @extend_schema(responses=TokenSerializer(many=True))
    def get(self, request: Request) -> Response:
        """List the own tokens; with full access those of everybody."""
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        used = tokens_last_used(token.pk for token in page or ())
        data = TokenSerializer(page, many=True, context={"last_used": used}).data
        return self.get_paginated_response(data)

    @extend_schema(request=TokenRequestSerializer, responses={201: NewTokenSerializer}, auth=[])
    def post(self, request: Request) -> Response:
        """Make a token; its key is in this answer and nowhere else."""
        wanted = TokenRequestSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        user = self._user(request, wanted.validated_data)
        written = services.token_create(
            user=user,
            name=wanted.validated_data.get("name", ""),
            expires_at=wanted.validated_data.get("expires_at"),
            now=timezone.now(),
            source=SOURCE,
        )
        data = NewTokenSerializer(written.value).data
        return write_response(written, data, code=status.HTTP_201_CREATED)

    def _user(self, request: Request, given: dict[str, Any]) -> User:
        user = sign_in(
            username=given["username"],
            password=given["password"],
            address=address_of(request),
            way="api",
        )
        if user is None and not user_list().exists():
            raise GateClosed("This OMM is just beginning: it has no users yet.")
        if user is None:
            raise SignInFailed
        if user.must_change_password:
            raise PasswordChangeRequired
        return user

    def perform_authentication(self, request: Request) -> None:
        """Whoever asks for a token may still send an old one that is no longer valid."""
        if request.method != "POST":
            super().perform_authentication(request)


class TokenView(generics.GenericAPIView[ApiToken]):
    """One token."""

    serializer_class = TokenSerializer
    queryset = ApiToken.objects.none()
    readers_may_write = True

    def get_queryset(self) -> QuerySet[ApiToken]:
        """The own tokens; all of them with full access."""
        return token_list(viewer=account(self.request))

    def get(self, request: Request, pk: str) -> Response:
        """Show a token, without its key."""
        token = self.get_object()
        used = tokens_last_used([token.pk])
        return Response(TokenSerializer(token, context={"last_used": used}).data)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, pk: str) -> Response:
        """Revoke a token at once."""
        token = self.get_object()
        return deleted_response(
            services.token_delete(token=token, actor=actor(request), source=SOURCE)
        )


class UserListView(generics.ListAPIView[User]):
    """All users; full access only."""

    permission_classes = [FullAccessPermission]
    serializer_class = UserSerializer
    ordering_fields: ClassVar = ["username", "role", "created_at"]

    def get_queryset(self) -> QuerySet[User]:
        """All users by name."""
        return user_list()

    @extend_schema(responses={201: UserSerializer})
    def post(self, request: Request) -> Response:
        """Add a user."""
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        values = dict(serializer.validated_data)
        written = services.user_create(
            password=values.pop("password"), values=values, actor=actor(request), source=SOURCE
        )
        data = self.get_serializer(written.value).data
        return write_response(written, data, code=status.HTTP_201_CREATED)


class UserView(generics.GenericAPIView[User]):
    """One user; full access only."""

    permission_classes = [FullAccessPermission]
    serializer_class = UserSerializer

    def get_queryset(self) -> QuerySet[User]:
        """All users."""
        return user_list()

    def get(self, request: Request, pk: str) -> Response:
        """Show a user."""
        user = self.get_object()
        return Response(self.get_serializer(user).data, headers={"ETag": etag(user)})

    def patch(self, request: Request, pk: str) -> Response:
        """Change a user, the password too."""
        user = self.get_object()
        serializer = self.get_serializer(user, data=request.data, partial=True)
        serializer.is_valid(raise_exception=True)
        changes = dict(serializer.validated_data)
        written = services.user_update(
            user=user,
            password=changes.pop("password", None),
            changes=changes,
            expected_version=expected_version(request),
            actor=actor(request),
            source=SOURCE,
        )
        return write_response(written, self.get_serializer(written.value).data)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, pk: str) -> Response:
        """Remove a user and the user's tokens."""
        written = services.user_delete(
            user=self.get_object(),
            expected_version=expected_version(request),
            actor=actor(request),
            source=SOURCE,
        )
        return deleted_response(written)


class MeView(APIView):
    """The account that asks."""

    before_password_change = True

    @extend_schema(responses=UserSerializer)
    def get(self, request: Request) -> Response:
        """Show the own account."""
        return Response(UserSerializer(request.user).data)


class PasswordView(APIView):
    """The own password."""

    before_password_change = True
    readers_may_write = True

    @extend_schema(request=PasswordSerializer, responses=UserSerializer)
    def post(self, request: Request) -> Response:
        """Change the own password; needs the current one."""
        given = PasswordSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        written = services.password_change(
            user=account(request), source=SOURCE, **given.validated_data
        )
        return write_response(written, UserSerializer(written.value).data)
