"""What survives a crash: the term, the journal, the fence, what waits to be set aside."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import lru_cache

from standby.domain.facts import EMPTY_HASH, Head

BEGINNINGS = "beginnings"
WRITE = "write"
ASIDE = "aside"


@dataclass(frozen=True, slots=True)
class Entry:
    """One change; an ``aside`` entry holds the content of a change that lost a split."""

    seq: int
    term: int
    kind: str
    content: str
    hash: str


@lru_cache(maxsize=65536)
def _hash(previous: str, term: int, kind: str, content: str) -> str:
    return hashlib.sha256(f"{previous}\n{term}{kind}{content}".encode()).hexdigest()


@dataclass(slots=True)
class Disk:
    """All of it durable the moment it is assigned (commits are single assignments)."""

    term: int = 0
    entries: list[Entry] = field(default_factory=list)
    acked_seq: int = 0
    fence_open: bool = False
    fence_term: int = 0
    pending: dict[str, Entry] = field(default_factory=dict)
    ever_synchronised: bool = False
    _head: Head | None = None

    @property
    def head(self) -> Head:
        if self._head is None:
            self._head = self._make_head()
        return self._head

    def _make_head(self) -> Head:
        if not self.entries:
            return Head()
        last = self.entries[-1]
        return Head(last.seq, last.hash, last.term, self.entries[0].hash, len(self.entries) > 1)

    def hash_at(self, seq: int) -> str | None:
        if seq == 0:
            return EMPTY_HASH
        return self.entries[seq - 1].hash if seq <= len(self.entries) else None

    def append(self, term: int, kind: str, content: str) -> Entry:
        before = self.head
        entry = Entry(before.seq + 1, term, kind, content, _hash(before.hash, term, kind, content))
        self.entries.append(entry)
        self._head = None
        return entry

    def adopt(self, common: int, entries: tuple[Entry, ...]) -> list[Entry]:
        """Replace everything after ``common``; returns what was dropped."""
        dropped = self.entries[common:]
        self.entries[common:] = entries
        self.acked_seq = min(self.acked_seq, common)
        self._head = None
        return dropped

    def contents(self) -> set[str]:
        """Every change that can still be found in the journal, aside or not."""
        return {entry.content for entry in self.entries}

    def copy(self) -> Disk:
        """A back-up of this disk."""
        return Disk(
            self.term,
            list(self.entries),
            self.acked_seq,
            self.fence_open,
            self.fence_term,
            dict(self.pending),
            self.ever_synchronised,
        )
