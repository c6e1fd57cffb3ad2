"""Sites and base stations (RFPs)."""

import uuid
from typing import ClassVar

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from standby.fields import SecretField

POSITION_RANGE = [MinValueValidator(-1_000_000), MaxValueValidator(1_000_000)]
"""Pixels of a plan; well inside what every database's integers hold."""


class Site(models.Model):
    """A place with base stations; at most 250 on one pair."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(_("name"), max_length=64, unique=True)
    version = models.PositiveIntegerField(default=1, editable=False)

    class Meta:
        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        return self.name


class IpMode(models.TextChoices):
    """Where an RFP gets its addresses from; entirely one or the other."""

    DHCP = "dhcp", _("DHCP")
    LOCAL = "local", _("Local")


class Rfp(models.Model):
    """The configured side of a base station; at most 4096 on one pair."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    mac = models.CharField(_("MAC address"), max_length=17, unique=True)
    name = models.CharField(_("name"), max_length=64, blank=True)
    site = models.ForeignKey(
        Site,
        verbose_name=_("site"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="rfps",
    )
    building = models.CharField(_("building"), max_length=64, blank=True)
    floor = models.CharField(_("floor"), max_length=32, blank=True)
    room = models.CharField(_("room"), max_length=32, blank=True)
    cluster = models.PositiveIntegerField(
        _("cluster"), default=1, validators=[MinValueValidator(1), MaxValueValidator(4096)]
    )
    paging_area = models.PositiveIntegerField(
        _("paging area"), null=True, blank=True, validators=[MaxValueValidator(255)]
    )
    dect_on = models.BooleanField(_("DECT on"), default=True)
    preferred_sync = models.BooleanField(_("preferred synchronisation source"), default=False)
    reflective_environment = models.BooleanField(_("reflective environment"), default=False)
    hardware_type = models.CharField(_("hardware type"), max_length=32, blank=True)
    position_x = models.IntegerField(
        _("position x"), null=True, blank=True, validators=POSITION_RANGE
    )
    position_y = models.IntegerField(
        _("position y"), null=True, blank=True, validators=POSITION_RANGE
    )
    wlan_on = models.BooleanField(_("WLAN on"), default=False)
    wlan_profile = models.CharField(_("WLAN profile"), max_length=64, blank=True)
    ip_mode = models.CharField(_("IP mode"), max_length=8, choices=IpMode, default=IpMode.DHCP)
    address = models.GenericIPAddressField(_("address"), protocol="IPv4", null=True, blank=True)
    netmask = models.GenericIPAddressField(_("netmask"), protocol="IPv4", null=True, blank=True)
    gateway = models.GenericIPAddressField(_("gateway"), protocol="IPv4", null=True, blank=True)
    first_omm = models.GenericIPAddressField(_("first OMM"), protocol="IPv4", null=True, blank=True)
    second_omm = models.GenericIPAddressField(
        _("second OMM"), protocol="IPv4", null=True, blank=True
    )
    dns = models.GenericIPAddressField(_("DNS server"), protocol="IPv4", null=True, blank=True)
    syslog = models.GenericIPAddressField(
        _("syslog server"), protocol="IPv4", null=True, blank=True
    )
    version = models.PositiveIntegerField(default=1, editable=False)

    class Meta:
        ordering: ClassVar = ["mac"]

    def __str__(self) -> str:
        return self.name or self.mac

    @property
    def location(self) -> str:
        """Building, floor and room in one line; empty when none is known."""
        return ", ".join(filter(None, (self.building, self.floor, self.room)))


class RfpKey(models.Model):
    """Replicated: a key that a base station was given to prove itself with.

    Mostly one for a base station. After a split in which both OMMs gave it one there are two; the
    one that it proves stays.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    mac = models.CharField(_("MAC address"), max_length=17, db_index=True, editable=False)
    key = SecretField(_("key"), longest=128, editable=False)
    """64 bytes in hexadecimal."""
    proved = models.BooleanField(_("proved"), default=False, editable=False)
    """Never told again once this is set."""
    made_at = models.DateTimeField(_("made"), default=timezone.now, editable=False)
    version = models.PositiveIntegerField(default=1, editable=False)

    class Meta:
        ordering: ClassVar = ["mac", "made_at", "id"]


class RfpLive(models.Model):
    """Node-local, second database: what an RFP last reported to this OMM."""

    rfp_id = models.UUIDField(primary_key=True)
    connected = models.BooleanField(default=False)
    address = models.GenericIPAddressField(null=True)
    hardware_type = models.CharField(max_length=32, blank=True)
    software = models.CharField(max_length=144, blank=True)
    since = models.DateTimeField(null=True)
    last_heartbeat = models.DateTimeField(null=True)
