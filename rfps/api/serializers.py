"""Sites and base stations as JSON; rules are in the services."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from omm_portal.api import StrictModelSerializer
from rfps.models import Rfp, RfpLive, Site


class SiteSerializer(StrictModelSerializer):
    """A site; ``rfp_count`` is how many base stations belong to it."""

    name = serializers.CharField(max_length=64)
    rfp_count = serializers.SerializerMethodField()

    class Meta:
        model = Site
        fields: ClassVar = ["id", "name", "rfp_count", "version"]
        read_only_fields: ClassVar = ["id", "version"]

    def get_rfp_count(self, site: Site) -> int:
        """Zero for a site just made."""
        return int(getattr(site, "rfp_count", 0))


class RfpStateSerializer(serializers.ModelSerializer[RfpLive]):
    """What a base station last reported to the active OMM."""

    class Meta:
        model = RfpLive
        fields: ClassVar = [
            "connected",
            "address",
            "hardware_type",
            "software",
            "since",
            "last_heartbeat",
        ]


class RfpSerializer(StrictModelSerializer):
    """A base station: its configuration and, read-only, its state."""

    mac = serializers.CharField(max_length=32, help_text="With :, -, . or nothing in between.")
    site = serializers.UUIDField(
        source="site_id", allow_null=True, required=False, help_text="The site's id."
    )
    state = serializers.SerializerMethodField()

    class Meta:
        model = Rfp
        fields: ClassVar = [
            "id",
            "mac",
            "name",
            "site",
            "building",
            "floor",
            "room",
            "cluster",
            "paging_area",
            "dect_on",
            "preferred_sync",
            "reflective_environment",
            "hardware_type",
            "position_x",
            "position_y",
            "wlan_on",
            "wlan_profile",
            "ip_mode",
            "address",
            "netmask",
            "gateway",
            "first_omm",
            "second_omm",
            "dns",
            "syslog",
            "version",
            "state",
        ]
        read_only_fields: ClassVar = ["id", "version"]

    @extend_schema_field(RfpStateSerializer)
    def get_state(self, rfp: Rfp) -> dict[str, Any]:
        """Not connected unless it reported to this OMM."""
        states: dict[UUID, RfpLive] = self.context.get("states", {})
        live = states.get(rfp.pk)
        return dict(RfpStateSerializer(live).data) if live else dict(NOT_CONNECTED)


NOT_CONNECTED: dict[str, Any] = {
    "connected": False,
    "address": None,
    "hardware_type": "",
    "software": "",
    "since": None,
    "last_heartbeat": None,
}
