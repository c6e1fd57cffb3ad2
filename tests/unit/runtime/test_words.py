"""What an app tells the other OMM arrives, if need be when contact is back."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from standby.link.channel import LinkTimeout
from standby.runtime import words
from standby.runtime.words import KEPT, Words


class Runtime:
    """Notes what the peer is told; ``answer`` is what it says, or what goes wrong."""

    def __init__(self) -> None:
        self.member = SimpleNamespace(in_contact=True)
        self.link = self
        self.told: list[Any] = []
        self.answer: dict[str, Any] | Exception = {"type": "told"}

    async def ask_aside(self, message: dict[str, Any], _timeout: float) -> dict[str, Any]:
        if isinstance(self.answer, Exception):
            raise self.answer
        self.told.append(message["body"]["n"])
        return self.answer


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> Runtime:
    monkeypatch.setattr(words, "RETRY_PAUSE", 0.0)
    return Runtime()


async def test_it_is_told_at_once_and_never_again(runtime: Runtime) -> None:
    mouth = Words(runtime)  # type: ignore[arg-type]
    assert await mouth.tell("news", {"n": 1}) == ""
    await mouth.catch_up()
    assert runtime.told == [1]


async def test_what_could_not_be_told_waits_for_contact_in_its_order(runtime: Runtime) -> None:
    mouth = Words(runtime)  # type: ignore[arg-type]
    runtime.member.in_contact = False
    assert "contact" in await mouth.tell("news", {"n": 1})
    runtime.member.in_contact = True
    runtime.answer = LinkTimeout("no answer")
    assert await mouth.tell("news", {"n": 2}) == "no answer"
    await mouth.catch_up()
    assert runtime.told == []
    runtime.answer = {"type": "told"}
    await mouth.catch_up()
    await mouth.catch_up()
    assert runtime.told == [1, 2]


async def test_an_omm_that_does_not_know_the_word_is_not_told_again(runtime: Runtime) -> None:
    mouth = Words(runtime)  # type: ignore[arg-type]
    for runtime.answer in ({"type": "none"}, {"type": "refused", "code": "unknown"}):
        assert await mouth.tell("news", {"n": 1}) == ""
    await mouth.catch_up()
    assert runtime.told == [1, 1]


async def test_an_omm_without_its_database_is_told_again(runtime: Runtime) -> None:
    mouth = Words(runtime)  # type: ignore[arg-type]
    runtime.answer = {"type": "refused", "code": "database", "reason": "the disk is full"}
    assert await mouth.tell("news", {"n": 1}) == "the disk is full"
    runtime.answer = {"type": "told"}
    await mouth.catch_up()
    assert runtime.told == [1, 1]


async def test_a_long_silence_does_not_fill_the_memory(runtime: Runtime) -> None:
    mouth = Words(runtime)  # type: ignore[arg-type]
    runtime.member.in_contact = False
    for number in range(KEPT + 10):
        await mouth.tell("news", {"n": number})
    runtime.member.in_contact = True
    await mouth.catch_up()
    assert runtime.told == list(range(10, KEPT + 10))
