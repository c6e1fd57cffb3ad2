"""Every change to the pair's settings: validated, journalled, guarded against stale edits.

All functions raise ValidationError (by field), StaleObject, Conflict and whatever the journal
raises when this OMM accepts no change (GateClosed, Busy).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, TypeVar

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db.models import Model

from standby import journal, keyring
from standby.domain.sentence import say
from standby.fields import secret_names
from standby.models import BackupSettings, OmmSettings, SipSettings, SystemSettings, fixed_id
from standby.rules import editable_fields
from standby.sip_check import FirstSilent, first_silent, new_targets
from standby.validation import (
    Problems,
    backup_problems,
    omm_problems,
    passphrase_problems,
    sip_problems,
    system_problems,
)
from standby.written import Conflict, Written, expect_version

OMM_ID = fixed_id("omm-settings")
SIP_ID = fixed_id("sip-settings")
SYSTEM_ID = fixed_id("system-settings")
BACKUP_ID = fixed_id("backup-settings")

OMM_FIELDS = editable_fields(OmmSettings)
SIP_FIELDS = editable_fields(SipSettings)
SYSTEM_FIELDS = editable_fields(SystemSettings)
BACKUP_FIELDS = editable_fields(BackupSettings)

FORMER_NEEDED = say(
    "A key of stored secrets is wrapped with a pair secret that this OMM does not hold: give it "
    "the former one as OMM_PAIR_SECRET_PREVIOUS."
)

Row = TypeVar("Row", BackupSettings, OmmSettings, SipSettings, SystemSettings)


class SipNoAnswer(Conflict):
    """The SIP server that is about to be saved does not answer; may be confirmed."""

    def __init__(self, server: str, port: int) -> None:
        super().__init__(
            "sip-no-answer",
            f"{server} port {port} gave no SIP answer. Without one the standby OMM never takes"
            " over by itself. Save with confirm=1 if it is meant.",
        )
        self.server = server
        self.port = port


def omm_settings_update(
    *,
    changes: Mapping[str, Any],
    now: datetime,
    expected_version: int | None = None,
    actor: str,
    source: str = "web",
) -> Written[OmmSettings]:
    """Put other OMM addresses on trial: they come back unless confirmed in time.

    ``OMM_ADDRESS_TRIAL`` says how long that is.

    Another change during a trial prolongs it; going back to the former addresses ends it.
    """
    with journal.change(actor=actor, source=source) as change:
        row = _locked(OmmSettings, OMM_ID, expected_version)
        former = (row.first_address, row.second_address)
        _apply(row, changes, OMM_FIELDS)
        _refuse(omm_problems(row))
        if (row.first_address, row.second_address) != former:
            trial_begin(row, former, now)
        change.save(row)
    return Written(row, change.receipt)


def omm_settings_confirm(
    *, now: datetime, expected_version: int | None = None, actor: str, source: str = "web"
) -> Written[OmmSettings]:
    """Keep the addresses that are on trial."""
    with journal.change(actor=actor, source=source) as change:
        row = _locked(OmmSettings, OMM_ID, expected_version)
        if row.trial_until is None or row.trial_until <= now:
            raise Conflict("no-trial", say("No change of the OMM addresses is on trial."))
        _trial_end(row)
        change.save(row)
    return Written(row, change.receipt)


def omm_settings_revert(
    *, expected_version: int | None = None, actor: str, source: str = "web"
) -> Written[OmmSettings]:
    """Take the addresses from before the trial back."""
    with journal.change(actor=actor, source=source) as change:
        row = _locked(OmmSettings, OMM_ID, expected_version)
        if row.trial_until is None:
            raise Conflict("no-trial", say("No change of the OMM addresses is on trial."))
        _trial_revert(row)
        change.save(row)
    return Written(row, change.receipt)


def omm_trial_expire(now: datetime) -> Written[OmmSettings] | None:
    """Revert a trial whose time ran out; None when there is none. For the active OMM."""
    return _revert_when(lambda row: row.trial_until is not None and row.trial_until <= now)


def omm_trial_revert_all() -> Written[OmmSettings] | None:
    """Revert a trial whatever its time: after a restart or fail-over nobody may have seen it."""
    return _revert_when(lambda row: row.trial_until is not None)


def sip_settings_update(
    *,
    changes: Mapping[str, Any],
    confirmed: bool = False,
    expected_version: int | None = None,
    actor: str,
    source: str = "web",
    probe: FirstSilent = first_silent,
) -> Written[SipSettings]:
    """Save the SIP servers; raises SipNoAnswer for a new one that is silent, unless confirmed.

    The probe runs before the transaction: nothing is locked while it waits.
    """
    if not confirmed:
        _probe_new(changes, probe)
    with journal.change(actor=actor, source=source) as change:
        row = _locked(SipSettings, SIP_ID, expected_version)
        _apply(row, changes, SIP_FIELDS)
        _refuse(sip_problems(row))
        change.save(row)
    return Written(row, change.receipt)


def system_settings_update(
    *,
    changes: Mapping[str, Any],
    expected_version: int | None = None,
    actor: str,
    source: str = "web",
) -> Written[SystemSettings]:
    """Save the settings of the system as a whole; of secrets the texts, "" takes one away."""
    with journal.change(actor=actor, source=source) as change:
        row = _locked(SystemSettings, SYSTEM_ID, expected_version)
        plain, secrets = _parted(SystemSettings, changes)
        _apply(row, plain, SYSTEM_FIELDS)
        _refuse({**system_problems(row), **keyring.problems(SystemSettings, secrets)})
        keyring.put(change, row, secrets)
        change.save(row)
    return Written(row, change.receipt)


def backup_settings_update(
    *,
    changes: Mapping[str, Any],
    expected_version: int | None = None,
    actor: str,
    source: str = "web",
) -> Written[BackupSettings]:
    """Save when back-ups are made; a passphrase "" has them made without secrets."""
    with journal.change(actor=actor, source=source) as change:
        row = _locked(BackupSettings, BACKUP_ID, expected_version)
        plain, secrets = _parted(BackupSettings, changes)
        _apply(row, plain, BACKUP_FIELDS)
        problems = {**backup_problems(row), **keyring.problems(BackupSettings, secrets)}
        texts = passphrase_problems(secrets["passphrase"]) if secrets.get("passphrase") else []
        _refuse({**problems, "passphrase": texts} if texts else problems)
        keyring.put(change, row, secrets)
        change.save(row)
    return Written(row, change.receipt)


def secret_rotate(*, actor: str, source: str = "web") -> Written[int]:
    """Have stored secrets readable with the present pair secret; how many keys were wrapped anew.

    Conflict ``unreadable`` when this OMM does not hold the pair secret of one of them.
    """
    with journal.change(actor=actor, source=source) as change:
        try:
            wrapped = keyring.rewrap(change)
        except keyring.Unreadable:
            raise Conflict("unreadable", FORMER_NEEDED) from None
    return Written(wrapped, change.receipt)


def _locked(model: type[Row], pk: Any, expected_version: int | None) -> Row:
    """The settings row under the change's lock; one never saved counts as version 1."""
    row = model._default_manager.filter(pk=pk).first() or model(id=pk)
    return expect_version(row, expected_version)


def _parted(
    model: type[Model], changes: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, str]]:
    """The changes of plain fields, and those of secret ones."""
    names = secret_names(model)
    plain = {name: value for name, value in changes.items() if name not in names}
    return plain, {name: value for name, value in changes.items() if name in names}


def _apply(row: Model, changes: Mapping[str, Any], allowed: frozenset[str]) -> None:
    unknown = changes.keys() - allowed
    if unknown:
        raise ValueError(f"not fields of {row._meta.label}: {sorted(unknown)}")
    for field, value in changes.items():
        setattr(row, field, value)


def _refuse(problems: Problems) -> None:
    if problems:
        raise ValidationError(problems)


def trial_begin(row: OmmSettings, former: tuple[str | None, str | None], now: datetime) -> None:
    """Have the row's addresses tried: ``former`` come back unless somebody confirms in time."""
    if row.trial_until is None:
        row.previous_first_address, row.previous_second_address = former
    row.trial_until = now + timedelta(seconds=settings.OMM.address_trial)
    before = (row.previous_first_address, row.previous_second_address)
    if (row.first_address, row.second_address) == before:
        _trial_end(row)


def _trial_end(row: OmmSettings) -> None:
    row.trial_until = None
    row.previous_first_address = row.previous_second_address = None


def _trial_revert(row: OmmSettings) -> None:
    row.first_address, row.second_address = row.previous_first_address, row.previous_second_address
    _trial_end(row)


def _revert_when(over: Callable[[OmmSettings], bool]) -> Written[OmmSettings] | None:
    """Revert the trial if ``over`` says so; looks without a lock first, as it nearly never is."""
    seen = OmmSettings.objects.filter(pk=OMM_ID).first()
    if seen is None or not over(seen):
        return None
    with journal.change(actor="system", source="system") as change:
        row = OmmSettings.objects.get(pk=OMM_ID)
        if over(row):
            _trial_revert(row)
            change.save(row)
    return Written(row, change.receipt)


def _probe_new(changes: Mapping[str, Any], probe: FirstSilent) -> None:
    """Raise SipNoAnswer when ``changes`` lead to another SIP server that gives no answer."""
    row = _sip_row()
    _apply(row, changes, SIP_FIELDS)
    _refuse(sip_problems(row))
    new = new_targets(row, _sip_row())
    silent = probe(new) if new else None
    if silent is not None:
        raise SipNoAnswer(silent.server, silent.port)


def _sip_row() -> SipSettings:
    return SipSettings.objects.filter(pk=SIP_ID).first() or SipSettings(id=SIP_ID)
