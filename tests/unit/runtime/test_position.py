"""A standby tells where its journal ends, also while it applies a batch."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from standby import journal
from standby.domain.facts import Head
from standby.runtime.following import Follower


class ApplyingReader:
    """Reads a journal into which entry 13 is applied between any two reads."""

    def __init__(self) -> None:
        self.applied = 12

    async def run(self, work: Any) -> Any:
        end, self.applied = self.applied, 13
        return Head(end, "a" * 64) if work is journal.head else (end, "a" * 64)


async def test_a_batch_applied_between_two_reads_does_not_look_staged() -> None:
    follower = Follower(SimpleNamespace(reader=ApplyingReader()))  # type: ignore[arg-type]
    answer = await follower.answer("peer", {"type": "position"})
    assert answer is not None
    assert answer["seq"] == 13
    assert answer["staged"] <= answer["seq"]
