"""Snapshots: into nothing, into mere beginnings, over what they contain; and never otherwise."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from django.db import connections

from rfps.models import Rfp, Site
from standby import journal
from standby.domain.facts import Head
from standby.journal import guard
from standby.journal.database import execute
from standby.models import StagedPart
from tests.unit.journal.nodes import Node
from tests.unit.journal.test_replication import assert_equal, everything, mac, rfps


def filled(node: Node) -> None:
    site, sample = Site(name="Berlin"), everything()
    node.save(site, sample)
    node.save(*rfps(40), Rfp(mac=mac(999), site=site))
    with node.change() as made:
        made.delete(node.rows(Rfp).get(mac=mac(3)))
        sample.data = {"now": [0]}
        made.save(sample)


def install(source: Node, target: Node, max_bytes: int = 3000) -> Head:
    target.stage("one", journal.snapshot_parts(max_bytes, using=source.alias))
    return journal.install_snapshot("one", using=target.alias)


def test_a_snapshot_into_an_empty_database(pair: tuple[Node, Node]) -> None:
    one, two = pair
    filled(one)
    assert install(one, two) == one.head
    assert_equal(one, two)
    assert not two.rows(StagedPart).exists()
    assert journal.acked(using=two.alias) == (one.head.seq, one.head.hash)
    one.save(Site(name="more"))
    two.fetch_from(one)
    assert_equal(one, two)


def test_a_snapshot_over_mere_beginnings(pair: tuple[Node, Node]) -> None:
    one, two = pair
    filled(one)
    two.begin()
    two.demote()
    assert install(one, two) == one.head
    assert_equal(one, two)


def test_a_snapshot_over_a_journal_that_it_contains(pair: tuple[Node, Node]) -> None:
    one, two = pair
    one.save(Site(name="first"))
    two.fetch_from(one)
    filled(one)
    install(one, two)
    assert_equal(one, two)


def test_a_snapshot_repairs_rows_that_were_written_past_the_journal(
    pair: tuple[Node, Node],
) -> None:
    one, two = pair
    filled(one)
    two.fetch_from(one)
    with guard.lifted(connections[two.alias]):
        execute(connections[two.alias], "DELETE FROM rfps_rfp")
    install(one, two)
    assert_equal(one, two)


def test_a_real_journal_is_never_overwritten_by_another(pair: tuple[Node, Node]) -> None:
    one, two = pair
    filled(one)
    two.begin()
    two.save(Site(name="precious"))
    two.demote()
    before = two.head, two.digest
    with pytest.raises(journal.ForeignJournal):
        install(one, two)
    assert (two.head, two.digest) == before
    with pytest.raises(journal.ForeignJournal):
        journal.discard_all(using=two.alias)


def test_a_journal_with_own_entries_is_not_overwritten_either(pair: tuple[Node, Node]) -> None:
    one, two = pair
    one.save(Site(name="x"))
    two.fetch_from(one)
    two.begin(2)
    two.save(Site(name="own"))
    two.demote()
    one.save(*rfps(10))
    with pytest.raises(journal.ForeignJournal):
        install(one, two)
    assert two.rows(Site).count() == 2


def test_mere_beginnings_are_discarded(pair: tuple[Node, Node]) -> None:
    one, two = pair
    empty = two.dump()
    two.begin()
    two.demote()
    journal.discard_all(using=two.alias)
    assert {k: v for k, v in two.dump().items() if k != "standby_journalhead"} == {
        k: v for k, v in empty.items() if k != "standby_journalhead"
    }
    two.fetch_from(one)
    assert_equal(one, two)


def test_an_open_fence_refuses_a_snapshot(pair: tuple[Node, Node]) -> None:
    one, two = pair
    two.begin()
    with pytest.raises(journal.FenceIsOpen):
        install(one, two)


def test_a_snapshot_shows_one_moment_and_makes_no_writer_wait(pair: tuple[Node, Node]) -> None:
    one, two = pair
    filled(one)
    head, digest = one.head, one.digest
    parts = journal.snapshot_parts(2000, using=one.alias)
    first = next(parts)
    one.save(Site(name="meanwhile"))
    two.stage("one", itertools.chain([first], parts))
    assert journal.install_snapshot("one", using=two.alias) == head
    assert two.digest == digest


def test_parts_stay_small_and_are_json(pair: tuple[Node, Node]) -> None:
    one, _ = pair
    one.save(*rfps(300))
    parts = list(journal.snapshot_parts(10**9, using=one.alias))
    assert max(len(part) for part in parts) <= 70_000
    kinds = [json.loads(part)["kind"] for part in parts]
    assert (kinds[0], kinds[-1]) == ("snapshot", "end")
    assert {"rows", "entries"} <= set(kinds)


Parts = list[dict[str, Any]]


def without_the_end(parts: Parts) -> Parts:
    return parts[:-1]


def without_a_part(parts: Parts) -> Parts:
    return [part for part in parts if part.get("model") != "rfps.site"]


def with_a_changed_row(parts: Parts) -> Parts:
    for part in parts:
        if part.get("model") == "rfps.site":
            part["rows"][0]["name"] = "changed"
    return parts


def with_a_changed_entry(parts: Parts) -> Parts:
    for part in parts:
        if part["kind"] == "entries":
            part["entries"][-1][1] = "0" * 64
    return parts


def in_another_order(parts: Parts) -> Parts:
    return [*parts[1:], parts[0]]


def with_an_unknown_part(parts: Parts) -> Parts:
    return [*parts[:-1], {"kind": "what"}, parts[-1]]


@pytest.mark.parametrize(
    "spoil",
    [
        without_the_end,
        without_a_part,
        with_a_changed_row,
        with_a_changed_entry,
        in_another_order,
        with_an_unknown_part,
    ],
)
def test_a_spoilt_snapshot_changes_nothing(pair: tuple[Node, Node], spoil: Any) -> None:
    one, two = pair
    filled(one)
    two.begin()
    two.demote()
    before = two.head, two.digest
    parts = [json.loads(part) for part in journal.snapshot_parts(3000, using=one.alias)]
    two.stage("bad", (json.dumps(part) for part in spoil(parts)))
    with pytest.raises((journal.BadTransfer, journal.ChainBroken)):
        journal.install_snapshot("bad", using=two.alias)
    assert (two.head, two.digest) == before


@pytest.mark.parametrize("what", ["model", "field", "format"])
def test_a_snapshot_of_another_version_is_refused(pair: tuple[Node, Node], what: str) -> None:
    one, two = pair
    filled(one)
    parts = [json.loads(part) for part in journal.snapshot_parts(using=one.alias)]
    if what == "format":
        parts[0]["format"] = 99
    elif what == "field":
        parts[0]["fields"]["rfps.site"].append("unheard")
    else:
        next(p for p in parts if p.get("model") == "rfps.site")["model"] = "rfps.unheard"
    two.stage("new", (json.dumps(part) for part in parts))
    with pytest.raises(journal.UnknownModelOrField):
        journal.install_snapshot("new", using=two.alias)
    assert two.head == Head()


def test_a_new_transfer_throws_the_stale_one_away(pair: tuple[Node, Node]) -> None:
    _, two = pair
    journal.stage_part("old", 0, "{}", using=two.alias)
    journal.stage_part("old", 1, "{}", using=two.alias)
    journal.stage_part("new", 0, "{}", using=two.alias)
    journal.stage_part("new", 0, "[]", using=two.alias)
    journal.stage_part("new", 2, "{}", using=two.alias)
    assert journal.staged_parts("old", using=two.alias) == 0
    assert journal.staged_parts("new", using=two.alias) == 1
    journal.discard_transfers(using=two.alias)
    assert not two.rows(StagedPart).exists()


@pytest.mark.parametrize(("name", "index"), [("tail", 0), ("", 0), ("x" * 101, 0), ("x", -1)])
def test_names_of_transfers_are_checked(pair: tuple[Node, Node], name: str, index: int) -> None:
    with pytest.raises(journal.BadTransfer):
        journal.stage_part(name, index, "{}", using=pair[1].alias)


def test_a_snapshot_older_than_what_the_peer_confirmed_is_refused(
    pair: tuple[Node, Node],
) -> None:
    one, two = pair
    one.save(Site(name="x"))
    parts = list(journal.snapshot_parts(using=one.alias))
    one.save(Site(name="y"))
    two.fetch_from(one)
    two.stage("older", iter(parts))
    with pytest.raises(journal.ForeignJournal):
        journal.install_snapshot("older", using=two.alias)
