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


class StatusPathSerializer(serializers.Serializer[Any]):
    """One heartbeat path; ``heard_by_peer`` is what the other OMM says, null when not known."""

    own = serializers.CharField()
    peer = serializers.CharField()
    heard = serializers.BooleanField()
    heard_by_peer = serializers.BooleanField(allow_null=True)
    last_heard_ms = serializers.IntegerField(allow_null=True)
    gap_ms = serializers.IntegerField()
    behind_ms = serializers.FloatField()
    channel = serializers.BooleanField()


class StatusPeerSerializer(serializers.Serializer[Any]):
    """The other OMM as this one knows it."""

    address = serializers.CharField()
    in_contact = serializers.BooleanField()
    role = serializers.CharField(allow_null=True)
    term = serializers.IntegerField(allow_null=True)
    last_heard_ms = serializers.IntegerField(allow_null=True)
    version = serializers.CharField(allow_null=True)
    paths = StatusPathSerializer(many=True)


class StatusWitnessHostSerializer(serializers.Serializer[Any]):
    """One witness, and how long ago it heard the other OMM."""

    address = serializers.CharField()
    answers = serializers.BooleanField()
    last_answer_ms = serializers.IntegerField(allow_null=True)
    hears_peer_ms = serializers.IntegerField(allow_null=True)


class StatusWitnessSerializer(serializers.Serializer[Any]):
    """The policy ``witness``: in force, answered, and whose right it is to be active alone."""

    armed = serializers.BooleanField()
    answering = serializers.BooleanField()
    holds = serializers.BooleanField()
    waived = serializers.BooleanField()
    witnesses = StatusWitnessHostSerializer(many=True)


class StatusRuleSerializer(serializers.Serializer[Any]):
    """One rule that holds now, as a sentence."""

    code = serializers.CharField()
    text = serializers.CharField()


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
    witness = StatusWitnessSerializer(allow_null=True)
    rfps = StatusRfpsSerializer()
    rules = StatusRuleSerializer(many=True)
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
