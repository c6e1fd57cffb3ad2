"""Both sides must come to the same answer from the same facts, whatever the facts are."""

from __future__ import annotations

import ipaddress

from hypothesis import assume, given
from hypothesis import strategies as st

from standby.domain.facts import Claim, Head, SplitPolicy
from standby.domain.preference import Candidate, mirrored, prefer, relation_by_heads
from standby.domain.reconcile import (
    MIRROR,
    Relation,
    Standing,
    probe_points,
    quick_standing,
    standing_by_common,
)
from standby.domain.split import split_winner
from standby.domain.view import address_order

addresses = st.ip_addresses(v=4).map(str) | st.ip_addresses(v=6).map(str)
heads = st.builds(
    Head,
    seq=st.integers(0, 9),
    hash=st.sampled_from(["a" * 64, "b" * 64, "c" * 64]),
    term=st.integers(0, 4),
    lineage=st.sampled_from(["", "L", "M"]),
    real=st.booleans(),
).map(lambda found: found if found.seq else Head())
candidates = st.builds(
    Candidate,
    address=addresses,
    sip_ok=st.booleans(),
    healthy=st.booleans(),
    barred=st.booleans(),
    head=heads,
    acked_seq=st.integers(0, 9),
)
relations = st.builds(Relation, standing=st.sampled_from(list(Standing)), common=st.integers(0, 9))
claims = st.builds(
    Claim,
    term=st.integers(0, 5),
    active_for=st.floats(0, 1e6).map(lambda seconds: round(seconds, 3)),
    rfps=st.integers(0, 3),
    policy=st.sampled_from(list(SplitPolicy)),
    acked_suffix=st.booleans(),
    noticed=st.booleans(),
)


@given(candidates, candidates, relations)
def test_exactly_one_side_comes_first(mine: Candidate, theirs: Candidate, found: Relation) -> None:
    assume(address_order(mine.address) != address_order(theirs.address))
    here, why_here = prefer(mine, theirs, found)
    there, why_there = prefer(theirs, mine, mirrored(found))
    assert here != there
    assert why_here == why_there


@given(claims, claims, addresses, addresses)
def test_exactly_one_side_wins_a_split(mine: Claim, theirs: Claim, here: str, there: str) -> None:
    assume(address_order(here) != address_order(there))
    won, why = split_winner(mine, theirs, here, there)
    lost, why_there = split_winner(theirs, mine, there, here)
    assert won != lost
    assert why == why_there


@given(heads, heads)
def test_standings_are_mirrored(mine: Head, theirs: Head) -> None:
    assert quick_standing(theirs, mine) is MIRROR[quick_standing(mine, theirs)]
    here, there = relation_by_heads(mine, theirs), relation_by_heads(theirs, mine)
    assert there.standing is MIRROR[here.standing]


@given(heads, heads, st.integers(0, 9))
def test_standings_by_the_common_beginning_are_mirrored(
    mine: Head, theirs: Head, common: int
) -> None:
    assume(common <= min(mine.seq, theirs.seq))
    here = standing_by_common(mine, theirs, common)
    assert standing_by_common(theirs, mine, common) is MIRROR[here]


@given(st.integers(0, 500), st.integers(0, 500))
def test_comparing_by_probe_points_finds_the_last_common_entry(common: int, more: int) -> None:
    """Whatever two journals share, few rounds of questions find it."""
    low, high, rounds = 0, common + more + 1, 0
    while points := probe_points(low, high):
        rounds += 1
        assert all(low < point < high for point in points)
        low = max([low, *(point for point in points if point <= common)])
        high = min([high, *(point for point in points if point > common)])
    assert low == common
    assert rounds <= 12


@given(addresses, addresses)
def test_addresses_are_compared_as_numbers(one: str, other: str) -> None:
    first, second = ipaddress.ip_address(one), ipaddress.ip_address(other)
    if first.version == second.version:
        assert (address_order(one) < address_order(other)) == (int(first) < int(second))
    else:
        assert (address_order(one) < address_order(other)) == (first.version < second.version)


def test_text_order_does_not_decide() -> None:
    assert address_order("10.0.0.9") < address_order("10.0.0.10")
    assert address_order("fd00::9") < address_order("fd00::10")
    assert address_order("fd00::ff") < address_order("fd00::1:0")
    assert address_order("FD00::A") == address_order("fd00:0::000a")
    assert address_order("255.255.255.255") < address_order("::1")
