"""The endpoint that takes changes back."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from omm_portal.api import StrictSerializer, actor, write_response
from omm_portal.problems import problem, problem_response
from standby.domain.undo import Kind
from standby.undo_document import later_document, undo_document
from standby.undo_plan import picked
from standby.undoing import UndoBlocked, UndoStale, undo_changes, undo_preview


class UndoSerializer(StrictSerializer):
    """Which changes are to be taken back, and what is meant in spite of what speaks against it."""

    changes = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=2**63 - 1),
        help_text="Numbers of changes, at most 500.",
    )
    transaction = serializers.BooleanField(
        default=True, help_text="With all that was saved together with them."
    )
    preview = serializers.BooleanField(
        default=False, help_text="Only tell what would happen; nothing is changed."
    )
    overrule = serializers.ListField(
        child=serializers.CharField(max_length=100),
        required=False,
        default=list,
        help_text="Ids of conflicts that are to be disregarded; the preview must have had the"
        " same ones.",
    )
    seen = serializers.CharField(
        required=False,
        max_length=100,
        help_text="The mark of the preview: what conflicts is skipped; 412 `stale` if something"
        " else would happen by now. Without it any conflict is 409 `conflicts`.",
    )


class UndoneObjectSerializer(serializers.Serializer[Any]):
    """An object and the fields that are different after the undo; secrets show as ***."""

    model = serializers.CharField()
    object = serializers.UUIDField()
    name = serializers.CharField()
    becomes = serializers.ChoiceField(choices=["create", "update", "delete", "nothing"])
    now = serializers.DictField(allow_null=True)
    then = serializers.DictField(allow_null=True)


class LaterChangeSerializer(serializers.Serializer[Any]):
    """A change that was made after another one."""

    seq = serializers.IntegerField()
    actor = serializers.CharField()
    at = serializers.DateTimeField()


class UndoConflictSerializer(serializers.Serializer[Any]):
    """What speaks against taking back one field of a change, or all of it (``field`` null)."""

    id = serializers.CharField(help_text="Names it in `overrule`.")
    seq = serializers.IntegerField()
    model = serializers.CharField()
    object = serializers.UUIDField()
    field = serializers.CharField(allow_null=True)
    kind = serializers.ChoiceField(choices=[kind.value for kind in Kind])
    reason = serializers.CharField()
    may_overrule = serializers.BooleanField()
    overruled = serializers.BooleanField()
    now = serializers.JSONField(allow_null=True)
    former = serializers.JSONField(allow_null=True)
    later = LaterChangeSerializer(allow_null=True)


class UndoPlanSerializer(serializers.Serializer[Any]):
    """What an undo does, object by object."""

    seen = serializers.CharField(help_text="The mark of all of it.")
    changes = serializers.ListField(
        child=serializers.IntegerField(), help_text="What is taken back, newest first."
    )
    objects = UndoneObjectSerializer(many=True)
    conflicts = UndoConflictSerializer(many=True)


class UndoView(APIView):
    """Taking changes back, as one change of its own."""

    @extend_schema(
        request=UndoSerializer,
        responses={
            200: UndoPlanSerializer,
            409: OpenApiResponse(
                description="`conflicts`: something speaks against a part of it, and no preview"
                " was named; the plan stands under `undo`. `nothing-to-undo`: nothing would be"
                " different afterwards."
            ),
            412: OpenApiResponse(
                description="`stale`: something was changed after the preview. Nothing is done;"
                " the new plan stands under `undo`, who was faster under `since`."
            ),
        },
    )
    def post(self, request: Request) -> Response:
        """Show what an undo would do (``preview``), or do it; the undo can be undone again."""
        wanted = UndoSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        given: dict[str, Any] = wanted.validated_data
        entries = picked(given["changes"], together=given["transaction"])
        asked = {"overrule": given["overrule"], "actor": actor(request)}
        if given["preview"]:
            return Response(undo_document(undo_preview(entries, **asked)))
        try:
            written = undo_changes(entries, seen=given.get("seen"), **asked)
        except UndoBlocked as error:
            found = problem("conflicts", status.HTTP_409_CONFLICT, str(error))
            return problem_response({**found, "undo": undo_document(error.undo)})
        except UndoStale as error:
            found = problem("stale", status.HTTP_412_PRECONDITION_FAILED, str(error))
            since = [later_document(entry) for entry in error.since]
            return problem_response({**found, "undo": undo_document(error.undo), "since": since})
        return write_response(written, undo_document(written.value))
