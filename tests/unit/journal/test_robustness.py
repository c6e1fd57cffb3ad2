"""What breaks around the journal: disks, locks, brokers, models that cannot be journalled."""

from __future__ import annotations

import queue
import threading
import time
from typing import Any

import pytest
from django.apps import apps
from django.core import checks
from django.db import OperationalError, connections, models

from rfps.models import Rfp, Site
from standby import journal
from standby.domain.facts import Head
from standby.journal import entries, registry, wake
from standby.journal.checks import check_models
from standby.journal.database import execute, fetch, is_lock_problem, write_fence
from standby.journal.guard import lifted
from standby.models import Event
from tests.gate import OpenGate
from tests.unit.journal.nodes import Node
from tests.unit.journal.sample import Sample
from tests.unit.journal.test_replication import rfps


def test_a_full_disk_is_told_as_it_is_and_nothing_is_lost(pair: tuple[Node, Node]) -> None:
    one, _ = pair
    connection = connections[one.alias]
    before = one.head, one.digest
    pages = fetch(connection, "PRAGMA page_count")[0][0]
    fetch(connection, f"PRAGMA max_page_count = {pages}")
    with pytest.raises(OperationalError, match="full") as caught:
        one.save(*rfps(500))
    assert not is_lock_problem(caught.value)
    assert (one.head, one.digest) == before
    fetch(connection, f"PRAGMA max_page_count = {pages + 10**6}")
    one.save(Site(name="x"))


def test_a_read_only_database_is_told_as_it_is(pair: tuple[Node, Node]) -> None:
    one, two = pair
    execute(connections[one.alias], "PRAGMA query_only = ON")
    with pytest.raises(OperationalError, match="readonly"):
        one.save(Site(name="x"))
    with pytest.raises(OperationalError, match="readonly"):
        one.demote()
    assert one.head.seq == journal.read_batch(0, 10**6, using=one.alias).entries.__len__()
    two.fetch_from(one)


def test_concurrent_changes_have_an_order(pair: tuple[Node, Node]) -> None:
    one, two = pair
    problems: list[BaseException] = []

    def write(number: int) -> None:
        try:
            for turn in range(15):
                one.save(Site(name=f"{number}-{turn}"))
        except BaseException as problem:
            problems.append(problem)
        finally:
            connections[one.alias].close()

    writers = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert problems == []
    two.fetch_from(one, 3000)
    assert two.digest == one.digest
    assert two.rows(Site).count() == 60


def test_a_snapshot_that_nobody_reads_on_is_let_go(pair: tuple[Node, Node]) -> None:
    one, _ = pair
    one.save(*rfps(200))
    parts = journal.snapshot_parts(2000, using=one.alias)
    reader = threading.Thread(target=lambda: next(parts))
    reader.start()
    reader.join()
    assert next(parts)
    parts.close()  # type: ignore[attr-defined]
    assert fetch(connections[one.alias], "PRAGMA wal_checkpoint(TRUNCATE)")[0][0] == 0


def test_a_change_that_is_too_large_is_refused(pair: tuple[Node, Node]) -> None:
    one, two = pair
    head = one.head
    with pytest.raises(journal.BadValue):
        one.save(Sample(name="x", text='"' * entries.MAX_BODY))
    assert one.head == head
    one.save(Sample(name="x", text='"' * (entries.MAX_BODY // 2 - 1000)))
    two.fetch_from(one, 1000)
    assert two.digest == one.digest


def test_even_the_largest_change_can_be_set_aside(pair: tuple[Node, Node]) -> None:
    loser, winner = pair
    loser.save(Site(name="common"))
    winner.fetch_from(loser)
    common = winner.head.seq
    loser.save(Sample(name="x", text='"\\' * (entries.MAX_BODY // 4 - 300)))
    winner.begin(2)
    winner.save(Site(name="winner"))
    loser.demote()
    loser.stage("win", journal.suffix_parts(common, using=winner.alias))
    journal.reconcile(common, "win", using=loser.alias)
    journal.receive_set_aside(journal.pending_set_aside(using=loser.alias), using=winner.alias)
    loser.fetch_from(winner, 1000)
    assert journal.pending_count(using=loser.alias) == 0
    assert loser.digest == winner.digest


def test_a_transfer_that_begins_anew_forgets_its_old_parts(pair: tuple[Node, Node]) -> None:
    one, two = pair
    for index in range(5):
        journal.stage_part("split", index, "{}", using=two.alias)
    two.stage("split", journal.suffix_parts(0, using=one.alias))
    journal.reconcile(0, "split", using=two.alias)
    assert two.digest == one.digest


def test_an_empty_journal_accepts_no_change(pair: tuple[Node, Node]) -> None:
    _, two = pair
    connection = connections[two.alias]
    with lifted(connection):
        write_fence(connection, is_open=True, term=1)
    with pytest.raises(journal.JournalError, match="beginning"):
        two.save(Site(name="x"))
    assert two.head == Head()


def test_a_second_opening_makes_no_second_beginnings(pair: tuple[Node, Node]) -> None:
    one, _ = pair
    head = one.head
    one.demote()
    assert journal.fence_open(5, using=one.alias) == head
    one.demote()
    one.demote()
    assert journal.fence(using=one.alias) == (False, 5)


def test_waking_is_swallowed_and_counted_when_the_broker_is_dead(
    open_gate: OpenGate, settings: Any
) -> None:
    before = wake.counts["enqueue_failed"]
    started = time.monotonic()
    for _ in range(20):
        wake.after_commit()
    assert time.monotonic() - started < 1
    deadline = time.monotonic() + 20
    while wake.counts["enqueue_failed"] == before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert wake.counts["enqueue_failed"] > before


def test_many_commits_wait_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    waiting: queue.Queue[None] = queue.Queue(maxsize=1)
    monkeypatch.setattr(wake, "_pending", waiting)
    waiting.put_nowait(None)
    for _ in range(1000):
        wake.after_commit()
    assert waiting.qsize() == 1


# System checks


def ids(found: list[checks.CheckMessage]) -> set[str | None]:
    return {message.id for message in found}


def test_our_own_models_can_be_journalled() -> None:
    assert check_models() == []
    assert set(registry.labels()) >= {
        "accounts.user",
        "accounts.apitoken",
        "rfps.site",
        "rfps.rfp",
        "standby.ommsettings",
        "standby.sipsettings",
        "standby.systemsettings",
        "standby.setaside",
    }


def test_models_that_cannot_be_journalled_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    class Bad(models.Model):
        ratio = models.FloatField()
        site = models.ForeignKey(Site, on_delete=models.SET_NULL, null=True)
        event = models.ForeignKey(Event, on_delete=models.PROTECT)
        others = models.ManyToManyField(Rfp)

        class Meta:
            app_label = "journal_tests"

        def __str__(self) -> str:
            return "bad"

    monkeypatch.setattr(apps, "get_models", lambda: [Bad])
    assert ids(check_models()) == {"journal.E006"}
    registry.register(Bad)
    try:
        found = ids(check_models())
    finally:
        registry.unregister(Bad)
    assert found == {f"journal.E00{number}" for number in (1, 2, 3, 4, 5)}


def test_models_come_after_those_that_they_refer_to() -> None:
    order = registry.all_models()
    assert order.index(Site) < order.index(Rfp)
    assert registry.secret_fields("accounts.user") == {"password"}
    assert registry.secret_fields("unheard") == frozenset()
