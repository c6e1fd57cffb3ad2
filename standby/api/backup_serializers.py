"""What the endpoints of back-ups take and tell."""

from __future__ import annotations

from typing import Any, ClassVar

from rest_framework import serializers

from omm_portal.api import StrictModelSerializer, StrictSerializer
from standby.api.serializers import IsSetField
from standby.backup.services import unknown_models
from standby.models import BackupSettings


class BackupSerializer(serializers.Serializer[Any]):
    """A back-up that an OMM keeps."""

    id = serializers.CharField()
    name = serializers.CharField(help_text="The name of the file.")
    made_at = serializers.DateTimeField(help_text="When it was made; taken in, if it was sent.")
    kind = serializers.ChoiceField(choices=["manual", "scheduled", "uploaded"])
    size = serializers.IntegerField(help_text="Bytes.")
    encrypted = serializers.BooleanField()


class PassphraseField(serializers.CharField):
    """A passphrase; never told."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs = {"default": "", "allow_blank": True, "max_length": 1024, **kwargs}
        super().__init__(write_only=True, trim_whitespace=False, **kwargs)


class BackupMakeSerializer(StrictSerializer):
    """How to make one. Without a passphrase it holds no secrets."""

    passphrase = PassphraseField(help_text="12 to 1024 characters; empty: not encrypted.")


class UploadSerializer(StrictSerializer):
    """A file."""

    file = serializers.FileField(allow_empty_file=True)


class ChoiceSerializer(StrictSerializer):
    """What to restore."""

    passphrase = PassphraseField(help_text="Of an encrypted file.")
    models = serializers.ListField(
        child=serializers.CharField(),
        required=False,
        allow_null=True,
        help_text="Only these; null: all but those that must be asked for (accounts and tokens).",
    )
    remove = serializers.BooleanField(
        default=False, help_text="Also remove what the file does not have."
    )

    def validate_models(self, labels: list[str] | None) -> list[str] | None:
        """Only models that a back-up holds."""
        unknown = unknown_models(labels or ())
        if unknown:
            raise serializers.ValidationError([f"No back-up holds {name}." for name in unknown])
        return labels


class RestoreSerializer(ChoiceSerializer):
    """What to restore, as it was shown."""

    seen = serializers.CharField(max_length=200, help_text="From the preview.")


class PlanRowSerializer(serializers.Serializer[Any]):
    """One row that would be written; a secret's value is ``***``."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    before = serializers.DictField(allow_null=True)
    after = serializers.DictField(allow_null=True)


class NotRestoredSerializer(serializers.Serializer[Any]):
    """One row of the file that is not restored."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    reason = serializers.CharField()


class PlanCountsSerializer(serializers.Serializer[Any]):
    """How many rows."""

    added = serializers.IntegerField()
    changed = serializers.IntegerField()
    removed = serializers.IntegerField()
    refused = serializers.IntegerField()


class ModelPlanSerializer(serializers.Serializer[Any]):
    """What would happen to the rows of one model; at most 500 rows of each kind are listed."""

    model = serializers.CharField()
    in_file = serializers.IntegerField(allow_null=True)
    chosen = serializers.BooleanField()
    asks = serializers.CharField(help_text="What naming this model agrees to; may be empty.")
    notes = serializers.ListField(child=serializers.CharField())
    unchanged = serializers.IntegerField()
    counts = PlanCountsSerializer()
    added = PlanRowSerializer(many=True)
    changed = PlanRowSerializer(many=True)
    removed = PlanRowSerializer(many=True)
    refused = NotRestoredSerializer(many=True)


class LeftOutSerializer(serializers.Serializer[Any]):
    """What no back-up holds."""

    model = serializers.CharField()
    reason = serializers.CharField()


class BackupPlanSerializer(serializers.Serializer[Any]):
    """Everything that a restore would do."""

    seen = serializers.CharField()
    made_at = serializers.DateTimeField()
    made_by = serializers.CharField()
    node = serializers.CharField()
    release = serializers.CharField()
    format = serializers.IntegerField()
    secrets = serializers.CharField()
    remove = serializers.BooleanField()
    notes = serializers.ListField(child=serializers.CharField())
    left_out = LeftOutSerializer(many=True)
    models = ModelPlanSerializer(many=True)


class ModelNotRestoredSerializer(NotRestoredSerializer):
    """One row of the file that was not restored."""

    model = serializers.CharField()


class RestoredSerializer(serializers.Serializer[Any]):
    """What a restore did."""

    created = serializers.IntegerField()
    changed = serializers.IntegerField()
    removed = serializers.IntegerField()
    refused = ModelNotRestoredSerializer(many=True)


class BackupSettingsSerializer(StrictModelSerializer):
    """When each OMM makes a back-up; of the passphrase is told only whether it is set."""

    passphrase_set = IsSetField(source="passphrase")

    class Meta:
        model = BackupSettings
        fields: ClassVar = [
            "scheduled",
            "every_hours",
            "at_time",
            "keep_count",
            "keep_days",
            "passphrase",
            "passphrase_set",
            "version",
        ]
        read_only_fields: ClassVar = ["version"]
