"""Making changes: entries, versions, receipts, refusals."""

from __future__ import annotations

import datetime as dt
import threading
import uuid
from typing import Any

import pytest
from django.db import IntegrityError, connection
from django.db.models import ProtectedError

from omm_portal.accounts.models import ApiToken, User
from rfps.models import Rfp, Site
from standby import gate, journal
from standby.domain.facts import EMPTY_HASH, Role
from standby.journal.canonical import chain, loads
from standby.models import JournalEntry, OmmSettings, PeerMark, fixed_id
from tests.gate import OpenGate


def change() -> Any:
    return journal.change(actor="admin", source="web")


def last_entry() -> dict[str, Any]:
    entry = JournalEntry.objects.latest("seq")
    value: dict[str, Any] = loads(entry.body)
    return value


def test_a_new_pair_begins_with_lineage_admin_and_settings(open_gate: OpenGate) -> None:
    head = journal.head()
    first = loads(JournalEntry.objects.get(seq=1).body)
    assert (first["operation"], first["model"], first["object"]) == (
        "lineage",
        "journal",
        head.lineage,
    )
    assert not head.real
    assert User.objects.get().pk == fixed_id("user:admin")
    assert OmmSettings.objects.get().first_address == "127.0.0.1"
    assert set(JournalEntry.objects.values_list("source", flat=True)) == {"beginnings"}


def test_a_saved_row_becomes_an_entry_of_all_its_fields(open_gate: OpenGate) -> None:
    before = journal.head()
    site = Site(name="Berlin")
    with change() as made:
        made.save(site)
    entry = last_entry()
    assert entry["operation"] == "create"
    assert entry["before"] is None
    assert entry["after"] == {"name": "Berlin", "version": 1}
    assert (entry["model"], entry["object"]) == ("rfps.site", str(site.pk))
    assert (entry["actor"], entry["source"], entry["term"]) == ("admin", "web", 1)
    assert (entry["tx_index"], entry["tx_size"]) == (0, 1)
    assert made.receipt == journal.Receipt(before.seq + 1, journal.head().hash)
    assert journal.head().real
    assert not site._state.adding


def test_the_hash_is_chained_over_the_stored_text(open_gate: OpenGate) -> None:
    with change() as made:
        made.save_all([Site(name="Köln"), Site(name="Bonn")])
    digest = EMPTY_HASH
    for number, entry in enumerate(JournalEntry.objects.order_by("seq"), start=1):
        digest = chain(digest, entry.body)
        assert (entry.seq, entry.hash) == (number, digest)
    assert (journal.head().seq, journal.head().hash) == (number, digest)


def test_an_update_holds_the_changed_fields_and_the_raised_version(open_gate: OpenGate) -> None:
    rfp = Rfp(mac="00:30:42:00:00:01", name="old")
    with change() as made:
        made.save(rfp)
    rfp.name = "new"
    with change() as made:
        made.save(rfp)
    entry = last_entry()
    assert entry["before"] == {"name": "old", "version": 1}
    assert entry["after"] == {"name": "new", "version": 2}
    assert rfp.version == Rfp.objects.get().version == 2


def test_nothing_altered_makes_no_entry_and_no_receipt(open_gate: OpenGate) -> None:
    site = Site(name="Berlin")
    with change() as made:
        made.save(site)
    head = journal.head()
    with change() as made:
        made.save(Site.objects.get())
    assert made.receipt is None
    assert made.is_empty
    assert journal.head() == head
    assert Site.objects.get().version == 1


def test_what_is_journalled_is_what_the_database_gives_back(open_gate: OpenGate) -> None:
    local = dt.datetime(2026, 5, 1, 12, tzinfo=dt.timezone(dt.timedelta(hours=2)))
    settings = OmmSettings.objects.get()
    settings.trial_until = local
    settings.first_address = "::FFFF:0102:0304"
    with change() as made:
        made.save(settings)
    after = last_entry()["after"]
    assert after["trial_until"] == "2026-05-01T10:00:00.000000Z"
    assert after["first_address"] == OmmSettings.objects.get().first_address


def test_entries_of_one_transaction_share_its_id_and_know_its_size(open_gate: OpenGate) -> None:
    site = Site(name="Berlin")
    rfp = Rfp(mac="00:30:42:00:00:01", site=site)
    with change() as made:
        made.save(site)
        made.save(rfp)
        rfp.site = None
        made.save(rfp)
        made.delete(site)
    entries = [loads(e.body) for e in JournalEntry.objects.order_by("-seq")[:4]][::-1]
    assert len({entry["transaction"] for entry in entries}) == 1
    assert [(e["tx_index"], e["tx_size"]) for e in entries] == [(i, 4) for i in range(4)]
    assert [e["operation"] for e in entries] == ["create", "create", "update", "delete"]
    assert entries[3]["before"] == {"name": "Berlin", "version": 1}
    assert entries[1]["after"]["site"] == str(site.pk)


def test_the_author_of_a_merged_change_is_named(open_gate: OpenGate) -> None:
    original = {"actor": "eve", "at": "2026-01-01T00:00:00.000000Z"}
    with journal.change(actor="system", source="merge", original=original) as made:
        made.save(Site(name="x"))
    assert last_entry()["original"] == original


def test_an_error_inside_rolls_everything_back(open_gate: OpenGate) -> None:
    head = journal.head()
    with pytest.raises(ZeroDivisionError), change() as made:
        made.save(Site(name="x"))
        raise ZeroDivisionError
    assert made.receipt is None
    assert journal.head() == head
    assert not Site.objects.exists()


def test_a_taken_unique_value_is_the_databases_own_error(open_gate: OpenGate) -> None:
    with change() as made:
        made.save(Site(name="x"))
    with pytest.raises(IntegrityError), change() as made:
        made.save(Site(name="x"))
    assert Site.objects.count() == 1


def test_a_row_that_others_refer_to_is_protected(open_gate: OpenGate, admin: User) -> None:
    token = ApiToken(user=admin, digest="d" * 64)
    with change() as made:
        made.save(token)
    with pytest.raises(ProtectedError), change() as made:
        made.delete(admin)
    with change() as made:
        made.delete(token)
        made.delete(admin)
    assert not User.objects.exists()


def test_deleting_what_is_not_there_is_no_change(open_gate: OpenGate) -> None:
    with change() as made:
        made.delete(Site(id=uuid.uuid4(), name="gone"))
    assert made.receipt is None


def test_the_same_object_twice_in_one_list(open_gate: OpenGate) -> None:
    site = Site(name="x")
    again = Site(id=site.pk, name="y")
    with change() as made:
        made.save_all([site, again])
    assert Site.objects.get().name == "y"
    assert again.version == 2


@pytest.mark.parametrize("value", ["a\0b", "\ud800"])
def test_text_that_cannot_be_journalled_is_refused(open_gate: OpenGate, value: str) -> None:
    with pytest.raises(journal.BadValue), change() as made:
        made.save(Site(name=value))
    assert not Site.objects.exists()


def test_only_registered_models_are_saved(open_gate: OpenGate) -> None:
    with pytest.raises(journal.JournalError), change() as made:
        made.save(PeerMark())


def test_unknown_sources_and_empty_names_are_refused(open_gate: OpenGate) -> None:
    with pytest.raises(ValueError, match="source"), journal.change(actor="a", source="magic"):
        pass
    with pytest.raises(journal.BadValue), journal.change(actor="", source="web"):
        pass


@pytest.mark.parametrize(
    "said",
    [{"gate_open": False}, {"role": Role.STANDBY}, {"role": Role.STARTING}, {"role": Role.FAILED}],
)
def test_a_lease_that_does_not_allow_changes(open_gate: OpenGate, said: dict[str, Any]) -> None:
    open_gate.say(**said)
    with pytest.raises(gate.GateClosed), change() as made:
        made.save(Site(name="x"))
    assert not Site.objects.exists()


def test_a_closed_fence_is_enough_to_refuse(open_gate: OpenGate) -> None:
    journal.fence_close()
    with pytest.raises(gate.GateClosed), change() as made:
        made.save(Site(name="x"))


def test_a_gate_that_closes_between_check_and_commit_stops_the_commit(open_gate: OpenGate) -> None:
    head = journal.head()
    with pytest.raises(gate.GateClosed), change() as made:
        made.save(Site(name="x"))
        open_gate.say(gate_open=False)
    assert journal.head() == head
    assert not Site.objects.exists()


def test_a_dead_runtime_stops_the_commit(open_gate: OpenGate) -> None:
    with pytest.raises(gate.GateClosed), change() as made:
        made.save(Site(name="x"))
        open_gate.stop()
    assert not Site.objects.exists()


def test_a_short_closure_is_waited_for(open_gate: OpenGate) -> None:
    open_gate.say(gate_open=False)
    opener = threading.Timer(0.05, open_gate.say, kwargs={"gate_open": True})
    opener.start()
    with change() as made:
        made.save(Site(name="x"))
    opener.join()
    assert made.receipt is not None


def test_a_later_reign_writes_its_own_term(open_gate: OpenGate) -> None:
    open_gate.shut()
    open_gate.open(term=7)
    with change() as made:
        made.save(Site(name="x"))
    assert last_entry()["term"] == journal.head().term == 7
    open_gate.shut()
    with pytest.raises(journal.JournalError):
        journal.fence_open(6)


@pytest.mark.django_db(transaction=True)
def test_a_change_must_be_the_outermost_transaction(
    transactional_db: None, open_gate: OpenGate
) -> None:
    from django.db import transaction

    with transaction.atomic(), pytest.raises(RuntimeError), change():
        pass


@pytest.mark.django_db(transaction=True)
def test_a_frozen_request_cannot_commit_after_a_demotion(
    transactional_db: None, open_gate: OpenGate
) -> None:
    """The fence cannot close while a change is under way; afterwards that change is refused."""
    inside, thawed = threading.Event(), threading.Event()
    outcome: list[BaseException | None] = []

    def request() -> None:
        try:
            with change() as made:
                made.save(Site(name="frozen"))
                inside.set()
                thawed.wait(10)
            outcome.append(None)
        except BaseException as problem:
            outcome.append(problem)
        finally:
            connection.close()

    frozen = threading.Thread(target=request)
    frozen.start()
    assert inside.wait(10)
    open_gate.say(gate_open=False)
    closer = threading.Thread(target=lambda: (journal.fence_close(), connection.close()))
    closer.start()
    closer.join(0.2)
    assert closer.is_alive()
    thawed.set()
    frozen.join(10)
    closer.join(10)
    assert isinstance(outcome[0], gate.GateClosed)
    assert journal.fence() == (False, 1)
    assert not Site.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_locked_database_is_busy(
    transactional_db: None, open_gate: OpenGate, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.db import connections, transaction

    locked, release = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            journal.database.read_head(connections["default"], lock=True)
            locked.set()
            release.wait(20)
        connection.close()

    holder = threading.Thread(target=hold)
    holder.start()
    assert locked.wait(10)
    if connection.vendor == "sqlite":
        journal.database.execute(connection, "PRAGMA busy_timeout = 50")
    else:
        monkeypatch.setattr(journal.database, "LOCK_SECONDS", 1)
    with pytest.raises(journal.Busy), change() as made:
        made.save(Site(name="x"))
    release.set()
    holder.join()
    with change() as made:
        made.save(Site(name="x"))
    assert made.receipt is not None
