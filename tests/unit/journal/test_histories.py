"""Properties that hold for every history of changes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from standby import journal
from standby.journal.store import entries_after
from tests.unit.journal.histories import histories, perform
from tests.unit.journal.nodes import Node
from tests.unit.journal.test_replication import assert_equal

some = settings(
    max_examples=15,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # each example is slow to shrink
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
sizes = st.lists(st.sampled_from([1, 800, 2000, 5000, 100_000]), min_size=1, max_size=6)


def boundaries(node: Node) -> list[int]:
    """The numbers after which a transaction is over, from the beginnings on."""
    entries = [journal.parse(entry) for entry in node.entries]
    return [entry.seq for entry in entries if entry.is_last]


@some
@given(first=histories, second=histories)
def test_apply_then_roll_back_restores_the_tables(make_nodes: Any, first: Any, second: Any) -> None:
    with make_nodes() as (one, two):
        one.begin()
        perform(one, first)
        two.fetch_from(one)
        head, digest, dump = two.head, two.digest, two.dump()
        perform(one, second)
        two.fetch_from(one)
        assert_equal(one, two)
        assert journal.roll_back(head.seq, using=two.alias) == head
        assert two.digest == digest
        assert two.dump() == dump
        two.fetch_from(one)
        assert_equal(one, two)


@some
@given(history=histories, data=st.data())
def test_any_earlier_state_can_be_rolled_back_to(
    make_nodes: Any, history: Any, data: st.DataObject
) -> None:
    with make_nodes(3) as (one, two, three):
        one.begin()
        perform(one, history)
        point = data.draw(st.sampled_from(boundaries(one)))
        batch = journal.read_batch(0, 10**9, using=one.alias)
        two.fetch_from(one)
        journal.roll_back(point, using=two.alias)
        journal.apply(journal.Batch(0, batch.after_hash, batch.entries[:point]), using=three.alias)
        assert_equal(two, three)


@some
@given(common=histories, ours=histories, theirs=histories, limits=sizes, snapshot=st.booleans())
def test_any_split_ends_in_equal_hashes_and_digests(
    make_nodes: Any, common: Any, ours: Any, theirs: Any, limits: list[int], snapshot: bool
) -> None:
    with make_nodes() as (loser, winner):
        loser.begin()
        perform(loser, common)
        for limit in limits:
            winner.fetch_from(loser, limit)
        assert_equal(loser, winner)
        point = loser.head.seq
        winner.begin(2)
        perform(loser, ours)
        perform(winner, theirs)
        loser.demote()
        own = [entry.body for _, entry in entries_of(loser, point)]
        parts = (
            journal.snapshot_parts(limits[0], using=winner.alias)
            if snapshot
            else journal.suffix_parts(point, limits[0], using=winner.alias)
        )
        loser.stage("win", parts)
        journal.reconcile(point, "win", using=loser.alias)
        assert (loser.head, loser.digest) == (winner.head, winner.digest)
        items = journal.pending_set_aside(10**6, 10**9, using=loser.alias)
        assert sorted(item["body"] for item in items) == sorted(own)
        journal.receive_set_aside(items, using=winner.alias)
        for limit in limits:
            loser.fetch_from(winner, limit)
        assert journal.pending_count(using=loser.alias) == 0
        assert_equal(loser, winner)


def entries_of(node: Node, after: int) -> Any:
    from django.db import connections

    return list(entries_after(connections[node.alias], after))


@pytest.mark.parametrize("rounds", [3])
def test_roles_may_change_hands_again_and_again(pair: tuple[Node, Node], rounds: int) -> None:
    one, two = pair
    two.fetch_from(one)
    for term in range(2, 2 + rounds):
        one.demote()
        two.begin(term)
        perform(two, [[("site", "a"), ("rfp", term, "a")], [("system", f"term {term}")]])
        one.fetch_from(two)
        assert_equal(one, two)
        one, two = two, one
