"""The rules of merging, over any values."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from standby.domain.merge import MERGED, OPEN, Act, judge, same, state_of

VALUES = st.one_of(st.none(), st.booleans(), st.integers(0, 2), st.sampled_from(["", "a", "b"]))
NAMES = ("name", "room", "floor")
ROWS = st.fixed_dictionaries(dict.fromkeys(NAMES, VALUES))
Row = dict[str, Any]


@given(ROWS, ROWS, ROWS, st.frozensets(st.sampled_from(NAMES)))
def test_every_field_is_in_exactly_one_class(
    base: Row, ours: Row, theirs: Row, held: frozenset[str]
) -> None:
    found = judge("update", base, ours, theirs, held=held)
    assert set(found.fields) == set(NAMES)
    assert found.state == state_of(found.fields)
    after = {**ours, **found.write}
    for name, state in found.fields.items():
        assert state == (MERGED if same(after[name], theirs[name]) else OPEN)
        if state == OPEN:
            assert same(after[name], ours[name]), "what is open stays as it is here"
            assert name in held or not same(ours[name], base[name])
    assert bool(found.why) == (found.state == OPEN)


@given(ROWS, ROWS, ROWS)
def test_judging_again_after_the_merge_alters_nothing(base: Row, ours: Row, theirs: Row) -> None:
    first = judge("update", base, ours, theirs)
    again = judge("update", base, {**ours, **first.write}, theirs)
    assert (again.fields, again.write, again.act) == (first.fields, {}, Act.NOTHING)


@given(ROWS, ROWS)
def test_a_side_that_did_nothing_has_no_say(base: Row, theirs: Row) -> None:
    found = judge("update", base, base, theirs)
    assert found.state == MERGED
    assert {**base, **found.write} == theirs


@given(ROWS, st.one_of(st.none(), ROWS))
def test_a_removal_is_done_only_to_what_it_was_meant_for(base: Row, ours: Row | None) -> None:
    found = judge("delete", base, ours, None)
    untouched = ours is not None and all(same(ours[name], base[name]) for name in NAMES)
    assert (found.act is Act.DELETE) == untouched
    assert (found.state == MERGED) == (ours is None or untouched)


@given(ROWS, st.one_of(st.none(), ROWS))
def test_a_creation_never_overwrites(theirs: Row, ours: Row | None) -> None:
    found = judge("create", None, ours, theirs)
    assert (found.act is Act.CREATE) == (ours is None)
    assert ours is None or not found.write
