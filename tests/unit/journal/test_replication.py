"""Shipping, applying, staging, rolling back: between two databases."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import replace
from typing import Any

import pytest
from django.db import connections

from omm_portal.accounts.models import User
from rfps.models import Rfp, Site
from standby import journal
from standby.domain.facts import Head
from standby.journal import Batch, WireEntry, guard
from standby.journal.canonical import chain, dumps, loads
from standby.journal.database import execute
from tests.unit.journal.nodes import Node
from tests.unit.journal.sample import Sample


def mac(number: int) -> str:
    return f"00:30:42:00:{number // 256:02X}:{number % 256:02X}"


def rfps(amount: int, start: int = 0) -> list[Rfp]:
    return [Rfp(mac=mac(start + i), name=f"RFP {i}") for i in range(amount)]


def everything() -> Sample:
    return Sample(
        name='Grüße\n\t"\\ \U0001f600 \u2028',
        text="long " * 100,
        number=-(2**62),
        small=7,
        flag=True,
        maybe=False,
        at=dt.datetime(1999, 12, 31, 23, 59, 59, 999999, tzinfo=dt.UTC),
        day=dt.date(2024, 2, 29),
        other=uuid.uuid4(),
        address="2001:db8::1",
        data={"": "empty", "list": [1, True, None, "x", {"deep": []}], "ä": -1},
        blob=bytes(range(256)),
    )


def forged(entry: WireEntry, previous: str, **members: Any) -> WireEntry:
    """The entry with other members and a hash that fits."""
    body = dumps({**loads(entry.body), **members})
    return WireEntry(body, chain(previous, body))


def assert_equal(one: Node, two: Node) -> None:
    assert one.head == two.head
    assert one.digest == two.digest
    assert one.dump() == two.dump()


def test_every_kind_of_value_arrives_as_it_is(pair: tuple[Node, Node]) -> None:
    one, two = pair
    sample = everything()
    child = Sample(name="child", parent=sample)
    one.save(sample, child)
    one.save(Sample(id=child.pk, name="other child", data=[True], version=1))
    two.fetch_from(one)
    assert_equal(one, two)
    assert two.rows(Sample).get(pk=sample.pk).data == sample.data
    assert two.rows(Sample).get(pk=child.pk).data == [True]


def test_true_and_one_are_different_changes(pair: tuple[Node, Node]) -> None:
    one, two = pair
    sample = Sample(name="x", data={"on": 1})
    one.save(sample)
    sample.data = {"on": True}
    one.save(sample)
    two.fetch_from(one)
    assert two.rows(Sample).get().data["on"] is True


def test_automatic_times_are_those_of_the_active(pair: tuple[Node, Node]) -> None:
    one, two = pair
    sample = Sample(name="x")
    one.save(sample)
    first = one.rows(Sample).get().stamp
    one.save(sample)
    assert one.rows(Sample).get().stamp == first
    sample.text = "altered"
    one.save(sample)
    assert one.rows(Sample).get().stamp > first
    two.fetch_from(one)
    assert_equal(one, two)


def test_applying_twice_changes_nothing(pair: tuple[Node, Node]) -> None:
    one, two = pair
    one.save(*rfps(10))
    batch = journal.read_batch(0, 10**6, using=one.alias)
    first = journal.apply(batch, using=two.alias)
    assert journal.apply(batch, using=two.alias) == first == one.head
    assert_equal(one, two)


def test_an_empty_batch_says_where_we_are(pair: tuple[Node, Node]) -> None:
    _, two = pair
    assert journal.apply(Batch(0, Head().hash, []), using=two.alias) == Head()


def test_a_transaction_in_many_batches_is_staged_and_applied_whole(
    pair: tuple[Node, Node],
) -> None:
    one, two = pair
    two.fetch_from(one)
    start = two.head
    one.save(*rfps(30))
    seen = []
    while two.head != one.head:
        at = journal.staged_end(using=two.alias)[0]
        batch = journal.read_batch(at, 5000, using=one.alias)
        assert batch.entries
        head = journal.apply(batch, using=two.alias)
        connections[two.alias].close()
        seen.append((head, two.rows(Rfp).count()))
    assert len(seen) > 3
    assert all(each == (start, 0) for each in seen[:-1])
    assert seen[-1] == (one.head, 30)
    assert_equal(one, two)


def test_a_staged_tail_survives_batches_that_begin_again(pair: tuple[Node, Node]) -> None:
    one, two = pair
    two.fetch_from(one)
    start = two.head.seq
    one.save(*rfps(10))
    entries = journal.read_batch(start, 10**6, using=one.alias)
    journal.apply(replace(entries, entries=entries.entries[:6]), using=two.alias)
    assert journal.staged_end(using=two.alias)[0] == start + 6
    journal.apply(replace(entries, entries=entries.entries[:4]), using=two.alias)
    assert journal.staged_end(using=two.alias)[0] == start + 6
    journal.apply(replace(entries, entries=entries.entries[:8]), using=two.alias)
    assert journal.staged_end(using=two.alias)[0] == start + 8
    two.fetch_from(one)
    assert_equal(one, two)


def test_a_tail_of_another_history_is_dropped(make_nodes: Any) -> None:
    with make_nodes(3) as (one, other, two):
        one.begin()
        other.fetch_from(one)
        two.fetch_from(one)
        other.begin(2)
        start = two.head.seq
        one.save(*rfps(10))
        other.save(*rfps(5))
        part = journal.read_batch(start, 10**6, using=one.alias)
        journal.apply(replace(part, entries=part.entries[:6]), using=two.alias)
        wrong = journal.read_batch(start + 3, 10**6, using=other.alias)
        with pytest.raises(journal.ChainBroken):
            journal.apply(wrong, using=two.alias)
        journal.apply(journal.read_batch(start, 10**6, using=other.alias), using=two.alias)
        assert_equal(other, two)


def test_a_promotion_forgets_the_tail(pair: tuple[Node, Node]) -> None:
    one, two = pair
    two.fetch_from(one)
    one.save(*rfps(4))
    part = journal.read_batch(two.head.seq, 10**6, using=one.alias)
    journal.apply(replace(part, entries=part.entries[:2]), using=two.alias)
    two.begin(2)
    assert journal.staged_end(using=two.alias)[0] == two.head.seq
    two.save(Site(name="mine"))


def test_an_open_fence_refuses_entries(pair: tuple[Node, Node]) -> None:
    one, two = pair
    two.fetch_from(one)
    two.begin(2)
    one.save(Site(name="x"))
    with pytest.raises(journal.FenceIsOpen):
        two.fetch_from(one)


def test_a_gap_or_another_history_is_refused(pair: tuple[Node, Node]) -> None:
    one, two = pair
    one.save(*rfps(3))
    with pytest.raises(journal.ChainBroken):
        journal.apply(journal.read_batch(2, 10**6, using=one.alias), using=two.alias)
    two.begin()
    two.demote()
    with pytest.raises(journal.ChainBroken):
        two.fetch_from(one)
        journal.apply(journal.read_batch(0, 10**6, using=one.alias), using=two.alias)


@pytest.mark.parametrize(
    "body",
    [
        '{"seq": 1}',
        '{"b":1,"a":2}',
        "[]",
        "{}",
        "no",
        '{"seq":1.5}',
        '{"seq":NaN}',
        '{"a":1,"a":1}',
        '"\\ud800"',
        "[" * 100_000,
    ],
)
def test_a_body_that_is_not_canonical_is_refused(pair: tuple[Node, Node], body: str) -> None:
    _, two = pair
    batch = Batch(0, Head().hash, [WireEntry(body, chain(Head().hash, body))])
    with pytest.raises(journal.BadEntry):
        journal.apply(batch, using=two.alias)


@pytest.mark.parametrize(
    "members",
    [
        {"seq": True},
        {"seq": 2},
        {"term": -1},
        {"term": 2**63},
        {"at": "2026-01-01"},
        {"at": "2026-13-01T00:00:00.000000Z"},
        {"transaction": "x"},
        {"object": "8D3C1B1E-5D0F-5B8E-9A6E-0F4B6F0C7A15"},
        {"tx_index": 1},
        {"tx_size": 0},
        {"actor": None},
        {"actor": "x" * 65},
        {"operation": "drop"},
        {"after": {}},
        {"more": 1},
    ],
)
def test_an_entry_with_unfit_members_is_refused(
    pair: tuple[Node, Node], members: dict[str, Any]
) -> None:
    one, two = pair
    first = forged(one.entries[0], Head().hash, **members)
    with pytest.raises(journal.ChainBroken):
        journal.apply(Batch(0, Head().hash, [first]), using=two.alias)
    assert two.head == Head()


def test_a_forged_hash_is_refused(pair: tuple[Node, Node]) -> None:
    one, two = pair
    one.save(Site(name="x"))
    two.fetch_from(one)
    one.save(Site(name="y"))
    batch = journal.read_batch(two.head.seq, 10**6, using=one.alias)
    bad = [WireEntry(batch.entries[0].body, "0" * 64)]
    with pytest.raises(journal.ChainBroken):
        journal.apply(replace(batch, entries=bad), using=two.alias)


@pytest.mark.parametrize(
    "members",
    [
        {"model": "rfps.unheard"},
        {"after": {"name": "x", "version": 1, "unheard": 1}},
        {"after": {"version": 1}},
    ],
)
def test_what_this_version_does_not_know_is_refused_whole(
    pair: tuple[Node, Node], members: dict[str, Any]
) -> None:
    one, two = pair
    one.save(Site(name="before"))
    one.save(Site(name="x"))
    batch = journal.read_batch(0, 10**6, using=one.alias)
    *known, last = batch.entries
    strange = forged(last, known[-1].hash, **members)
    with pytest.raises(journal.UnknownModelOrField):
        journal.apply(replace(batch, entries=[*known, strange]), using=two.alias)
    assert two.head == Head()
    assert not two.rows(Site).exists()


def test_what_is_not_known_is_refused_before_it_is_staged(pair: tuple[Node, Node]) -> None:
    one, two = pair
    two.fetch_from(one)
    one.save(*rfps(3))
    batch = journal.read_batch(two.head.seq, 10**6, using=one.alias)
    strange = forged(batch.entries[0], batch.after_hash, model="rfps.unheard")
    with pytest.raises(journal.UnknownModelOrField):
        journal.apply(replace(batch, entries=[strange]), using=two.alias)
    assert journal.staged_end(using=two.alias)[0] == two.head.seq


@pytest.mark.parametrize(
    "after",
    [
        {"name": 5, "version": 1},
        {"name": None, "version": 1},
        {"name": "x", "version": "1"},
        {"name": "x", "version": True},
        {"name": "x", "version": 2**70},
    ],
)
def test_values_of_another_type_are_refused(pair: tuple[Node, Node], after: dict[str, Any]) -> None:
    one, two = pair
    one.save(Site(name="x"))
    batch = journal.read_batch(0, 10**6, using=one.alias)
    *known, last = batch.entries
    strange = forged(last, known[-1].hash, after=after)
    with pytest.raises(journal.BadEntry):
        journal.apply(replace(batch, entries=[*known, strange]), using=two.alias)


def test_a_field_from_before_it_existed_gets_its_default(pair: tuple[Node, Node]) -> None:
    one, two = pair
    one.save(Sample(name="x"))
    batch = journal.read_batch(0, 10**6, using=one.alias)
    *known, last = batch.entries
    after = loads(last.body)["after"]
    for name in ("small", "number", "flag"):
        del after[name]
    older = forged(last, known[-1].hash, after=after)
    journal.apply(replace(batch, entries=[*known, older]), using=two.alias)
    row = two.rows(Sample).get()
    assert (row.small, row.number, row.flag) == (0, None, False)


def test_swapping_unique_values_and_making_a_row_anew(pair: tuple[Node, Node]) -> None:
    one, two = pair
    left, right = Site(name="left"), Site(name="right")
    one.save(left, right)
    with one.change() as made:
        left.name, right.name = "swap", "left"
        made.save_all([left, right])
        left.name = "right"
        made.save(left)
    with one.change() as made:
        made.delete(right)
        made.save(Site(id=right.pk, name="left"))
    two.fetch_from(one)
    assert_equal(one, two)
    two.demote()
    journal.roll_back(two.head.seq - 2, using=two.alias)


def test_rows_that_were_written_past_the_journal_are_noticed(pair: tuple[Node, Node]) -> None:
    one, two = pair
    site = Site(name="x")
    one.save(site)
    two.fetch_from(one)
    connection = connections[two.alias]
    with guard.lifted(connection):
        execute(connection, "DELETE FROM rfps_site")
    assert one.digest != two.digest
    site.name = "y"
    one.save(site)
    before = two.head
    with pytest.raises(journal.Diverged):
        two.fetch_from(one)
    assert two.head == before


def test_rolling_back_restores_the_tables_exactly(pair: tuple[Node, Node]) -> None:
    one, _ = pair
    site, sample = Site(name="x"), everything()
    one.save(site, sample)
    head, dump = one.head, one.dump()
    one.save(Rfp(mac=mac(1), site=site))
    sample.data, sample.blob = None, b""
    sample.data = {"now": "other"}
    one.save(sample)
    with one.change() as made:
        made.delete(one.rows(Rfp).get())
        made.delete(site)
        made.delete(sample)
    one.demote()
    assert journal.roll_back(head.seq, using=one.alias) == head
    assert one.dump() == dump
    journal.roll_back(0, using=one.alias)
    assert one.head == Head()
    assert not one.rows(User).exists()


def test_rolling_back_needs_a_closed_fence_and_a_whole_transaction(
    pair: tuple[Node, Node],
) -> None:
    one, _ = pair
    one.save(*rfps(3))
    with pytest.raises(journal.FenceIsOpen):
        journal.roll_back(1, using=one.alias)
    one.demote()
    with pytest.raises(journal.JournalError):
        journal.roll_back(one.head.seq - 1, using=one.alias)


def test_batches_fit_and_always_go_on(pair: tuple[Node, Node]) -> None:
    one, _ = pair
    one.save(*rfps(50))
    seq = 0
    while batch := journal.read_batch(seq, 4000, using=one.alias).entries:
        size = sum(len(entry.body.encode()) + 80 for entry in batch)
        assert size <= 4000
        seq += len(batch)
    assert seq == one.head.seq
    assert len(journal.read_batch(0, 1, using=one.alias).entries) == 1
    with pytest.raises(journal.ChainBroken):
        journal.read_batch(seq + 1, 4000, using=one.alias)


def test_a_batch_survives_the_wire(pair: tuple[Node, Node]) -> None:
    one, _ = pair
    one.save(*rfps(3))
    batch = journal.read_batch(2, 10**6, using=one.alias)
    assert journal.batch_from_message(journal.batch_to_message(batch)) == batch
    for bad in ({}, {"after_seq": 1, "after_hash": "x", "entries": [[1, 2]]}):
        with pytest.raises(journal.BadEntry):
            journal.batch_from_message(bad)


def test_hashes_of_chosen_entries(pair: tuple[Node, Node]) -> None:
    one, _ = pair
    head = one.head
    assert journal.hashes([0, head.seq, 999], using=one.alias) == {
        0: Head().hash,
        head.seq: head.hash,
    }
    assert journal.hash_at(999, using=one.alias) is None


def test_the_mark_of_the_peer_never_goes_back_by_itself(pair: tuple[Node, Node]) -> None:
    one, two = pair
    one.save(*rfps(3))
    digest = journal.hash_at(5, using=one.alias)
    assert digest
    journal.mark_acked(5, digest, using=one.alias)
    journal.mark_acked(3, journal.hash_at(3, using=one.alias) or "", using=one.alias)
    journal.mark_acked(6, "f" * 64, using=one.alias)
    assert journal.acked(using=one.alias) == (5, digest)
    two.fetch_from(one)
    assert journal.acked(using=two.alias) == (two.head.seq, two.head.hash)
    one.demote()
    journal.roll_back(0, using=one.alias)
    assert journal.acked(using=one.alias) == (0, Head().hash)


def test_secret_values_are_hidden_from_people(pair: tuple[Node, Node]) -> None:
    one, _ = pair
    entry = next(each for each in one.entries if '"model":"accounts.user"' in each.body)
    assert journal.readable(entry.body)["after"]["password"] == "********"
    assert loads(entry.body)["after"]["password"] != "********"
