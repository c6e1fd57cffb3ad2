"""Endpoints of the pair's settings, change log, set-aside list and events."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import generics, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from omm_portal.api import SOURCE, account, actor, etag, expected_version, write_response
from standby import selectors, services
from standby.api.serializers import (
    ChangeSerializer,
    EventSerializer,
    MaintenanceBeginSerializer,
    MaintenanceSerializer,
    OmmSettingsSerializer,
    SamplesQuerySerializer,
    SamplesSerializer,
    SipSettingsSerializer,
    SystemSettingsSerializer,
)
from standby.filters import ChangeFilterSet, EventFilterSet
from standby.maintenance import maintenance_begin, maintenance_end, maintenance_row
from standby.models import Event, JournalEntry, OmmSettings
from standby.samples import sample_columns
from standby.written import Written

CONFIRM = OpenApiParameter(
    "confirm", OpenApiTypes.BOOL, description="1: save although the SIP server does not answer."
)


class OmmSettingsView(APIView):
    """The two OMM addresses that base stations are told."""

    @extend_schema(responses=OmmSettingsSerializer)
    def get(self, request: Request) -> Response:
        """Show the addresses and the trial, if any."""
        row = selectors.omm_settings()
        return Response(OmmSettingsSerializer(row).data, headers={"ETag": etag(row)})

    @extend_schema(
        request=OmmSettingsSerializer,
        responses={200: OmmSettingsSerializer, 202: OmmSettingsSerializer},
    )
    def patch(self, request: Request) -> Response:
        """Put other addresses on trial (202); 200 when none is on trial afterwards."""
        wanted = OmmSettingsSerializer(data=request.data, partial=True)
        wanted.is_valid(raise_exception=True)
        written = services.omm_settings_update(
            changes=wanted.validated_data,
            now=timezone.now(),
            expected_version=expected_version(request),
            actor=actor(request),
            source=SOURCE,
        )
        return _omm_settings_response(written)


class OmmConfirmView(APIView):
    """The end of a trial by agreement."""

    @extend_schema(request=None, responses=OmmSettingsSerializer)
    def post(self, request: Request) -> Response:
        """Keep the addresses that are on trial."""
        written = services.omm_settings_confirm(
            now=timezone.now(),
            expected_version=expected_version(request),
            actor=actor(request),
            source=SOURCE,
        )
        return _omm_settings_response(written)


class OmmRevertView(APIView):
    """The end of a trial by going back."""

    @extend_schema(request=None, responses=OmmSettingsSerializer)
    def post(self, request: Request) -> Response:
        """Take the addresses from before the trial back."""
        written = services.omm_settings_revert(
            expected_version=expected_version(request), actor=actor(request), source=SOURCE
        )
        return _omm_settings_response(written)


class SipSettingsView(APIView):
    """SIP proxy and registrar: their answer decides whether a standby OMM may take over."""

    @extend_schema(responses=SipSettingsSerializer)
    def get(self, request: Request) -> Response:
        """Show the SIP servers."""
        row = selectors.sip_settings()
        return Response(SipSettingsSerializer(row).data, headers={"ETag": etag(row)})

    @extend_schema(
        request=SipSettingsSerializer, responses=SipSettingsSerializer, parameters=[CONFIRM]
    )
    def patch(self, request: Request) -> Response:
        """Change the SIP servers; a new one is probed first and may answer 409 sip-no-answer."""
        wanted = SipSettingsSerializer(data=request.data, partial=True)
        wanted.is_valid(raise_exception=True)
        written = services.sip_settings_update(
            changes=wanted.validated_data,
            confirmed=request.query_params.get("confirm", "").lower() in {"1", "true", "yes"},
            expected_version=expected_version(request),
            actor=actor(request),
            source=SOURCE,
        )
        return write_response(written, SipSettingsSerializer(written.value).data)


class SystemSettingsView(APIView):
    """Settings of the system as a whole."""

    @extend_schema(responses=SystemSettingsSerializer)
    def get(self, request: Request) -> Response:
        """Show the settings."""
        row = selectors.system_settings()
        return Response(SystemSettingsSerializer(row).data, headers={"ETag": etag(row)})

    @extend_schema(request=SystemSettingsSerializer, responses=SystemSettingsSerializer)
    def patch(self, request: Request) -> Response:
        """Change the settings."""
        wanted = SystemSettingsSerializer(data=request.data, partial=True)
        wanted.is_valid(raise_exception=True)
        written = services.system_settings_update(
            changes=wanted.validated_data,
            expected_version=expected_version(request),
            actor=actor(request),
            source=SOURCE,
        )
        return write_response(written, SystemSettingsSerializer(written.value).data)


class MaintenanceView(APIView):
    """A time without automatic takeovers; writes are for the active OMM."""

    @extend_schema(responses=MaintenanceSerializer)
    def get(self, request: Request) -> Response:
        """Show the maintenance as this OMM knows it."""
        row = maintenance_row()
        return Response(MaintenanceSerializer(row).data, headers={"ETag": etag(row)})

    @extend_schema(request=MaintenanceBeginSerializer, responses=MaintenanceSerializer)
    def post(self, request: Request) -> Response:
        """Begin a maintenance; one that is on is replaced."""
        wanted = MaintenanceBeginSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        now = timezone.now()
        written = maintenance_begin(
            until=wanted.end(now),
            reason=wanted.validated_data["reason"],
            now=now,
            expected_version=expected_version(request),
            actor=actor(request),
            source=SOURCE,
        )
        return write_response(written, MaintenanceSerializer(written.value).data)

    @extend_schema(request=None, responses={200: MaintenanceSerializer})
    def delete(self, request: Request) -> Response:
        """End it before its time; 409 ``no-maintenance`` when none is on."""
        written = maintenance_end(
            now=timezone.now(),
            expected_version=expected_version(request),
            actor=actor(request),
            source=SOURCE,
        )
        return write_response(written, MaintenanceSerializer(written.value).data)


class ChangeListView(generics.GenericAPIView[JournalEntry]):
    """The change log."""

    serializer_class = ChangeSerializer
    filterset_class = ChangeFilterSet
    ordering_fields: ClassVar = ["seq"]

    def get_queryset(self) -> QuerySet[JournalEntry]:
        """All changes, newest first."""
        return selectors.change_list()

    @extend_schema(responses=ChangeSerializer(many=True))
    def get(self, request: Request) -> Response:
        """Who changed what, newest first; ``ordering=seq`` turns the order."""
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        safe_seq = selectors.safe_up_to()
        shown = [selectors.change_document(entry, safe_seq=safe_seq) for entry in page or ()]
        return self.get_paginated_response(shown)


class EventListView(generics.ListAPIView[Event]):
    """What happened on either OMM, newest first."""

    serializer_class = EventSerializer
    queryset = Event.objects.none()
    filterset_class = EventFilterSet
    ordering_fields: ClassVar = ["at", "severity", "code"]

    def get_queryset(self) -> QuerySet[Event]:
        """All events, newest first; sign-ins with full access only."""
        return selectors.event_list(with_sign_ins=account(self.request).has_full_access)


class SamplesView(APIView):
    """How the pair did in the last hours, as the OMM that is asked saw it (a standby, too)."""

    @extend_schema(parameters=[SamplesQuerySerializer], responses=SamplesSerializer)
    def get(self, request: Request) -> Response:
        """Columns for charts: the last hours as 180 values, each the worst of its time."""
        wanted = SamplesQuerySerializer(data=request.query_params)
        wanted.is_valid(raise_exception=True)
        return Response(sample_columns(timezone.now().timestamp(), **wanted.validated_data))


def _omm_settings_response(written: Written[OmmSettings]) -> Response:
    on_trial = written.value.trial_until is not None
    code = status.HTTP_202_ACCEPTED if on_trial else status.HTTP_200_OK
    data: dict[str, Any] = dict(OmmSettingsSerializer(written.value).data)
    return write_response(written, data, code=code)
