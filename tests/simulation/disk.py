"""What survives a crash: the term, the journal and its rows, the fence, what is set aside."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from standby.domain.aside import BEGINNINGS, SET_ASIDE, SPLIT
from standby.domain.facts import EMPTY_HASH, Head
from tests.simulation.journal import Change, Entry, Tables, follows

BEGINNING_ROWS = 3


@dataclass(frozen=True, slots=True)
class Pending:
    """An own change that a split took back; ``split`` is the one that it lost."""

    node: str
    term: int
    seq: int
    hash: str
    body: Mapping[str, Any]
    split: str | None
    sent: bool = False


@dataclass(slots=True)
class Disk:
    """All of it durable the moment it is assigned (a commit is one event of the loop)."""

    term: int = 0
    entries: list[Entry] = field(default_factory=list)
    tables: Tables = field(default_factory=Tables)
    hashes: set[str] = field(default_factory=set)
    acked: tuple[int, str] = (0, EMPTY_HASH)
    fence_open: bool = False
    fence_term: int = 0
    pending: dict[str, Pending] = field(default_factory=dict)
    pending_splits: dict[str, dict[str, Any]] = field(default_factory=dict)
    tail: list[Entry] = field(default_factory=list)
    """The first entries of a transaction whose rest has not arrived."""
    armed: bool = False
    """The policy ``witness`` is in force."""
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
        real = any(entry.source != BEGINNINGS for entry in self.entries[: BEGINNING_ROWS + 1])
        return Head(last.seq, last.hash, last.term, self.entries[0].hash, real)

    def hash_at(self, seq: int) -> str | None:
        if seq == 0:
            return EMPTY_HASH
        return self.entries[seq - 1].hash if seq <= len(self.entries) else None

    def term_at(self, seq: int) -> int:
        return self.entries[seq - 1].term if seq else 0

    def commit(self, change: Change, term: int) -> list[Entry]:
        """Put what a change made at the end of the journal; its rows are there already."""
        head = self.head
        made = change.entries(head.seq, head.hash, term)
        self._append(made)
        return made

    def _append(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            self.entries.append(entry)
            self.hashes.add(entry.hash)
        self._head = None

    def apply(self, entries: list[Entry]) -> None:
        """Do what whole transactions of the peer say; what came back needs no own copy."""
        for entry in entries:
            self.tables.forward(entry)
            if entry.operation == "create" and entry.model == SET_ASIDE:
                self.pending.pop(entry.object, None)
            elif entry.operation == "create" and entry.model == SPLIT:
                self.pending_splits.pop(entry.object, None)
        self._append(entries)
        self.tail = []

    def roll_back(self, common: int) -> list[Entry]:
        """Take back everything after ``common``, newest first; returns it, oldest first."""
        dropped = self.entries[common:]
        for entry in reversed(dropped):
            self.tables.backward(entry)
            self.hashes.discard(entry.hash)
        del self.entries[common:]
        self.tail = []
        self._head = None
        if self.hash_at(self.acked[0]) != self.acked[1]:
            seq = min(self.acked[0], common)
            self.acked = (seq, self.hash_at(seq) or EMPTY_HASH)
        return dropped

    def continues(self, entries: list[Entry], seq: int) -> bool:
        """True when the entries are the next ones after the own entry ``seq``."""
        digest = self.hash_at(seq)
        return digest is not None and follows(entries, seq, digest)

    def copy(self) -> Disk:
        """A back-up of this disk."""
        return Disk(
            self.term,
            list(self.entries),
            self.tables.copy(),
            set(self.hashes),
            self.acked,
            self.fence_open,
            self.fence_term,
            dict(self.pending),
            dict(self.pending_splits),
            list(self.tail),
            self.armed,
        )
