"""The fence opens and closes in transactions that take their time; the gate must not run ahead."""

from __future__ import annotations

from standby.domain.effects import Beat, CloseFence, OpenFence
from standby.domain.gate import Gate


def test_opens_when_the_fence_has_opened() -> None:
    gate = Gate()
    assert gate.want(3) == [OpenFence(3)]
    assert not gate.open
    assert gate.opened(3, wanted=True) == [Beat()]
    assert gate.open


def test_one_opening_at_a_time() -> None:
    gate = Gate()
    gate.want(3)
    assert gate.want(3) == []


def test_opening_that_is_no_longer_wanted_closes_the_fence_again() -> None:
    gate = Gate()
    gate.want(3)
    assert gate.opened(3, wanted=False) == [CloseFence()]
    assert not gate.open


def test_opening_reported_after_a_close_is_made_once_more() -> None:
    """The row was opened, then closed behind it: the report of the opening proves nothing."""
    gate = Gate()
    gate.want(3)
    assert gate.close() == [CloseFence()]
    assert gate.want(3) == []
    assert gate.opened(3, wanted=True) == [OpenFence(3)]
    assert not gate.open
    gate.opened(3, wanted=True)
    assert gate.open


def test_opening_of_an_earlier_term_does_not_count() -> None:
    gate = Gate()
    gate.want(3)
    assert gate.want(4) == [OpenFence(4)]
    assert gate.opened(3, wanted=True) == []
    assert not gate.open
    gate.opened(4, wanted=True)
    assert gate.open


def test_closing_takes_effect_at_once() -> None:
    gate = Gate()
    gate.want(3)
    gate.opened(3, wanted=True)
    gate.close()
    assert not gate.open


def test_answer_must_be_later_than_what_was_said() -> None:
    gate = Gate()
    assert gate.answered(0)
    gate.await_answer(7)
    assert not gate.answered(7)
    assert gate.answered(8)
