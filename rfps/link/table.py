"""What the link must know of every base station at once, read from the database in one go.

After a fail-over thousands connect within a second: nobody can be looked up one by one then. The
standby reads the table too, so that it can let base stations in the moment it becomes active.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from uuid import UUID

from rfps.models import Rfp, RfpKey
from standby import journal, keyring
from standby.domain.facts import Head
from standby.selectors import system_settings

log = logging.getLogger("rfps.link")


@dataclass(frozen=True, slots=True)
class HeldKey:
    """A key that a base station was given."""

    id: UUID
    key: bytes
    proved: bool


@dataclass(frozen=True, slots=True)
class Known:
    """A base station that is configured."""

    id: UUID
    name: str
    keys: tuple[HeldKey, ...] = ()


@dataclass(frozen=True, slots=True)
class Table:
    """Everything as of one entry of the journal."""

    head: Head
    stations: Mapping[str, Known] = field(default_factory=dict)
    """By MAC address."""
    syslog: IPv4Address | None = None
    syslog_port: int = 514


class TableReader:
    """Reads tables; keys that were opened once are not opened again."""

    def __init__(self) -> None:
        self._opened: dict[str, bytes] = {}

    def read(self) -> Table:
        """The table as it is now (blocking: two queries and what is new to open)."""
        head = journal.head()
        keys: dict[str, list[HeldKey]] = {}
        opened: dict[str, bytes] = {}
        opener = keyring.opener()
        for row in RfpKey.objects.order_by("mac", "made_at", "id"):
            key = self._opened.get(row.key)
            if key is None:
                try:
                    key = bytes.fromhex(opener(row, "key"))
                except (keyring.Unreadable, ValueError):
                    log.warning("the key of base station %s cannot be read", row.mac)
                    continue
            opened[row.key] = key
            keys.setdefault(row.mac, []).append(HeldKey(row.pk, key, row.proved))
        self._opened = opened
        stations = {
            mac: Known(pk, name, tuple(keys.get(mac, ())))
            for pk, mac, name in Rfp.objects.values_list("pk", "mac", "name")
        }
        system = system_settings()
        syslog = system.syslog_address if system.syslog_on else None
        return Table(head, stations, IPv4Address(syslog) if syslog else None, system.syslog_port)
