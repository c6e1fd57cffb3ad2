"""Endpoints of what lost a split: the list, decisions on it, and the reports."""

from __future__ import annotations

import uuid
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.http.response import HttpResponseBase
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import generics
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from omm_portal.api import SOURCE, actor, expected_version, write_response
from omm_portal.permissions import FullAccessPermission
from standby import selectors
from standby.accounting import accounts, full_account
from standby.api.serializers import (
    DecidedSerializer,
    DecisionOnAllSerializer,
    FieldDecisionSerializer,
    SetAsideSerializer,
    SplitSerializer,
)
from standby.deciding import set_aside_decide, set_aside_decide_all
from standby.filters import SetAsideFilterSet
from standby.models import SetAside, Split
from standby.split_copies import download, find_copy

BYTES = "application/octet-stream"


class SetAsideListView(generics.GenericAPIView[SetAside]):
    """Changes that lost a split."""

    serializer_class = SetAsideSerializer
    filterset_class = SetAsideFilterSet
    ordering_fields: ClassVar = ["seq", "term"]

    def get_queryset(self) -> QuerySet[SetAside]:
        """All of them, in the order they were made."""
        return selectors.set_aside_list()

    @extend_schema(responses=SetAsideSerializer(many=True))
    def get(self, request: Request) -> Response:
        """List set-aside changes with the values side by side."""
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(selectors.set_aside_documents(page or ()))


class SetAsideDecideView(APIView):
    """A decision on one set-aside change."""

    @extend_schema(request=FieldDecisionSerializer, responses=SetAsideSerializer)
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        """Keep what this pair has, or replace it by what was set aside; 409 says why not."""
        wanted = FieldDecisionSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        generics.get_object_or_404(selectors.set_aside_list(), pk=pk)
        written = set_aside_decide(
            pk=pk,
            choice=wanted.validated_data["choice"],
            fields=wanted.validated_data["fields"],
            seen=wanted.validated_data.get("seen"),
            expected_version=expected_version(request),
            now=timezone.now(),
            actor=actor(request),
            source=SOURCE,
        )
        return write_response(written, selectors.set_aside_documents([written.value])[0])


class SetAsideDecideAllView(APIView):
    """A decision on everything that is open."""

    @extend_schema(
        operation_id="set_aside_decide_all",
        request=DecisionOnAllSerializer,
        responses=DecidedSerializer,
    )
    def post(self, request: Request) -> Response:
        """Decide on all that is open; what cannot be done stays open and is listed."""
        wanted = DecisionOnAllSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        given: dict[str, Any] = wanted.validated_data
        written = set_aside_decide_all(
            choice=given["choice"],
            split=given.get("split"),
            seen=given.get("seen"),
            now=timezone.now(),
            actor=actor(request),
            source=SOURCE,
        )
        refused = [{"id": pk, "reason": why} for pk, why in written.value.refused.items()]
        return write_response(written, {"decided": written.value.done, "refused": refused})


class SplitListView(generics.GenericAPIView[Split]):
    """The splits that were settled."""

    serializer_class = SplitSerializer
    ordering_fields: ClassVar = ["ended_at"]

    def get_queryset(self) -> QuerySet[Split]:
        """All, newest first."""
        return selectors.split_list()

    @extend_schema(responses=SplitSerializer(many=True))
    def get(self, request: Request) -> Response:
        """When, why, how long, and what became of each change of the loser."""
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset())) or []
        context = {"accounts": accounts(page)}
        return self.get_paginated_response(SplitSerializer(page, many=True, context=context).data)


class SplitView(APIView):
    """The report of one split."""

    @extend_schema(responses=SplitSerializer, operation_id="splits_one")
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        """The same as in the list; here the identities of the changes are compared too."""
        found = generics.get_object_or_404(selectors.split_list(), pk=pk)
        context = {"accounts": {found.pk: full_account(found)}}
        return Response(SplitSerializer(found, context=context).data)


class SplitCopyView(APIView):
    """The copy of the loser's database."""

    permission_classes = [FullAccessPermission]

    @extend_schema(operation_id="splits_copy", responses={(200, BYTES): OpenApiTypes.BINARY})
    def get(self, request: Request, pk: uuid.UUID) -> HttpResponseBase:
        """The whole file, for full access; 409 no-copy says why it cannot be had."""
        found = generics.get_object_or_404(selectors.split_list(), pk=pk)
        return download(find_copy(found), found, actor=actor(request))
