"""What merged or restored settings of the pair must keep to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from django.core.exceptions import ValidationError
from django.utils import timezone

from standby import keyring
from standby.domain.aside import consistent
from standby.domain.sentence import say
from standby.journal import BackupRules, Rules
from standby.models import (
    BackupSettings,
    DataKey,
    Maintenance,
    OmmSettings,
    SetAside,
    SipSettings,
    SystemSettings,
)
from standby.rules import row_problems
from standby.services import OMM_FIELDS, trial_begin
from standby.sip_check import first_silent, new_targets
from standby.validation import (
    Problems,
    backup_problems,
    omm_problems,
    sip_problems,
    system_problems,
)
from standby.written import Conflict

ASKED_BY = ("proxy_server", "proxy_port", "registrar_server", "registrar_port", "transport")
"""Fields that say which SIP server is asked, and how."""
UNREADABLE = say("This OMM does not hold the pair secret for it.")
KEY_STAYS = say("Secrets may be sealed with it, so it is never removed.")
TRIED_FIRST = say("Base stations are told these addresses only on trial.")


def _refuse(problems: Problems) -> None:
    if problems:
        raise ValidationError(problems)


def _omm_check(row: OmmSettings, before: OmmSettings | None) -> None:
    _refuse(omm_problems(row))
    _omm_tried(row, before)


def _omm_tried(row: OmmSettings, before: OmmSettings | None) -> None:
    """Other addresses go on trial, as from the page."""
    if before is not None:
        former = (before.first_address, before.second_address)
        if (row.first_address, row.second_address) != former:
            trial_begin(row, former, timezone.now())


def _omm_waits(_ours: Any, wanted: Mapping[str, Any]) -> dict[str, str]:
    return dict.fromkeys(wanted.keys() & OMM_FIELDS, TRIED_FIRST)


def _sip_check(row: SipSettings, _before: SipSettings | None) -> None:
    _refuse(sip_problems(row))


def _sip_doubts(row: SipSettings, before: SipSettings | None) -> dict[str, str]:
    """A server that gives no answer is put in force only by somebody who means it."""
    former = before or SipSettings()
    new = new_targets(row, former)
    silent = first_silent(new) if new else None
    if silent is None:
        return {}
    text = say(
        "%(server)s port %(port)s gave no SIP answer. Without one the standby OMM never takes over"
        " by itself.",
        server=silent.server,
        port=silent.port,
    )
    changed = (name for name in ASKED_BY if getattr(row, name) != getattr(former, name))
    return dict.fromkeys(changed, text)


def _system_check(row: SystemSettings, _before: SystemSettings | None) -> None:
    _refuse(system_problems(row))


def _backup_check(row: BackupSettings, _before: BackupSettings | None) -> None:
    _refuse(backup_problems(row))


def _maintenance_check(row: Maintenance, _before: Maintenance | None) -> None:
    _refuse(row_problems(row, exclude={"owner"}))


def _data_key_check(row: DataKey, before: DataKey | None) -> None:
    """Not back to a pair secret that is not used any more; a new one may be for somebody else."""
    if before is not None:
        try:
            keyring.unwrap(row)
        except keyring.Unreadable:
            raise Conflict("unreadable", UNREADABLE) from None


def _data_key_removal(_row: DataKey) -> None:
    raise Conflict("in-use", KEY_STAYS)


def _decision_check(row: SetAside, _before: SetAside | None) -> None:
    """Two decisions on the same change, one from each side of a split, are never mixed."""
    if not consistent(row.state, row.fields):
        raise ValidationError(say("Its fields were decided otherwise here."))


OMM = Rules(
    check=_omm_check,
    waits=_omm_waits,
    aside=frozenset({"trial_until", "previous_first_address", "previous_second_address"}),
)
SIP = Rules(check=_sip_check, doubts=_sip_doubts)
SYSTEM = Rules(check=_system_check)
BACKUP = Rules(check=_backup_check)
MAINTENANCE = Rules(check=_maintenance_check)
RECORD = Rules(stays=say("What became of the changes of a split stays on record."))
SET_ASIDE = replace(RECORD, check=_decision_check)
DATA_KEY = Rules(check=_data_key_check, check_removal=_data_key_removal, stays=KEY_STAYS)

OMM_BACKUP = BackupRules(
    problems=omm_problems,
    prepare=_omm_tried,
    note=say("The addresses are told on trial: confirm them in time, or they are taken back."),
)
SIP_BACKUP = BackupRules(problems=sip_problems)
SYSTEM_BACKUP = BackupRules(problems=system_problems)
MAINTENANCE_BACKUP = BackupRules(
    left_out=say("A maintenance is a matter of hours: it says nothing of another day.")
)
BACKUP_BACKUP = BackupRules(problems=backup_problems)
DATA_KEY_BACKUP = BackupRules(
    left_out=say("Each pair has its own key; what it protects is in encrypted back-ups.")
)
RECORD_BACKUP = BackupRules(
    left_out=say("What a split set aside is a record of this pair's journal, not a setting.")
)
