"""The pair's settings, log and actions as JSON; rules are in the services."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, ClassVar

from django.utils import timezone
from rest_framework import serializers

from omm_portal.api import StrictModelSerializer, StrictSerializer
from standby.domain.aside import KEEP, REPLACE
from standby.maintenance import is_on
from standby.models import (
    Event,
    Maintenance,
    OmmSettings,
    SetAsideClass,
    SipSettings,
    Split,
    SystemSettings,
)
from standby.splits import classes_of


class IsSetField(serializers.BooleanField):
    """Whether a secret is set."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(read_only=True, **kwargs)

    def to_representation(self, value: object) -> bool:
        """True for any."""
        return bool(value)


class OmmSettingsSerializer(StrictModelSerializer):
    """The addresses that base stations are told; ``previous_*`` come back when a trial fails."""

    class Meta:
        model = OmmSettings
        fields: ClassVar = [
            "first_address",
            "second_address",
            "trial_until",
            "previous_first_address",
            "previous_second_address",
            "version",
        ]
        read_only_fields: ClassVar = fields[2:]


class SipSettingsSerializer(StrictModelSerializer):
    """SIP proxy and registrar."""

    class Meta:
        model = SipSettings
        fields: ClassVar = [
            "proxy_server",
            "proxy_port",
            "registrar_server",
            "registrar_port",
            "registration_period",
            "outbound_proxy_server",
            "outbound_proxy_port",
            "transport",
            "check_number",
            "version",
        ]
        read_only_fields: ClassVar = ["version"]


class SystemSettingsSerializer(StrictModelSerializer):
    """Settings of the system as a whole; of secrets is told only whether they are set."""

    dect_authentication_code_set = IsSetField(source="dect_authentication_code")
    snmp_community_set = IsSetField(source="snmp_community")

    class Meta:
        model = SystemSettings
        fields: ClassVar = [
            "system_name",
            "remote_access",
            "time_zone",
            "ntp_server_1",
            "ntp_server_2",
            "ntp_server_3",
            "syslog_on",
            "syslog_address",
            "syslog_port",
            "tone_scheme",
            "park",
            "regulatory_domain",
            "dect_encryption",
            "paging_area_size",
            "dect_authentication_code",
            "dect_authentication_code_set",
            "snmp_community",
            "snmp_community_set",
            "snmp_contact",
            "snmp_trap_host",
            "version",
        ]
        read_only_fields: ClassVar = ["version"]


class ChangeSerializer(serializers.Serializer[Any]):
    """One entry of the change log; secrets show as ***."""

    seq = serializers.IntegerField()
    term = serializers.IntegerField()
    node = serializers.CharField()
    at = serializers.DateTimeField()
    actor = serializers.CharField()
    source = serializers.CharField()  # type: ignore[assignment]
    transaction = serializers.UUIDField()
    tx_index = serializers.IntegerField()
    tx_size = serializers.IntegerField()
    model = serializers.CharField()
    object = serializers.UUIDField()
    operation = serializers.ChoiceField(choices=["create", "update", "delete", "lineage"])
    before = serializers.DictField(allow_null=True)
    after = serializers.DictField(allow_null=True)
    original = serializers.DictField(required=False, help_text="Author of a merged change.")
    undoes = serializers.IntegerField(
        required=False, help_text="The change that this one takes back."
    )
    hash = serializers.CharField()
    safe = serializers.BooleanField()


class OriginalChangeSerializer(ChangeSerializer):
    """A change as the other OMM recorded it."""

    hash = None  # type: ignore[assignment]
    safe = None  # type: ignore[assignment]


_SetAsideFields = type(
    "_SetAsideFields",
    (serializers.Serializer,),
    {"class": serializers.ChoiceField(choices=SetAsideClass.choices)},
)


class SetAsideSerializer(_SetAsideFields):  # type: ignore[misc, valid-type]
    """A change that lost a split: what it found, what the pair has now, what it wanted."""

    id = serializers.UUIDField()
    origin = serializers.CharField(help_text="The OMM that accepted the change.")
    term = serializers.IntegerField()
    seq = serializers.IntegerField()
    hash = serializers.CharField()
    base = serializers.DictField(allow_null=True)
    ours = serializers.DictField(allow_null=True)
    theirs = serializers.DictField(allow_null=True)
    original = OriginalChangeSerializer()
    fields = serializers.DictField(
        child=serializers.ChoiceField(choices=SetAsideClass.choices),
        help_text="The class of each field; empty where only the whole can be decided.",
    )
    reason = serializers.CharField(help_text="Why it is open; empty when it never was.")
    judged = serializers.BooleanField(help_text="False while the merge has not looked at it.")
    split = serializers.UUIDField(allow_null=True, help_text="The split that it lost.")
    seen = serializers.CharField(help_text="A mark of `ours`, for a decision.")
    decided_by = serializers.CharField()
    decided_at = serializers.DateTimeField(allow_null=True)
    version = serializers.IntegerField()


class DecisionSerializer(StrictSerializer):
    """A decision; ``seen`` is the mark that the change was shown with."""

    choice = serializers.ChoiceField(choices=[KEEP, REPLACE])
    seen = serializers.CharField(
        required=False, help_text="412 `stale` if what this pair has differs from that by now."
    )


class FieldDecisionSerializer(DecisionSerializer):
    """A decision on one change, or on some of its fields."""

    fields = serializers.ListField(  # type: ignore[assignment]
        child=serializers.CharField(),
        required=False,
        default=list,
        help_text="The open fields that are meant; all without this.",
    )


class DecisionOnAllSerializer(DecisionSerializer):
    """A decision on everything that is open, or on what is open of one split."""

    split = serializers.UUIDField(required=False)


class RefusedSerializer(serializers.Serializer[Any]):
    """A change that could not be decided so, and why."""

    id = serializers.UUIDField()
    reason = serializers.CharField()


class DecidedSerializer(serializers.Serializer[Any]):
    """What came of a decision on all."""

    decided = serializers.IntegerField()
    refused = RefusedSerializer(many=True)


class SplitSerializer(serializers.ModelSerializer[Split]):
    """A time in which both OMMs were active, and what became of the loser's changes."""

    reason = serializers.SerializerMethodField()
    classes = serializers.SerializerMethodField(help_text="Changes of the loser by class.")
    problems = serializers.SerializerMethodField(
        help_text="What is wrong in the account of the loser's changes; must be empty."
    )

    class Meta:
        model = Split
        fields: ClassVar = [
            "id",
            "winner",
            "loser",
            "term",
            "began_at",
            "ended_at",
            "reason",
            "winner_changes",
            "loser_changes",
            "classes",
            "problems",
            "copy",
        ]

    def get_reason(self, row: Split) -> str:
        """Why the winner won."""
        return str((row.reason or {}).get("text", ""))

    def get_classes(self, row: Split) -> dict[str, int]:
        """Each change is in exactly one; ``waiting`` is not looked at, ``missing`` not here yet."""
        return classes_of(self.context["accounts"][row.pk])

    def get_problems(self, row: Split) -> list[str]:
        """Sentences; changes that are on their way are no problem."""
        return [str(text) for text in self.context["accounts"][row.pk].problems()]


class EventSerializer(serializers.ModelSerializer[Event]):
    """Something that happened on one of the OMMs."""

    id = serializers.UUIDField(source="uid")

    class Meta:
        model = Event
        fields: ClassVar = ["id", "at", "node", "code", "severity", "message", "details"]


class TakeoverSerializer(StrictSerializer):
    """``force`` overrides a SIP server that does not answer."""

    force = serializers.BooleanField(default=False)


class MaintenanceSerializer(serializers.ModelSerializer[Maintenance]):
    """A time without automatic takeovers; ``active`` tells whether it is on now."""

    active = serializers.SerializerMethodField()

    class Meta:
        model = Maintenance
        fields: ClassVar = ["active", "owner", "reason", "begun_at", "until", "version"]
        read_only_fields: ClassVar = fields

    def get_active(self, row: Maintenance) -> bool:
        """True while no automatic takeover happens."""
        return is_on(row, timezone.now())


class MaintenanceBeginSerializer(StrictSerializer):
    """The end: either so many ``minutes`` from now or ``until`` a time; at most 24 hours."""

    minutes = serializers.IntegerField(min_value=1, max_value=24 * 60, required=False)
    until = serializers.DateTimeField(required=False)
    reason = serializers.CharField(max_length=200, required=False, allow_blank=True, default="")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Exactly one of the two."""
        if ("minutes" in attrs) == ("until" in attrs):
            raise serializers.ValidationError({"until": ["Give either minutes or until."]})
        return attrs

    def end(self, now: datetime) -> datetime:
        """When the maintenance is to end."""
        given = self.validated_data
        minutes = given.get("minutes")
        until: datetime = given["until"] if minutes is None else now + timedelta(minutes=minutes)
        return until


class CheckSerializer(serializers.Serializer[Any]):
    """One check, its verdict, and what to do about it."""

    name = serializers.CharField()
    ok = serializers.BooleanField()
    message = serializers.CharField()
    advice = serializers.CharField()


class AcceptedSerializer(serializers.Serializer[Any]):
    """The runtime has taken the action on."""

    accepted = serializers.BooleanField()
    reason = serializers.CharField()


class PreflightSerializer(serializers.Serializer[Any]):
    """All checks before a switch-over."""

    ok = serializers.BooleanField()
    checks = CheckSerializer(many=True)


class SamplesQuerySerializer(serializers.Serializer[Any]):
    """Which samples are wanted."""

    hours = serializers.IntegerField(
        min_value=1, max_value=24, default=6, help_text="The last so many hours."
    )


class ColumnField(serializers.ListField):
    """Values of one measure; null where nothing is known."""

    child = serializers.FloatField(allow_null=True)


class SamplesSerializer(serializers.Serializer[Any]):
    """How this OMM saw the pair, in columns of 180 values, oldest first.

    Every value is the worst of its time: the highest, of connected base stations the lowest. Null
    where nothing is known, as while this OMM did not run.
    """

    hours = serializers.IntegerField()
    step = serializers.IntegerField(help_text="Seconds between two values.")
    at = serializers.ListField(
        child=serializers.IntegerField(), help_text="When each begins, in seconds since 1970."
    )
    latency_ms = ColumnField(help_text="Round trip of the link between the OMMs.")
    silence_ms = ColumnField(help_text="Time without a heartbeat of the other OMM.")
    suspicion = ColumnField(help_text="Per cent; at 100 contact is lost.")
    lag = ColumnField(help_text="Journal entries that the other OMM lacks.")
    unsafe = ColumnField(help_text="Changes that are on this OMM only.")
    rfps = ColumnField(help_text="Base stations connected to this OMM.")
    sip_ms = ColumnField(help_text="Answer time of the SIP server.")
    here = ColumnField(help_text="Seconds in which this OMM was active.")
    there = ColumnField(help_text="Seconds in which the other OMM was active.")
    nobody = ColumnField(help_text="Seconds in which no OMM was known to be active.")
