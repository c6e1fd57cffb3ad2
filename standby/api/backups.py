"""Endpoints of back-ups: those that this OMM keeps, and restoring from one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import FileResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import exceptions, status
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from omm_portal.api import (
    SOURCE,
    actor,
    deleted_response,
    etag,
    expected_version,
    write_response,
)
from omm_portal.pagination import ListPagination
from omm_portal.permissions import FullAccessPermission
from standby import selectors
from standby.api.backup_serializers import (
    BackupMakeSerializer,
    BackupPlanSerializer,
    BackupSerializer,
    BackupSettingsSerializer,
    ChoiceSerializer,
    RestoredSerializer,
    RestoreSerializer,
    UploadSerializer,
)
from standby.backup import files
from standby.backup.files import Stored
from standby.backup.planning import Choice
from standby.backup.presenting import documents, plan_document, restored_document, stored_document
from standby.backup.services import backup_make, backup_plan, backup_restore, backup_take_in
from standby.services import backup_settings_update
from standby.written import Written


class BackupView(APIView):
    """Full access only: a back-up tells everything that is configured."""

    permission_classes = [FullAccessPermission]


def found(backup_id: str) -> Stored:
    """The stored back-up, or 404."""
    one = files.stored(backup_id)
    if one is None:
        raise exceptions.NotFound
    return one


def _kept(request: Request) -> frozenset[str]:
    """Rows that a restore leaves alone: the account and the token of whoever asks."""
    rows = (request.user, request.auth)
    return frozenset(str(row.pk) for row in rows if getattr(row, "pk", None) is not None)


def _choice(request: Request, given: Mapping[str, Any]) -> Choice:
    models = given.get("models")
    return Choice(
        None if models is None else frozenset(models), remove=given["remove"], keep=_kept(request)
    )


class BackupListView(BackupView):
    """The back-ups that this OMM keeps."""

    @extend_schema(operation_id="backups_list", responses=BackupSerializer(many=True))
    def get(self, request: Request) -> Response:
        """List them, the newest first."""
        pages = ListPagination()
        page = pages.paginate_queryset(files.stored_list(), request, view=self)
        return pages.get_paginated_response(documents(page or ()))

    @extend_schema(request=BackupMakeSerializer, responses={201: BackupSerializer})
    def post(self, request: Request) -> Response:
        """Make one now; with a passphrase it is encrypted and holds the secrets, too."""
        wanted = BackupMakeSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        one = backup_make(
            now=timezone.now(),
            actor=actor(request),
            passphrase=wanted.validated_data["passphrase"],
        )
        return _created(one)


class BackupUploadView(BackupView):
    """Taking in a file."""

    parser_classes = [MultiPartParser]

    @extend_schema(request={"multipart/form-data": UploadSerializer}, responses=BackupSerializer)
    def post(self, request: Request) -> Response:
        """Keep a file here, to restore from it; 409 when it is damaged or no back-up."""
        wanted = UploadSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        one = backup_take_in(chunks=wanted.validated_data["file"].chunks(), now=timezone.now())
        return _created(one)


class BackupDetailView(BackupView):
    """One back-up."""

    @extend_schema(operation_id="backups_retrieve", responses=BackupSerializer)
    def get(self, request: Request, backup_id: str) -> Response:
        """Show it."""
        return Response(stored_document(found(backup_id)))

    @extend_schema(responses={204: None})
    def delete(self, request: Request, backup_id: str) -> Response:
        """Remove the file from this OMM."""
        files.remove(found(backup_id))
        return deleted_response(Written(None, None))


class BackupFileView(BackupView):
    """The file itself."""

    @extend_schema(responses={(200, "application/octet-stream"): OpenApiTypes.BINARY})
    def get(self, request: Request, backup_id: str) -> FileResponse:
        """Download it."""
        one = found(backup_id)
        return FileResponse(
            one.path.open("rb"),
            as_attachment=True,
            filename=one.name,
            content_type="application/octet-stream",
        )


class BackupPreviewView(BackupView):
    """What a restore would do."""

    @extend_schema(request=ChoiceSerializer, responses=BackupPlanSerializer)
    def post(self, request: Request, backup_id: str) -> Response:
        """Every difference between the file and what is configured; changes nothing."""
        wanted = ChoiceSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        given = wanted.validated_data
        plan = backup_plan(
            found(backup_id), _choice(request, given), passphrase=given["passphrase"]
        )
        return Response(plan_document(plan))


class BackupRestoreView(BackupView):
    """Restoring."""

    @extend_schema(request=RestoreSerializer, responses=RestoredSerializer)
    def post(self, request: Request, backup_id: str) -> Response:
        """Do what the preview with this ``seen`` showed; 409 ``outdated`` when that changed."""
        wanted = RestoreSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        given = wanted.validated_data
        written = backup_restore(
            found(backup_id),
            _choice(request, given),
            passphrase=given["passphrase"],
            seen=given["seen"],
            actor=actor(request),
        )
        return write_response(written, restored_document(written.value))


class BackupSettingsView(BackupView):
    """When back-ups are made by themselves."""

    @extend_schema(responses=BackupSettingsSerializer)
    def get(self, request: Request) -> Response:
        """Show the settings."""
        row = selectors.backup_settings()
        return Response(BackupSettingsSerializer(row).data, headers={"ETag": etag(row)})

    @extend_schema(request=BackupSettingsSerializer, responses=BackupSettingsSerializer)
    def patch(self, request: Request) -> Response:
        """Change the settings."""
        wanted = BackupSettingsSerializer(data=request.data, partial=True)
        wanted.is_valid(raise_exception=True)
        written = backup_settings_update(
            changes=wanted.validated_data,
            expected_version=expected_version(request),
            actor=actor(request),
            source=SOURCE,
        )
        return write_response(written, BackupSettingsSerializer(written.value).data)


def _created(one: Stored) -> Response:
    return write_response(Written(one, None), stored_document(one), code=status.HTTP_201_CREATED)
