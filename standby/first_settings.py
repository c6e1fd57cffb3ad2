"""The settings rows that a new pair begins with; their ids are the same on every node."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from django.conf import settings

from standby import keyring
from standby.models import (
    BackupSettings,
    DataKey,
    Maintenance,
    OmmSettings,
    SipSettings,
    SystemSettings,
    fixed_id,
)


def omm_settings() -> Iterator[OmmSettings]:
    """Base stations are told the pair's own addresses, the lower one first, until changed."""
    known = [each for each in (settings.OMM.address, settings.OMM.peer_address) if each]
    first, second, *_ = [*sorted(known, key=ipaddress.ip_address), None, None]
    yield OmmSettings(id=fixed_id("omm-settings"), first_address=first, second_address=second)


def sip_settings() -> Iterator[SipSettings]:
    """No SIP proxy is configured at first, so none can block a takeover."""
    yield SipSettings(id=fixed_id("sip-settings"))


def system_settings() -> Iterator[SystemSettings]:
    """The system begins without a name and with what a field holds by default."""
    yield SystemSettings(id=fixed_id("system-settings"))


def maintenance() -> Iterator[Maintenance]:
    """No maintenance is on at first."""
    yield Maintenance(id=fixed_id("maintenance"))


def backup_settings() -> Iterator[BackupSettings]:
    """A back-up every night, without secrets."""
    yield BackupSettings(id=fixed_id("backup-settings"))


def data_key() -> Iterator[DataKey]:
    """The key of the pair's secrets."""
    yield keyring.new_key(id=fixed_id("data-key"))
