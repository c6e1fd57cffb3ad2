"""The book-keeper and the watch find what they are there to find."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.books import Account, Ledger, marks, settle
from tests.chaos.watch import Moment, Seen, Watch


def ledger(*there: str, aside: tuple[str, ...] = (), **more: Any) -> Ledger:
    return Ledger(
        hashes={1: "a", 2: "b"},
        there=set(there),
        aside=Counter(aside),
        classes=Counter(["merged"] * len(aside)),
        **more,
    )


def account(
    path: Path, status: int, word: str, one: Ledger, two: Ledger, mark: str = "w1x000001z"
) -> Account:
    line = {"sent": 0.0, "answered": 0.1, "to": "here", "method": "PATCH", "path": "/"}
    line |= {"status": status, "word": word, "marks": [mark]}
    book = path / "book"
    book.write_text(json.dumps(line) + "\n")
    return settle(book, one, two)


MARK = "w1x000001z"
HAS, HAS_NOT = ledger(MARK), ledger()
LISTED = ledger(aside=(MARK,))


@pytest.mark.parametrize(
    ("status", "word", "one", "two", "fault"),
    [
        (200, "safe", HAS, HAS, ""),
        (200, "safe", HAS, HAS_NOT, "safe, not in both"),
        (200, "safe", HAS_NOT, HAS_NOT, "safe, not in both"),
        (200, "safe", LISTED, LISTED, "safe, not in both"),
        (200, "unsafe", HAS, HAS, ""),
        (200, "unsafe", LISTED, LISTED, ""),
        (200, "unsafe", HAS_NOT, HAS_NOT, "accepted, not in both"),
        (200, "unsafe", ledger(aside=(MARK, MARK)), LISTED, "2 times set aside"),
        (200, "", HAS, HAS, "neither safe nor unsafe"),
        (503, "", HAS_NOT, HAS_NOT, ""),
        (503, "", HAS, HAS, "refused with 503"),
        (409, "", LISTED, LISTED, "refused with 409"),
        (0, "", HAS, HAS, ""),
        (0, "", HAS_NOT, HAS_NOT, ""),
    ],
)
def test_an_answer_that_was_not_kept(
    tmp_path: Path, status: int, word: str, one: Ledger, two: Ledger, fault: str
) -> None:
    found = account(tmp_path, status, word, one, two).faults
    assert bool(found) is bool(fault)
    assert all(fault in each for each in found[:1])


@pytest.mark.parametrize(
    ("other", "fault"),
    [
        (Ledger({1: "a", 2: "c"}, {MARK}), "the journals differ"),
        (Ledger({1: "a"}, {MARK}), "the journals differ"),
        (ledger(MARK, tables={"rfps_rfp": [1]}), "tables rfps_rfp differ"),
        (ledger(MARK, waiting=1), "in no class"),
    ],
)
def test_databases_that_differ(tmp_path: Path, other: Ledger, fault: str) -> None:
    mine = ledger(MARK, tables={"rfps_rfp": []} if other.tables else {})
    found = account(tmp_path, 200, "safe", other, mine).faults
    assert any(fault in each for each in found)


def test_only_what_an_entry_alters_counts() -> None:
    """The value of an earlier change is part of later entries of the same object."""
    update = {
        "operation": "update",
        "before": {"room": MARK},
        "after": {"room": MARK, "floor": "1"},
    }
    assert not list(marks(update))
    assert list(marks({**update, "before": {"room": ""}})) == [MARK]
    assert list(marks({"operation": "delete", "object": "x"})) == ["delete x"]


def watch(*moments: Moment) -> Watch:
    found = Watch([])
    found.moments = list(moments)
    return found


ACTIVE = Seen("active", 2, gate=True, contact=True)
ALONE = Seen("active", 3, gate=True, contact=False)
STANDBY = Seen("standby", 2, gate=False, contact=True)


def test_two_that_accept_changes_are_seen() -> None:
    seen = watch(
        Moment(10.0, (ACTIVE, STANDBY)),
        Moment(11.0, (ALONE, ALONE)),
        Moment(12.0, (ACTIVE, ACTIVE)),
        Moment(12.5, (ACTIVE, STANDBY)),
    )
    assert seen.both_accepting() == pytest.approx(0.5)
    assert seen.two_active() == pytest.approx(1.5)


@pytest.mark.parametrize(
    ("moments", "settled"),
    [
        ([Moment(0.0, (ACTIVE, STANDBY))], 0.0),
        ([Moment(0.0, (ALONE, ALONE)), Moment(5.3, (ALONE, STANDBY))], 0.3),
        ([Moment(0.0, (ALONE, ALONE))], None),
        ([Moment(0.0, (ALONE, STANDBY)), Moment(6.0, (ALONE, ALONE))], None),
        ([Moment(0.0, (STANDBY, STANDBY)), Moment(5.5, (STANDBY, ACTIVE))], 0.5),
    ],
)
def test_when_one_is_active_again(moments: list[Moment], settled: float | None) -> None:
    found = watch(*moments).settled_after(5.0, 9.0)
    assert found == (None if settled is None else pytest.approx(settled))
