"""What a loser keeps of its changes, and what a person's choice makes of them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from standby.domain.aside import (
    KEEP,
    REPLACE,
    Lost,
    Refusal,
    decided,
    lost_as,
    open_fields,
    settle,
    whole_transactions,
)
from standby.domain.merge import KEPT, MERGED, OPEN, REPLACED, Act

BASE = {"name": "a", "room": "1"}
THEIRS = {"name": "b", "room": "2"}


def body(operation: str = "update") -> dict[str, Any]:
    return {"operation": operation, "before": BASE, "after": THEIRS}


def judged(attempt: Any, **more: Any) -> Any:
    return settle(
        body(),
        BASE,
        held=frozenset(),
        aside=frozenset(),
        waits=more.get("waits", lambda _ours, _wanted: {}),
        attempt=attempt,
    )


def test_fields_at_fault_are_open_and_the_others_are_merged() -> None:
    tried: list[dict[str, Any]] = []

    def refuses_the_name(_act: Act, write: dict[str, Any]) -> Refusal | None:
        tried.append(write)
        return Refusal("taken", frozenset({"name"})) if "name" in write else None

    verdict = judged(refuses_the_name)
    assert tried == [THEIRS, {"room": "2"}]
    assert verdict.fields == {"name": OPEN, "room": MERGED}


def test_a_refusal_of_no_field_in_particular_leaves_all_open() -> None:
    verdict = judged(lambda _act, _write: Refusal("no"))
    assert (verdict.state, verdict.write, verdict.act) == (OPEN, {}, Act.NOTHING)


def test_what_must_wait_is_never_tried() -> None:
    tried: list[dict[str, Any]] = []
    judged(lambda _act, write: tried.append(write), waits=lambda _ours, _wanted: {"name": "later"})
    assert tried == [{"room": "2"}]


@pytest.mark.parametrize(
    ("model", "operation", "source", "kept"),
    [
        ("rfps.rfp", "update", "web", Lost.CHANGE),
        ("rfps.rfp", "update", "merge", Lost.NOTHING),
        ("rfps.rfp", "create", "beginnings", Lost.NOTHING),
        ("standby.setaside", "create", "merge", Lost.HEARD),
        ("standby.setaside", "update", "merge", Lost.NOTHING),
        ("standby.setaside", "update", "web", Lost.CHANGE),
        ("standby.split", "create", "merge", Lost.SPLIT),
    ],
)
def test_a_loser_keeps_what_people_did_and_what_it_had_heard_of(
    model: str, operation: str, source: str, kept: Lost
) -> None:
    assert lost_as(model, operation, source) is kept


@given(st.lists(st.integers(0, 3)), st.booleans())
def test_only_the_last_transaction_ever_waits(rows: list[int], complete: bool) -> None:
    rows.sort()
    found = list(whole_transactions(rows, lambda row: row, lambda last: last if complete else None))
    expected = [[row for row in rows if row == each] for each in sorted(set(rows))]
    assert found == (expected if complete else expected[:-1])


@given(
    st.dictionaries(st.sampled_from("abc"), st.sampled_from([MERGED, OPEN, KEPT, REPLACED])),
    st.sampled_from([KEEP, REPLACE]),
)
def test_deciding_on_all_that_is_open_leaves_nothing_open(
    fields: dict[str, str], choice: str
) -> None:
    after, state = decided(fields, open_fields(fields), choice)
    assert not open_fields(after)
    assert state != OPEN
    assert all((after or {})[name] == was for name, was in fields.items() if was != OPEN)
