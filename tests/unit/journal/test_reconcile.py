"""After a split: the loser follows the winner and keeps what it had done."""

from __future__ import annotations

import datetime as dt
import json
import os
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from django.db import connections

from rfps.models import Rfp, Site
from standby import journal
from standby.journal import Batch, SplitFacts, WireEntry, copies, guard
from standby.journal.database import execute, fetch
from standby.models import SetAside, Split, StagedPart
from tests.unit.journal.nodes import Node
from tests.unit.journal.test_replication import assert_equal, mac, rfps


@pytest.fixture
def split(pair: tuple[Node, Node]) -> tuple[Node, Node, int]:
    """Winner, loser and the last common entry; both wrote since."""
    loser, winner = pair
    site = Site(name="common")
    loser.save(site, Rfp(mac=mac(0), site=site))
    winner.fetch_from(loser)
    common = winner.head.seq
    winner.begin(2)
    winner.save(Site(name="of the winner"))
    winner.save(*rfps(5, start=10))
    mine = loser.rows(Rfp).get()
    mine.name = "of the loser"
    loser.save(mine)
    loser.save(Site(name="of the winner"), Site(name="only here"))
    with loser.change() as made:
        made.delete(loser.rows(Rfp).get())
    loser.demote()
    return winner, loser, common


def stage_suffix(winner: Node, loser: Node, common: int) -> None:
    loser.stage("win", journal.suffix_parts(common, 2000, using=winner.alias))


@pytest.mark.parametrize("how", ["suffix", "plain lists", "snapshot"])
def test_the_loser_follows_and_keeps_its_changes(split: tuple[Node, Node, int], how: str) -> None:
    winner, loser, common = split
    own = loser.entries[common:]
    if how == "suffix":
        stage_suffix(winner, loser, common)
    elif how == "plain lists":
        batch = journal.read_batch(common, 10**6, using=winner.alias)
        loser.stage("win", (json.dumps([[e.body, e.hash]]) for e in batch.entries))
    else:
        loser.stage("win", journal.snapshot_parts(3000, using=winner.alias))
    assert journal.reconcile(common, "win", using=loser.alias) == winner.head
    assert loser.head == winner.head
    assert loser.digest == winner.digest
    assert not loser.rows(StagedPart).exists()
    pending = journal.pending_set_aside(using=loser.alias)
    assert [(item["body"], item["hash"]) for item in pending] == [(e.body, e.hash) for e in own]
    winner.save(Site(name="later"))
    loser.fetch_from(winner)
    assert loser.digest == winner.digest


def test_set_aside_changes_travel_and_are_dropped_when_safe(
    split: tuple[Node, Node, int],
) -> None:
    winner, loser, common = split
    stage_suffix(winner, loser, common)
    journal.reconcile(common, "win", using=loser.alias)
    items = journal.pending_set_aside(using=loser.alias)
    assert len(items) == 4
    ids = journal.receive_set_aside(items, using=winner.alias)
    assert ids == [item["id"] for item in items]
    head = winner.head
    assert journal.receive_set_aside(items, using=winner.alias) == ids
    assert winner.head == head
    journal.mark_sent(ids, using=loser.alias)
    assert journal.pending_set_aside(using=loser.alias) == []
    journal.resend_set_aside(using=loser.alias)
    assert len(journal.pending_set_aside(limit=3, using=loser.alias)) == 3
    assert len(journal.pending_set_aside(max_bytes=1, using=loser.alias)) == 1
    assert journal.pending_count(using=loser.alias) == 4
    loser.fetch_from(winner)
    assert journal.pending_count(using=loser.alias) == 0
    assert_equal(winner, loser)
    assert loser.rows(SetAside).filter(state="open").count() == 4


def test_an_older_disk_loses_the_same_changes_to_no_second_split(
    split: tuple[Node, Node, int],
) -> None:
    """Put back as it was one change before the end: all that it has is listed already."""
    winner, loser, common = split
    former = loser.entries[common:-1]
    stage_suffix(winner, loser, common)
    journal.reconcile(common, "win", facts=facts_of(winner), using=loser.alias)
    hand_in(loser, winner)
    loser.fetch_from(winner)
    journal.roll_back(common, using=loser.alias)
    journal.apply(Batch(common, loser.head.hash, former), using=loser.alias)
    assert loser.head.seq == common + len(former)
    stage_suffix(winner, loser, common)
    journal.reconcile(common, "win", facts=facts_of(winner), using=loser.alias)
    hand_in(loser, winner)
    counts = list(winner.rows(Split).order_by("loser_changes").values_list("loser_changes"))
    assert counts == [(0,), (4,)]
    assert winner.rows(SetAside).count() == 4


def facts_of(winner: Node) -> SplitFacts:
    now = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    return SplitFacts("10.0.0.9", "10.0.0.10", 2, now, now, until=winner.head.seq)


def hand_in(loser: Node, winner: Node) -> None:
    items = journal.pending_set_aside(using=loser.alias)
    journal.receive_set_aside(items, journal.pending_splits(using=loser.alias), using=winner.alias)


def test_an_own_set_aside_list_survives_the_next_lost_split(
    split: tuple[Node, Node, int],
) -> None:
    winner, loser, common = split
    stage_suffix(winner, loser, common)
    journal.reconcile(common, "win", using=loser.alias)
    common = winner.head.seq
    items = journal.pending_set_aside(using=loser.alias)
    journal.receive_set_aside(items, using=winner.alias)
    loser.begin(9)
    assert journal.adopt_pending(using=loser.alias) == 4
    assert journal.adopt_pending(using=loser.alias) == 0
    loser.demote()
    stage_suffix(winner, loser, common)
    journal.reconcile(common, "win", using=loser.alias)
    again = journal.pending_set_aside(using=loser.alias)
    assert {item["id"] for item in again} == set()
    assert loser.rows(SetAside).count() == 4
    assert loser.digest == winner.digest


@pytest.mark.parametrize("change", [{"id": "x"}, {"seq": 1}, {"hash": "0"}, {"body": "{}"}])
def test_a_set_aside_change_must_be_what_it_says(
    split: tuple[Node, Node, int], change: dict[str, Any]
) -> None:
    winner, loser, common = split
    stage_suffix(winner, loser, common)
    journal.reconcile(common, "win", using=loser.alias)
    item = journal.pending_set_aside(using=loser.alias)[0]
    with pytest.raises(journal.BadEntry):
        journal.receive_set_aside([{**item, **change}], using=winner.alias)


def failing(winner: Node, common: int, how: str) -> Iterator[str]:
    batch = journal.read_batch(common, 10**6, using=winner.alias)
    if how == "cut":
        yield journal.pack_entries(batch.entries[:-1])
    elif how == "forged":
        yield journal.pack_entries([replace(batch.entries[0], hash="0" * 64)])
    elif how == "unknown":
        body = batch.entries[0].body.replace("rfps.site", "rfps.unheard")
        digest = journal.canonical.chain(batch.after_hash, body)
        yield journal.pack_entries([WireEntry(body, digest)])
    elif how == "incomplete":
        *parts, end = journal.suffix_parts(common, 500, using=winner.alias)
        yield from [*parts[:-1], end]


@pytest.mark.parametrize("how", ["cut", "forged", "unknown", "incomplete", "nothing"])
def test_a_transfer_that_cannot_be_taken_leaves_everything_as_it_was(
    split: tuple[Node, Node, int], how: str
) -> None:
    winner, loser, common = split
    loser.stage("win", failing(winner, common, how))
    before = loser.head, loser.digest
    with pytest.raises(journal.JournalError):
        journal.reconcile(common, "win", using=loser.alias)
    assert (loser.head, loser.digest) == before
    assert journal.pending_count(using=loser.alias) == 0


def test_a_snapshot_repairs_a_loser_whose_rows_were_tampered_with(
    split: tuple[Node, Node, int],
) -> None:
    winner, loser, common = split
    with guard.lifted(connections[loser.alias]):
        execute(connections[loser.alias], "DELETE FROM rfps_site WHERE name = 'only here'")
    stage_suffix(winner, loser, common)
    with pytest.raises(journal.Diverged):
        journal.reconcile(common, "win", using=loser.alias)
    loser.stage("all", journal.snapshot_parts(using=winner.alias))
    journal.reconcile(common, "all", using=loser.alias)
    assert loser.digest == winner.digest
    assert journal.pending_count(using=loser.alias) == 4


def test_two_real_lineages_never_overwrite_each_other(pair: tuple[Node, Node]) -> None:
    one, two = pair
    one.save(Site(name="x"))
    two.begin()
    two.save(Site(name="y"))
    two.demote()
    two.stage("all", journal.snapshot_parts(using=one.alias))
    with pytest.raises(journal.ForeignJournal):
        journal.reconcile(0, "all", using=two.alias)
    assert two.rows(Site).get().name == "y"
    journal.reconcile(0, "all", other_lineage=True, using=two.alias)
    assert two.digest == one.digest
    assert [
        json.loads(i["body"])["after"]["name"] for i in journal.pending_set_aside(using=two.alias)
    ] == ["y"]


def test_an_open_fence_refuses(split: tuple[Node, Node, int]) -> None:
    winner, loser, common = split
    stage_suffix(winner, loser, common)
    loser.begin(9)
    with pytest.raises(journal.FenceIsOpen):
        journal.reconcile(common, "win", using=loser.alias)


def test_the_mark_goes_back_to_what_is_common(split: tuple[Node, Node, int]) -> None:
    winner, loser, common = split
    last = loser.head
    journal.mark_acked(last.seq, last.hash, using=loser.alias)
    stage_suffix(winner, loser, common)
    journal.reconcile(common, "win", using=loser.alias)
    assert journal.acked(using=loser.alias) == (winner.head.seq, winner.head.hash)


def test_a_copy_of_the_losers_database_is_kept(split: tuple[Node, Node, int]) -> None:
    winner, loser, common = split
    before = loser.dump()
    stage_suffix(winner, loser, common)
    journal.reconcile(common, "win", using=loser.alias)
    (copy,) = copies.folder().glob("*")
    assert copy.stat().st_mode & 0o077 == 0
    from tests.unit.journal.nodes import database_at

    with database_at(copy) as alias:
        rows = fetch(connections[alias], "SELECT * FROM rfps_site")
    assert sorted(rows) == sorted(before["rfps_site"])


def test_no_copy_without_own_changes(pair: tuple[Node, Node]) -> None:
    one, two = pair
    two.fetch_from(one)
    one.save(Site(name="x"))
    stage_suffix(one, two, two.head.seq)
    journal.reconcile(two.head.seq, "win", using=two.alias)
    assert two.digest == one.digest
    assert not list(copies.folder().glob("*"))


def test_copies_are_limited_in_number_age_and_size(
    pair: tuple[Node, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, _ = pair
    copies.folder().mkdir()
    for number in range(14):
        (copies.folder() / f"2026010{number:02}T000000Z-1-x.sqlite3").write_bytes(b"x" * 1000)
    copies.prune()
    assert len(list(copies.folder().glob("*"))) == 10
    old = min(copies.folder().glob("*"))
    os.utime(old, (0, time.time() - 31 * 24 * 3600))
    copies.prune()
    assert not old.exists()
    monkeypatch.setattr(copies, "MAX_BYTES", 3500)
    copies.prune()
    assert len(list(copies.folder().glob("*"))) == 3
    monkeypatch.setattr(copies, "MAX_BYTES", 10)
    path = copies.keep_copy(one.head, using=one.alias)
    assert path is not None
    assert list(copies.folder().glob("*")) == [path]
    assert copies.keep_copy(one.head, using=one.alias) == path
