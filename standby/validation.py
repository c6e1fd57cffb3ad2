"""Rules of the pair's settings that need no database: every one that a row breaks, by field."""

from __future__ import annotations

import re
from functools import cache
from zoneinfo import available_timezones

from django.utils.translation import gettext_lazy as _

from standby.models import BackupSettings, OmmSettings, SipSettings, SystemSettings
from standby.rules import is_host, is_server, row_problems

Problems = dict[str, list[str]]
NTP_SERVERS = ("ntp_server_1", "ntp_server_2", "ntp_server_3")

_CHECK_NUMBER = re.compile(r"[A-Za-z0-9+*#._-]*\Z")
PASSPHRASE_LEAST, PASSPHRASE_MOST = 12, 1024
_TIME_OF_DAY = re.compile(r"([01]\d|2[0-3]):[0-5]\d\Z")
_PARK = re.compile(r"[A-Za-z0-9]*\Z")
_NO_PLACES = ("Etc/", "US/", "posix/", "right/", "SystemV/")


@cache
def time_zones() -> tuple[str, ...]:
    """Names of time zones that belong to a place, and UTC, sorted."""
    places = (name for name in available_timezones() if "/" in name)
    return ("UTC", *sorted(name for name in places if not name.startswith(_NO_PLACES)))


def omm_problems(row: OmmSettings) -> Problems:
    """Every rule that the OMM addresses break; strips texts in place, as all of these do."""
    problems = row_problems(row)
    for field in ("first_address", "second_address"):
        _refuse_address(row, field, problems)
    if row.second_address and not row.first_address:
        problems.setdefault("first_address", [str(_("A second OMM needs a first one."))])
    elif row.first_address and row.first_address == row.second_address:
        problems.setdefault("second_address", [str(_("The two OMM addresses must differ."))])
    return problems


def sip_problems(row: SipSettings) -> Problems:
    """Every rule that the SIP settings break."""
    problems = row_problems(row)
    for field in ("proxy_server", "registrar_server", "outbound_proxy_server"):
        _refuse_server(row, field, problems)
    if not _CHECK_NUMBER.match(row.check_number):
        problems.setdefault("check_number", [str(_("Letters, digits and + * # . _ - only."))])
    return problems


def system_problems(row: SystemSettings) -> Problems:
    """Every rule that the system's settings break."""
    problems = row_problems(row)
    if row.time_zone not in time_zones():
        unknown = _("There is no such time zone. Enter a name such as Europe/Berlin, or UTC.")
        problems.setdefault("time_zone", [str(unknown)])
    for field in (*NTP_SERVERS, "snmp_trap_host"):
        _refuse_server(row, field, problems)
    for field, text in _ntp_problems(row).items():
        problems.setdefault(field, [text])
    _refuse_address(row, "syslog_address", problems)
    if row.syslog_on and not row.syslog_address:
        problems.setdefault("syslog_address", [str(_("Needed to send to a syslog server."))])
    if not _PARK.match(row.park):
        problems.setdefault("park", [str(_("Letters and digits only."))])
    return problems


def backup_problems(row: BackupSettings) -> Problems:
    """Every rule that the settings of back-ups break."""
    problems = row_problems(row)
    if not _TIME_OF_DAY.match(row.at_time):
        problems.setdefault("at_time", [str(_("Enter a time such as 02:30."))])
    return problems


def passphrase_problems(passphrase: str) -> list[str]:
    """Why no back-up may be encrypted with this passphrase; empty: it may."""
    if len(passphrase) < PASSPHRASE_LEAST:
        return [_("At least %(count)s characters.") % {"count": PASSPHRASE_LEAST}]
    if len(passphrase) > PASSPHRASE_MOST:
        return [_("At most %(count)s characters.") % {"count": PASSPHRASE_MOST}]
    return []


def _ntp_problems(row: SystemSettings) -> dict[str, str]:
    """NTP servers are filled from the first on, and none is there twice."""
    problems: dict[str, str] = {}
    seen: set[str] = set()
    free = ""
    for field in NTP_SERVERS:
        server = getattr(row, field).lower()
        if not server:
            free = free or field
        elif free:
            problems[free] = str(_("Fill this one first: the servers are asked in their order."))
        elif server in seen:
            problems[field] = str(_("This server is in the list already."))
        seen.add(server)
    return problems


def _refuse_address(row: OmmSettings | SystemSettings, field: str, problems: Problems) -> None:
    """Note an address that no device can have, unless something is wrong with it already."""
    value = getattr(row, field)
    if value and field not in problems and not is_host(value):
        problems[field] = [str(_("This address cannot belong to a device."))]


def _refuse_server(row: SipSettings | SystemSettings, field: str, problems: Problems) -> None:
    """Note what is neither a host name nor an address, unless something is wrong already."""
    value = getattr(row, field)
    if value and field not in problems and not is_server(value):
        problems[field] = [str(_("Enter a host name or an IP address."))]
