"""Heartbeat paths: the first copy counts, and what the other copies tell of their paths."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from standby.domain.facts import Heartbeat
from standby.domain.paths import SILENT_AFTER, PathEar, PathEars, paths_differ
from tests.unit.domain.builders import HIGH, LOW, Node

ARRIVALS = st.lists(
    st.tuples(st.integers(0, 9), st.integers(0, 2), st.floats(0.0, 0.09)), max_size=60
)
"""Copies as they arrive: which statement, over which path, how long after the one before."""


def statements(speaker: Node, listener: Node, count: int) -> list[Heartbeat]:
    """Statements that the listener can prove to be fresh."""
    now = 100.0
    for _ in range(2):
        for sender, hearer in ((listener, speaker), (speaker, listener)):
            hearer.member.hear(sender.member.state(sender.facts, now), now)
    return [speaker.member.state(speaker.facts, now) for _ in range(count)]


@given(ARRIVALS)
def test_whatever_order_copies_come_in_each_statement_counts_once_and_the_latest_stays(
    arrivals: list[tuple[int, int, float]],
) -> None:
    low, high = Node("low", LOW, HIGH), Node("high", HIGH, LOW)
    told = statements(high, low, 10)
    heard_at, now, newest = low.member.contact.heard_at, 100.0, told[0].counter - 1
    for number, _path, pause in arrivals:
        now += pause
        low.member.hear(told[number], now)
        if told[number].counter > newest and now - 100.0 <= low.member.timing.contact_timeout:
            newest, heard_at = told[number].counter, now
        assert low.member.contact.heard_at == heard_at
        peer = low.member.peer
        assert peer is not None
        assert newest in (peer.counter, told[0].counter - 1)


@given(ARRIVALS)
def test_a_path_is_behind_by_what_its_copies_come_after_the_first_ones(
    arrivals: list[tuple[int, int, float]],
) -> None:
    ears = PathEars([PathEar(f"10.0.{n}.1", f"10.0.{n}.2") for n in range(3)])
    first: dict[int, float] = {}
    late: list[list[float]] = [[], [], []]
    now = 5.0
    for number, path, pause in arrivals:
        now += pause
        ears.heard(ears.ears[path], "boot", number, now)
        late[path].append(now - first.setdefault(number, now))
    for ear, delays in zip(ears.ears, late, strict=True):
        assert (ear.heard_at is None) == (not delays)
        assert 0.0 <= ear.behind <= max(delays, default=0.0) + 1e-9
        assert 0.0 <= ear.gap(now) <= now - 5.0 + 1e-9


def test_only_paths_heard_lately_are_dialled_first() -> None:
    ears = PathEars([PathEar("1.0.0.1", "1.0.0.2"), PathEar("2.0.0.1", "2.0.0.2")])
    main, second = [(ear.own, ear.peer) for ear in ears.ears]
    assert ears.best(10.0, 0.5) == [main, second]
    ears.heard(ears.ears[1], "boot", 1, 10.0)
    assert ears.best(10.2, 0.5) == [second, main]
    assert ears.lately(second, 10.2, 0.5)
    assert not ears.lately(main, 10.2, 0.5)
    assert ears.best(10.6, 0.5) == [main, second]


def test_a_path_is_silent_only_after_a_while_in_which_there_was_something_to_hear() -> None:
    ear = PathEar("1.0.0.1", "1.0.0.2")
    assert not ear.silent(10.0, since=10.0 - SILENT_AFTER / 2)
    assert ear.silent(10.0, since=10.0 - SILENT_AFTER)
    ear.heard(10.0, 0.0)
    assert not ear.silent(10.0 + SILENT_AFTER / 2, since=0.0)
    assert ear.silent(10.0 + SILENT_AFTER, since=0.0)
    assert not ear.silent(100.0, since=99.0)


def test_the_longest_gap_is_remembered_and_fades() -> None:
    ear = PathEar("1.0.0.1", "1.0.0.2")
    for at in (10.0, 10.1, 11.0, 11.1):
        ear.heard(at, 0.0)
    assert ear.gap(11.1) == pytest.approx(0.9, abs=0.01)
    assert ear.gap(41.1) == pytest.approx(0.45, abs=0.01)


MAIN, SECOND = (LOW, HIGH), ("10.1.0.1", "10.1.0.2")


def mirrored(*paths: tuple[str, str]) -> list[tuple[str, str]]:
    return [(peer, own) for own, peer in paths]


def test_the_same_paths_seen_from_both_sides_agree_in_any_order() -> None:
    assert paths_differ([MAIN, SECOND], mirrored(SECOND, MAIN)) == ""


def test_a_path_that_only_one_omm_has_is_named_with_its_addresses() -> None:
    here = paths_differ([MAIN, SECOND], mirrored(MAIN))
    assert here == ("this OMM has the heartbeat path 10.1.0.1 to 10.1.0.2, the other one does not.")
    there = paths_differ(mirrored(MAIN), [MAIN, SECOND])
    assert there == (
        "the other OMM has the heartbeat path 10.1.0.1 to 10.1.0.2, this one does not."
    )
    both = paths_differ([MAIN, SECOND], mirrored(MAIN, ("10.1.0.3", "10.1.0.2")))
    assert "10.1.0.1 to 10.1.0.2" in both
    assert "10.1.0.2 to 10.1.0.3" in both
