"""The witness's desk: whom it lends the right to be active, and when."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from standby.domain.contact import Timing
from standby.domain.witness import Answer, Ask, Desk, lease_life, lease_patience

TIMING = Timing()
PATIENCE = lease_patience(TIMING)
BOOT = "desk-1"


class Caller:
    """An OMM that asks, and echoes what it was answered."""

    def __init__(self, desk: Desk, node: str) -> None:
        self.desk = desk
        self.counter = 0
        self.ask = Ask(node, "10.0.0.9", f"{node}-1", 0, "", 0, False, False, False, PATIENCE)

    def call(self, now: float, *, active: bool = False, wants: bool = False) -> Answer:
        """Ask twice, so that the second question is proved fresh."""
        self.say(now, active=active, wants=wants)
        answer = self.say(now, active=active, wants=wants)
        assert answer is not None
        return answer

    def say(self, now: float, *, active: bool = False, wants: bool = False) -> Answer | None:
        self.ask = replace(self.ask, counter=self.ask.counter + 1, active=active, wants=wants)
        answer = self.desk.hear(self.ask, now)
        if answer is not None:
            self.ask = replace(self.ask, echo_boot=answer.boot, echo_counter=answer.counter)
        return answer


def two(now: float = 0.0) -> tuple[Caller, Caller]:
    desk = Desk(BOOT, now)
    return Caller(desk, "low"), Caller(desk, "high")


def test_a_lease_always_ends_before_the_right_goes_to_another() -> None:
    """With three heartbeats for a request under way, and one for the runtime to look."""
    assert lease_life(TIMING) + 4 * TIMING.interval < lease_patience(TIMING)
    slow = Timing(interval=0.5, contact_timeout=5.0)
    assert lease_life(slow) + 4 * slow.interval < lease_patience(slow)
    assert lease_patience(TIMING) <= TIMING.contact_timeout + TIMING.interval


def test_the_right_stays_with_whom_is_heard_and_goes_on_when_he_is_silent() -> None:
    low, high = two()
    assert low.call(PATIENCE, active=True).granted
    at = PATIENCE
    for _ in range(20):
        at += 0.1
        assert low.call(at, active=True).granted
        answer = high.call(at, wants=True)
        assert not answer.granted
        assert answer.taken
        assert answer.peer_active
    assert not high.call(at + PATIENCE - 0.01, wants=True).granted
    assert high.call(at + PATIENCE, wants=True).granted
    answer = low.call(at + PATIENCE, active=True)
    assert not answer.granted
    assert answer.taken


def test_who_gives_the_right_back_is_succeeded_at_once() -> None:
    low, high = two()
    low.call(5.0, active=True)
    low.call(5.1)
    assert high.call(5.1, wants=True).granted


def test_a_witness_that_just_started_lends_to_nobody_but_a_holder() -> None:
    low, high = two(now=100.0)
    assert not low.call(100.0 + PATIENCE / 2, wants=True).granted
    high.ask = replace(high.ask, holding=True)
    assert high.call(100.0 + PATIENCE / 2, active=True).granted
    assert not low.call(100.0 + PATIENCE, wants=True).granted


def test_a_recording_changes_nothing() -> None:
    """What was said to an earlier boot, long ago, or before, is no claim."""
    low, high = two()
    low.call(5.0, active=True)
    recorded = low.ask
    assert low.desk.hear(recorded, 5.05) is None, "a copy"
    fresh = Desk("desk-2", 5.0)
    answer = fresh.hear(recorded, 5.0 + PATIENCE)
    assert answer is not None
    assert not answer.granted, "it echoes another boot"
    assert fresh.holder == ""
    late = replace(recorded, counter=recorded.counter + 1)
    assert high.call(5.01 + PATIENCE, wants=True).granted
    answer = low.desk.hear(late, 5.1 + 2 * PATIENCE)
    assert answer is not None
    assert not answer.granted, "its echo is too old"


def test_words_of_a_process_that_has_ended_are_not_heard_again() -> None:
    low, _high = two()
    low.call(5.0, active=True)
    before = low.ask
    low.ask = replace(low.ask, boot="low-2", counter=0)
    assert low.call(5.1, active=True).granted
    assert low.desk.hear(replace(before, counter=before.counter + 1, active=False), 5.15) is None
    assert low.desk.holder == "low"


def test_a_third_omm_is_not_answered_until_one_has_long_been_silent() -> None:
    low, high = two()
    low.call(5.0)
    high.call(5.0)
    assert Caller(low.desk, "third").say(6.0) is None
    low.call(70.0)
    assert Caller(low.desk, "third").say(70.0) is not None


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(("low", "high")),
        st.sampled_from(("active", "wants", "nothing")),
        st.floats(0.0, 0.8),
        st.booleans(),
        st.floats(0.0, 1.5),
    ),
    max_size=80,
)
"""Who asks and claims, how long after the event before, whether the answer arrives, how late the
question does."""


@settings(deadline=None)
@given(EVENTS)
def test_two_leases_never_hold_at_the_same_time(
    events: list[tuple[str, str, float, bool, float]],
) -> None:
    desk = Desk(BOOT, 0.0)
    callers = {name: Caller(desk, name) for name in ("low", "high")}
    leases = {"low": float("-inf"), "high": float("-inf")}
    now = 0.0
    for name, claim, pause, arrives, delay in events:
        now += pause
        sent_at = now - delay  # the question was on its way for so long
        caller = callers[name]
        if claim == "nothing":
            leases[name] = float("-inf")  # it gave up before it said so
        answer = caller.say(now, active=claim == "active", wants=claim == "wants")
        if answer is not None and arrives and answer.granted:
            leases[name] = max(leases[name], sent_at + lease_life(TIMING))
        assert not all(until > now for until in leases.values())
