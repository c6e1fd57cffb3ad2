"""No path may write a journalled table past the journal."""

from __future__ import annotations

from collections.abc import Callable
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection, models, transaction

from omm_portal.accounts.models import User
from rfps.models import Rfp, Site
from standby import journal
from standby.journal.guard import written_table
from standby.models import Fence, JournalEntry, JournalHead
from tests.gate import OpenGate


def raw(sql: str) -> Callable[[], object]:
    def run() -> None:
        with connection.cursor() as cursor:
            cursor.execute(sql)

    return run


def site() -> Site:
    return Site.objects.get(name="here")


PATHS: dict[str, Callable[[], object]] = {
    "save": lambda: Site(name="x").save(),
    "save again": lambda: site().save(),
    "create": lambda: Site.objects.create(name="x"),
    "get_or_create": lambda: Site.objects.get_or_create(name="x"),
    "update_or_create": lambda: Site.objects.update_or_create(name="here", defaults={"version": 9}),
    "update": lambda: Site.objects.update(name="x"),
    "bulk_create": lambda: Site.objects.bulk_create([Site(name="x")]),
    "bulk_create over": lambda: Site.objects.bulk_create([Site(name="x")], ignore_conflicts=True),
    "bulk_update": lambda: Site.objects.bulk_update([site()], ["name"]),
    "delete": lambda: Rfp.objects.get().delete(),
    "queryset delete": lambda: Rfp.objects.all().delete(),
    "raw delete": lambda: Rfp.objects.all()._raw_delete("default"),
    "related add": lambda: site().rfps.add(Rfp.objects.get(), bulk=True),
    "related add one by one": lambda: site().rfps.add(Rfp.objects.get(), bulk=False),
    "related set": lambda: site().rfps.set([]),
    "related clear": lambda: site().rfps.clear(bulk=True),
    "related create": lambda: site().rfps.create(mac="00:30:42:00:00:02"),
    "set_password": lambda: User.objects.get().save(update_fields=["password"]),
    "raw insert": raw("INSERT INTO rfps_site (id, name, version) VALUES ('0', 'x', 1)"),
    "raw quoted": raw('update "rfps_site" set version = 2'),
    "raw comment": raw("/* SELECT */ DELETE /**/ FROM -- x\n rfps_site"),
    "raw with": raw("WITH x AS (SELECT 1) DELETE FROM rfps_site"),
    "raw schema": raw('DELETE FROM main."rfps_site"'),
    "raw brackets": raw("DELETE FROM [rfps_site]"),
    "raw replace": raw("REPLACE INTO rfps_site (id, name, version) VALUES ('0', 'x', 1)"),
    "raw insert or": raw("INSERT OR REPLACE INTO rfps_site (id, name) VALUES ('0', 'x')"),
    "raw update or": raw("UPDATE OR IGNORE rfps_site SET version = 3"),
    "raw upper case": raw("DELETE FROM RFPS_SITE"),
    "journal entry": lambda: JournalEntry.objects.all().delete(),
    "journal head": lambda: JournalHead.objects.update(seq=1),
    "fence": lambda: Fence.objects.update(open=True),
}


@pytest.mark.parametrize("path", PATHS)
def test_every_other_way_to_write_raises(open_gate: OpenGate, path: str) -> None:
    here = Site(name="here")
    with journal.change(actor="a", source="web") as made:
        made.save(here)
        made.save(Rfp(mac="00:30:42:00:00:01", site=here))
    before = journal.digest_at_head()
    with pytest.raises(journal.UnjournalledWrite), transaction.atomic():
        PATHS[path]()
    assert journal.digest_at_head() == before


def test_inside_a_change_the_guard_stands_as_well(open_gate: OpenGate) -> None:
    with (
        pytest.raises(journal.UnjournalledWrite),
        journal.change(actor="a", source="web") as made,
    ):
        made.save(Site(name="x"))
        Site.objects.update(name="y")
    assert not Site.objects.exists()


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM rfps_site",
        "SELECT id FROM rfps_site FOR UPDATE OF rfps_site",
        "INSERT INTO standby_event (message) VALUES ('DELETE')",
        'INSERT INTO "new__rfps_site" SELECT * FROM "rfps_site"',
        "UPDATE standby_peermark SET seq = (SELECT MAX(version) FROM rfps_site)",
        "DELETE FROM standby_stagedpart",
        "ALTER TABLE rfps_site ADD COLUMN x",
    ],
)
def test_other_statements_pass(sql: str) -> None:
    assert written_table(sql) == ""


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1; DELETE FROM rfps_site",
        "TRUNCATE standby_event, rfps_site",
        "TRUNCATE TABLE ONLY public.rfps_site",
        "DELETE FROM ONLY rfps_site",
        "MERGE INTO rfps_site USING x",
        "COPY rfps_site FROM stdin",
        "WITH gone AS (DELETE FROM rfps_site RETURNING id) SELECT * FROM gone",
    ],
)
def test_statements_of_other_databases_are_seen_too(sql: str) -> None:
    assert written_table(sql) == "rfps_site"


@pytest.mark.django_db
def test_migrate_puts_the_guard_back() -> None:
    call_command("migrate", verbosity=0, stdout=StringIO())
    with pytest.raises(journal.UnjournalledWrite):
        Site.objects.create(name="x")


@pytest.mark.django_db
def test_reading_is_free() -> None:
    assert list(Site.objects.select_for_update().all()) == []
    assert Rfp.objects.aggregate(n=models.Count("id")) == {"n": 0}
