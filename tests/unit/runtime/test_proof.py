"""When the tables of the two OMMs count as different."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from standby import journal
from standby.domain.facts import Head, Role
from standby.runtime import proof
from standby.runtime.proof import TableProof

HEAD = Head(seq=7, hash="a" * 64)


class Asked:
    """A runtime with a digest of its own and a peer that gives one answer."""

    def __init__(self, answer: dict[str, Any]) -> None:
        self.member = SimpleNamespace(role=Role.ACTIVE, in_contact=True)
        self.bulk = self.link = self
        self.events: Any = SimpleNamespace(record=lambda *told: self.told.append(told[0]))
        self.told: list[str] = []
        self._answer = answer

    async def run(self, work: Any) -> Any:
        assert work is journal.digest_at_head
        return HEAD, "own digest"

    async def ask_aside(self, message: Any, timeout: float) -> dict[str, Any]:
        return {"seq": HEAD.seq, "hash": HEAD.hash, **self._answer}


@pytest.mark.parametrize(
    ("answer", "equal"),
    [
        ({"layout": "same", "digest": "own digest"}, True),
        ({"layout": "same", "digest": "another"}, False),
        ({"layout": "other", "digest": "another"}, None),
        ({"digest": "another"}, None),
        ({"seq": 6, "layout": "same", "digest": "another"}, None),
    ],
)
@pytest.mark.asyncio
async def test_only_tables_of_one_layout_and_head_are_compared(
    monkeypatch: pytest.MonkeyPatch, answer: dict[str, Any], equal: bool | None
) -> None:
    """While the OMMs are brought to a new version, one after the other, nothing is alarming."""
    monkeypatch.setattr(proof.journal, "table_layout", lambda: "same")
    runtime: Any = Asked(answer)
    found = TableProof(runtime)
    assert await found.compare() is equal
    assert found.differ is (equal is False)
    assert runtime.told == (["tables_differ"] if equal is False else [])
