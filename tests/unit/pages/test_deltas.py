"""A snapshot and the deltas after it are a fresh snapshot, whatever happened in between."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from standby.live import State, changes_between, is_small_talk

KEYS = ("node", "peer", "journal", "warnings", "reason")
VALUES: tuple[Any, ...] = (None, 0, "text", "Ü\u2028</script>", [], [1, {"a": None}], {"b": [2]})


def next_state(old: State, chance: random.Random) -> State:
    """Some members change, come or go; sometimes nothing does."""
    document = {key: value for key, value in old.document.items() if chance.random() > 0.1}
    for key in KEYS:
        if chance.random() < 0.3:
            document[key] = chance.choice(VALUES)
    events = [{"id": chance.random()}, *old.events] if chance.random() < 0.3 else old.events
    return State(old.revision + 1, document, events[:5])


def parsed(members: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads("{" + members + "}")
    return found


class Reader:
    """A page: keeps what it was told, now and then it is slow and misses states."""

    def __init__(self, state: State) -> None:
        self.sent = state
        self.seen = parsed(state.whole)

    def follow(self, state: State) -> None:
        if text := state.since(self.sent):
            delta = parsed(text)
            kept = {**self.seen["document"], **delta.get("document", {})}
            document = {key: kept[key] for key in kept if key not in delta.get("removed", ())}
            self.seen = {"document": document, "events": delta.get("events", self.seen["events"])}
            self.sent = state


@pytest.mark.parametrize("seed", range(30))
def test_slow_and_quick_readers_end_up_with_the_same(seed: int) -> None:
    chance = random.Random(seed)
    state = State(1, dict.fromkeys(KEYS, 0), [])
    readers = [Reader(state) for _ in range(5)]
    for _ in range(60):
        state = next_state(state, chance)
        for reader in readers:
            if chance.random() < 0.7:
                reader.follow(state)
    for reader in readers:
        reader.follow(state)
        assert reader.seen == parsed(state.whole)


def test_nothing_new_is_no_delta() -> None:
    one, other = State(1, {"a": [1]}, []), State(2, {"a": [1]}, [])
    assert other.since(one) == ""


def test_a_delta_is_made_once_for_all_pages() -> None:
    one, other = State(1, {"a": 1}, []), State(2, {"a": 2}, [])
    assert other.since(one) is other.since(one)
    assert other.whole is other.whole


def test_only_figures_of_the_link_are_small_talk() -> None:
    old = State(1, {"peer": {"latency_ms": 1}, "journal": {"seq": 1}}, [])

    def changes(**document: Any) -> dict[str, Any]:
        return changes_between(old, State(2, {**old.document, **document}, []))

    assert is_small_talk(changes(peer={"latency_ms": 2}))
    assert is_small_talk(changes())
    assert not is_small_talk(changes(journal={"seq": 2}))
    assert not is_small_talk(changes(peer={"latency_ms": 2}, journal={"seq": 2}))
    assert not is_small_talk(changes_between(old, State(2, old.document, [{"id": 1}])))
