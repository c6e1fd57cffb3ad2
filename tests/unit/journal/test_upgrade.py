"""A data directory of the former version: its rows get the new fields alike on both OMMs."""

from __future__ import annotations

from typing import Any

from django.core.management import call_command
from django.db import connections
from django.db.migrations.loader import MigrationLoader

from standby.journal import rows
from standby.models import BackupSettings, DataKey, SipSettings, SystemSettings
from standby.services import SIP_ID, SYSTEM_ID
from tests.unit.journal.conftest import MakeNodes

FORMER = "0004_event_texts"
"""The last migration before settings of time, syslog, radio and SNMP came."""
ROWS: tuple[Any, ...] = (
    SystemSettings(id=SYSTEM_ID, system_name="North"),
    SipSettings(id=SIP_ID, proxy_server="pbx.example"),
)


def test_a_migrated_row_is_the_same_as_a_replicated_one(make_nodes: MakeNodes) -> None:
    """Which of the OMMs gets the new version first makes no difference."""
    with make_nodes() as (migrated, replicated):
        migrated.begin()
        for later in (DataKey, BackupSettings):  # the former version had none
            migrated.delete(migrated.rows(later).get())
        migrated.save(*ROWS)
        replicated.fetch_from(migrated)
        before = migrated.head
        call_command("migrate", "standby", FORMER, database=migrated.alias, verbosity=0)
        call_command("migrate", database=migrated.alias, verbosity=0)
        assert migrated.digest == replicated.digest
        assert migrated.head == before, "a migration makes no entry"


def test_an_entry_of_the_former_version_is_taken_over(make_nodes: MakeNodes) -> None:
    """Fields that it does not name get their defaults, as a migrated row has them."""
    with make_nodes() as (node, _):
        connection = connections[node.alias]
        state = MigrationLoader(connection).project_state(("standby", FORMER))
        for row in ROWS:
            table = rows.table(row._meta.label_lower, connection)
            expected = {
                each.name: each.from_object(getattr(row, each.attname)) for each in table.columns
            }
            known = state.models["standby", row._meta.model_name].fields.keys() - {"id"}
            assert known < expected.keys()
            former = {name: expected[name] for name in known}
            _sql, params, _label = table.insert(str(row.pk), former, connection)
            assert table.fields_of(params, connection)[1] == expected
