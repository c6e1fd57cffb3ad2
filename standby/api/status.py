"""The status endpoint as Django serves it: in documents, tests, and behind other servers.

On a running node the answer comes from the lease file before Django (``omm_portal.asgi``).
"""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.views import APIView

from standby.document import status_bytes


class StatusNodeSerializer(serializers.Serializer[Any]):
    """This OMM."""

    address = serializers.CharField()
    role = serializers.ChoiceField(choices=["starting", "standby", "active", "failed"])
    synchronised = serializers.BooleanField()
    term = serializers.IntegerField()
    active_since = serializers.DateTimeField(allow_null=True)
    started_at = serializers.DateTimeField(allow_null=True)
    boot_id = serializers.CharField()
    version = serializers.CharField()


class StatusPeerSerializer(serializers.Serializer[Any]):
    """The other OMM as this one knows it."""

    address = serializers.CharField()
    in_contact = serializers.BooleanField()
    role = serializers.CharField(allow_null=True)
    term = serializers.IntegerField(allow_null=True)
    last_heard_ms = serializers.IntegerField(allow_null=True)
    version = serializers.CharField(allow_null=True)


class StatusJournalSerializer(serializers.Serializer[Any]):
    """How far the journal is, here and at the peer."""

    seq = serializers.IntegerField()
    hash = serializers.CharField()
    peer_seq = serializers.IntegerField(allow_null=True)
    unsafe = serializers.IntegerField()
    set_aside = serializers.IntegerField()


class StatusSipSerializer(serializers.Serializer[Any]):
    """Whether the SIP server answers."""

    configured = serializers.BooleanField()
    reachable = serializers.BooleanField(allow_null=True)
    checked_at = serializers.DateTimeField(allow_null=True)


class StatusRfpsSerializer(serializers.Serializer[Any]):
    """How many base stations there are."""

    configured = serializers.IntegerField()
    connected = serializers.IntegerField()


class StatusWarningSerializer(serializers.Serializer[Any]):
    """Something that wants attention, for as long as its cause lasts."""

    code = serializers.CharField()
    severity = serializers.ChoiceField(choices=["info", "warning", "error"])
    message = serializers.CharField()
    since = serializers.DateTimeField(allow_null=True)


class StatusSerializer(serializers.Serializer[Any]):
    """The status document."""

    node = StatusNodeSerializer()
    peer = StatusPeerSerializer(allow_null=True)
    journal = StatusJournalSerializer()
    sip = StatusSipSerializer()
    rfps = StatusRfpsSerializer()
    warnings = StatusWarningSerializer(many=True)
    reason = serializers.CharField()


class StatusView(APIView):
    """The state of this OMM and of the pair."""

    authentication_classes = ()
    permission_classes = ()

    @extend_schema(responses=StatusSerializer, auth=[])
    def get(self, request: Request) -> HttpResponse:
        """Show the state; no sign-in is needed, and a standby OMM answers too."""
        return HttpResponse(status_bytes(), content_type="application/json")
