"""Tables of the pair: the journal, node-local marks, replicated settings, events."""

import uuid
from typing import ClassVar

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from standby.domain.sentence import told
from standby.fields import SecretField

PORT_RANGE = [MinValueValidator(1), MaxValueValidator(65535)]
SETTINGS_NAMESPACE = uuid.UUID("8d3c1b1e-5d0f-5b8e-9a6e-0f4b6f0c7a15")


def fixed_id(name: str) -> uuid.UUID:
    """The UUID that a row made at the beginning of a pair has on every node."""
    return uuid.uuid5(SETTINGS_NAMESPACE, name)


class JournalEntry(models.Model):
    """One configuration change; ``body`` is the canonical JSON text that was hashed."""

    seq = models.BigIntegerField(primary_key=True)
    term = models.BigIntegerField()
    node = models.CharField(max_length=64)
    at = models.DateTimeField(db_index=True)
    actor = models.CharField(max_length=64)
    source = models.CharField(max_length=64)
    transaction = models.UUIDField(db_index=True)
    model = models.CharField(max_length=100)
    object = models.UUIDField(db_index=True)
    operation = models.CharField(max_length=16)
    body = models.TextField()
    hash = models.CharField(max_length=64)

    class Meta:
        ordering: ClassVar = ["seq"]


class JournalHead(models.Model):
    """The end of the journal; exactly one row (id 1), locked first by every change."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    seq = models.BigIntegerField(default=0)
    hash = models.CharField(max_length=64, default="0" * 64)
    term = models.BigIntegerField(default=0)
    lineage = models.CharField(max_length=36, default="", blank=True)
    real = models.BooleanField(default=False)


class Fence(models.Model):
    """Node-local: whether changes may commit here, read in the change's own transaction."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    open = models.BooleanField(default=False)
    term = models.BigIntegerField(default=0)


class PeerMark(models.Model):
    """Node-local: the last own entry the peer confirmed durably."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    seq = models.BigIntegerField(default=0)
    hash = models.CharField(max_length=64, default="0" * 64)
    at = models.DateTimeField(null=True)


class NodeIdentity(models.Model):
    """Node-local: whose database this is."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    node_id = models.CharField(max_length=32)
    address = models.CharField(max_length=64)
    checked_at = models.FloatField(default=0.0)
    """Wall time of the last proof that the database can be written."""


class StagedPart(models.Model):
    """Node-local: a piece of a large transaction or snapshot received but not yet applied."""

    transfer = models.CharField(max_length=100)
    index = models.PositiveBigIntegerField()
    data = models.TextField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["transfer", "index"], name="staged_part_once")
        ]


class PendingSetAside(models.Model):
    """Node-local: an own change that a split took back and that the winner must still get."""

    id = models.UUIDField(primary_key=True)
    node = models.CharField(max_length=64)
    term = models.BigIntegerField()
    seq = models.BigIntegerField()
    hash = models.CharField(max_length=64)
    body = models.TextField()
    sent = models.BooleanField(default=False)
    split = models.UUIDField(null=True)

    class Meta:
        ordering: ClassVar = ["term", "seq"]


class PendingSplit(models.Model):
    """Node-local: a split that this OMM lost and that the winner must still hear of."""

    id = models.UUIDField(primary_key=True)
    facts = models.JSONField()
    """The fields of the row of Split, canonical JSON."""


class SetAsideClass(models.TextChoices):
    """What became of a change that lost a split."""

    MERGED = "merged", _("Merged")
    OPEN = "open", _("Open")
    KEPT = "kept", _("Kept")
    REPLACED = "replaced", _("Replaced")


class SetAside(models.Model):
    """Replicated: a change made on the side that lost a split, waiting for or after review.

    ``judged_at`` is None until the merge has looked at it; till then it is open.
    """

    id = models.UUIDField(primary_key=True)
    node = models.CharField(max_length=64)
    term = models.BigIntegerField()
    seq = models.BigIntegerField()
    hash = models.CharField(max_length=64)
    state = models.CharField(max_length=8, choices=SetAsideClass, default=SetAsideClass.OPEN)
    body = models.TextField()
    object = models.UUIDField(null=True, db_index=True)
    """The changed object."""
    split = models.UUIDField(null=True, db_index=True)
    """The split that it lost; None in rows of older versions."""
    judged_at = models.DateTimeField(null=True, blank=True)
    fields = models.JSONField(null=True)
    """The class of each field; None where only the whole can be decided."""
    reason = models.JSONField(null=True)
    """Why something is open, as ``standby.domain.sentence.pack`` makes it."""
    decided_by = models.CharField(max_length=64, blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        ordering: ClassVar = ["term", "seq", "id"]


class Split(models.Model):
    """Replicated: a time in which both OMMs were active, as it was settled.

    Addresses name the OMMs. The changes of the loser are the rows of SetAside with this ``split``.
    """

    id = models.UUIDField(primary_key=True)
    winner = models.CharField(max_length=64)
    loser = models.CharField(max_length=64)
    term = models.BigIntegerField()
    """The winner's term when the loser followed it."""
    began_at = models.DateTimeField(null=True, blank=True)
    """When the loser lost contact, by its clock; None when it did not notice."""
    ended_at = models.DateTimeField()
    """When the loser followed the winner, by its clock."""
    reason = models.JSONField(null=True)
    """Why the winner won, as ``standby.domain.sentence.pack`` makes it."""
    common = models.BigIntegerField()
    """The last entry that both journals had."""
    loser_changes = models.BigIntegerField()
    """How many changes the loser set aside."""
    digest = models.CharField(max_length=64, blank=True, default="")
    """standby.domain.accounting.digest_of their ids; empty in rows of older versions."""
    copy = models.CharField(max_length=128, blank=True, default="")
    """The file that holds the loser's database as it was, on its host; empty for none."""
    winner_changes = models.BigIntegerField(null=True, blank=True)
    """How many changes the winner had made meanwhile."""
    version = models.PositiveIntegerField(default=1)

    class Meta:
        ordering: ClassVar = ["-ended_at", "id"]


class DataKey(models.Model):
    """Replicated: a key of secrets at rest, itself sealed with a key of the pair secret.

    There is one of the pair's beginnings; more only if OMMs made some apart from each other.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=64, unique=True, editable=False)
    """Named by every text that is sealed with it; hexadecimal, random."""
    wrapped = models.TextField(_("sealed key"), editable=False)
    created_at = models.DateTimeField(_("made"), default=timezone.now, editable=False)
    version = models.PositiveIntegerField(default=1, editable=False)


class OmmSettings(models.Model):
    """Replicated: the two OMM addresses that base stations are told (one row).

    While ``trial_until`` is set the addresses are on trial: the ``previous_*`` pair comes back
    unless somebody confirms in time.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    first_address = models.GenericIPAddressField(_("first OMM address"), null=True, blank=True)
    second_address = models.GenericIPAddressField(_("second OMM address"), null=True, blank=True)
    trial_until = models.DateTimeField(null=True, blank=True, editable=False)
    previous_first_address = models.GenericIPAddressField(null=True, blank=True, editable=False)
    previous_second_address = models.GenericIPAddressField(null=True, blank=True, editable=False)
    version = models.PositiveIntegerField(default=1, editable=False)


class SipTransport(models.TextChoices):
    """How SIP requests travel."""

    UDP = "UDP", "UDP"
    TCP = "TCP", "TCP"
    UDP_AND_TCP = "UDPAndTCP", _("UDP and TCP")
    TLS = "TLS", "TLS"
    PERSISTENT_TLS = "PersistentTLS", _("Persistent TLS")


class SipSettings(models.Model):
    """Replicated: SIP proxy and registrar (one row); they decide whether a takeover is allowed."""

    id = models.UUIDField(primary_key=True, editable=False)
    proxy_server = models.CharField(_("proxy server"), max_length=255, blank=True)
    proxy_port = models.PositiveIntegerField(_("proxy port"), default=5060, validators=PORT_RANGE)
    registrar_server = models.CharField(_("registrar server"), max_length=255, blank=True)
    registrar_port = models.PositiveIntegerField(
        _("registrar port"), default=5060, validators=PORT_RANGE
    )
    registration_period = models.PositiveIntegerField(
        _("registration period"),
        default=3600,
        validators=[MinValueValidator(60), MaxValueValidator(86400)],
    )
    """Seconds that phones ask the registrar for."""
    outbound_proxy_server = models.CharField(
        _("outbound proxy server"), max_length=255, blank=True, default=""
    )
    outbound_proxy_port = models.PositiveIntegerField(
        _("outbound proxy port"), default=5060, validators=PORT_RANGE
    )
    transport = models.CharField(
        _("transport"), max_length=16, choices=SipTransport, default=SipTransport.UDP
    )
    check_number = models.CharField(_("check number"), max_length=64, blank=True)
    version = models.PositiveIntegerField(default=1, editable=False)


class ToneScheme(models.IntegerChoices):
    """Whose tones phones play; the numbers are those of DHCP option 43, sub-option 17."""

    GERMANY = 1, _("Germany")
    GREAT_BRITAIN = 2, _("Great Britain")
    SWITZERLAND = 3, _("Switzerland")
    SPAIN = 4, _("Spain")
    ITALY = 6, _("Italy")
    RUSSIA = 7, _("Russia")
    BELGIUM = 8, _("Belgium")
    NETHERLANDS = 9, _("Netherlands")
    CZECHIA = 10, _("Czechia")
    FINLAND = 14, _("Finland")
    POLAND = 16, _("Poland")
    TAIWAN = 25, _("Taiwan")
    NORTH_AMERICA = 100, _("North America")
    FRANCE = 101, _("France")


class RegulatoryDomain(models.TextChoices):
    """Whose rules for DECT radio hold."""

    EMEA = "EMEA", "EMEA"
    US = "US", _("USA")
    BRAZIL = "Brazil", _("Brazil")
    TAIWAN = "Taiwan", _("Taiwan")


class PagingAreaSize(models.IntegerChoices):
    """How large paging areas are."""

    SIZE_16 = 16, "16"
    SIZE_32 = 32, "32"
    SIZE_64 = 64, "64"
    SIZE_128 = 128, "128"
    SIZE_256 = 256, "256"


class SystemSettings(models.Model):
    """Replicated: settings of the system as a whole (one row)."""

    id = models.UUIDField(primary_key=True, editable=False)
    system_name = models.CharField(_("system name"), max_length=64, blank=True)
    remote_access = models.BooleanField(_("remote shell access"), default=False)
    time_zone = models.CharField(_("time zone"), max_length=64, default="UTC")
    ntp_server_1 = models.CharField(_("first NTP server"), max_length=255, blank=True, default="")
    ntp_server_2 = models.CharField(_("second NTP server"), max_length=255, blank=True, default="")
    ntp_server_3 = models.CharField(_("third NTP server"), max_length=255, blank=True, default="")
    syslog_on = models.BooleanField(_("send to a syslog server"), default=False)
    syslog_address = models.GenericIPAddressField(
        _("syslog address"), protocol="IPv4", null=True, blank=True
    )
    syslog_port = models.PositiveIntegerField(_("syslog port"), default=514, validators=PORT_RANGE)
    tone_scheme = models.PositiveIntegerField(
        _("tone scheme"), choices=ToneScheme, null=True, blank=True
    )
    park = models.CharField(_("PARK"), max_length=32, blank=True, default="")
    regulatory_domain = models.CharField(
        _("regulatory domain"), max_length=8, choices=RegulatoryDomain, blank=True, default=""
    )
    dect_encryption = models.BooleanField(_("DECT encryption"), default=False)
    paging_area_size = models.PositiveIntegerField(
        _("paging area size"), choices=PagingAreaSize, default=PagingAreaSize.SIZE_256
    )
    dect_authentication_code = SecretField(_("DECT authentication code"), longest=32)
    snmp_community = SecretField(_("SNMP read community"), longest=64)
    snmp_contact = models.CharField(_("SNMP contact"), max_length=128, blank=True, default="")
    snmp_trap_host = models.CharField(_("SNMP trap host"), max_length=255, blank=True, default="")
    version = models.PositiveIntegerField(default=1, editable=False)


class Maintenance(models.Model):
    """Replicated: no automatic takeover until ``until`` (one row); None: no maintenance is on."""

    id = models.UUIDField(primary_key=True, editable=False)
    owner = models.CharField(_("owner"), max_length=64, blank=True, editable=False)
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    begun_at = models.DateTimeField(_("begun"), null=True, blank=True, editable=False)
    until = models.DateTimeField(_("until"), null=True, blank=True)
    version = models.PositiveIntegerField(default=1, editable=False)


class BackupEvery(models.IntegerChoices):
    """How often back-ups are made by themselves, in hours."""

    ONE = 1, _("every hour")
    TWO = 2, _("every 2 hours")
    FOUR = 4, _("every 4 hours")
    SIX = 6, _("every 6 hours")
    TWELVE = 12, _("every 12 hours")
    DAY = 24, _("every day")


class BackupSettings(models.Model):
    """Replicated: when each OMM makes a back-up of its own copy of the data (one row)."""

    id = models.UUIDField(primary_key=True, editable=False)
    scheduled = models.BooleanField(_("make back-ups by themselves"), default=True)
    every_hours = models.PositiveIntegerField(
        _("how often"), choices=BackupEvery, default=BackupEvery.DAY
    )
    at_time = models.CharField(_("time of day"), max_length=5, default="02:30")
    """HH:MM in the system's time zone; more than one a day are counted from there."""
    keep_count = models.PositiveIntegerField(
        _("back-ups to keep"),
        default=14,
        validators=[MinValueValidator(1), MaxValueValidator(1000)],
    )
    keep_days = models.PositiveIntegerField(
        _("days to keep them"),
        default=90,
        validators=[MinValueValidator(1), MaxValueValidator(3650)],
    )
    passphrase = SecretField(_("passphrase"), longest=128)
    version = models.PositiveIntegerField(default=1, editable=False)


class Severity(models.TextChoices):
    """How much an event or warning matters."""

    INFO = "info", _("Information")
    WARNING = "warning", _("Warning")
    ERROR = "error", _("Error")


class Event(models.Model):
    """Node-local, second database: what happened on either OMM, for the common time line."""

    uid = models.UUIDField(unique=True, default=uuid.uuid4)
    at = models.DateTimeField(default=timezone.now, db_index=True)
    node = models.CharField(max_length=64)
    code = models.CharField(max_length=64, db_index=True)
    severity = models.CharField(max_length=8, choices=Severity, default=Severity.INFO)
    message = models.TextField()
    details = models.JSONField(default=dict)
    texts = models.JSONField(default=dict)
    """How ``message`` was made (see standby.domain.sentence); empty in rows of older versions."""

    class Meta:
        ordering: ClassVar = ["-at", "-id"]

    @property
    def sentence(self) -> str:
        """The message, ready to be said in any language where that is known."""
        texts = self.texts if isinstance(self.texts, dict) else {}
        return told(self.message, texts.get("message"))


class Sample(models.Model):
    """Node-local, second database: how the pair did during ten seconds (later: one minute).

    Of each measure the worst is kept. Null means that nothing was known, a missing row that this
    OMM did not run.
    """

    at = models.PositiveBigIntegerField(primary_key=True)
    """When it began, in seconds since 1970 (UTC)."""
    latency_ms = models.FloatField(null=True)
    """The link's longest round trip."""
    silence_ms = models.PositiveBigIntegerField(null=True)
    """The longest time without a heartbeat of the other OMM."""
    suspicion = models.PositiveSmallIntegerField(null=True)
    """The highest, in per cent."""
    lag = models.PositiveBigIntegerField(null=True)
    """The most journal entries that the other OMM lacked."""
    unsafe = models.PositiveBigIntegerField(null=True)
    """The most changes that were on this OMM only."""
    rfps = models.PositiveIntegerField(null=True)
    """The fewest base stations connected to this OMM."""
    sip_ms = models.FloatField(null=True)
    """The longest answer time of the SIP server."""
    here = models.FloatField(default=0.0)
    """Seconds in which this OMM was the active one."""
    there = models.FloatField(default=0.0)
    """Seconds in which the other one was, as far as this one knew."""
    nobody = models.FloatField(default=0.0)
    """Seconds in which there was no active one, as far as this one knew."""
