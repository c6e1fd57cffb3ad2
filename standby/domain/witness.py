"""The witness on a third host: what the OMMs ask it, and how it decides (policy ``witness``).

It lends the right to be active to one OMM at a time. Who holds it keeps it by asking again; who
wants it gets it when the holder gave it back, or was silent for longer than any lease lasts. All
leases count from the moment at which the OMM *sent* its question, the witness counts from the
moment at which it *heard* it, which is later: so the old holder's lease is over before another
OMM gets the right, whatever is lost, late or doubled on the way. Only the speed of the clocks
must be alike, never what they show.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from standby.domain.contact import Timing

LEASE_BEATS = 4
"""Heartbeats by which a lease ends before the contact timeout: a request that has looked at the
role lease may go on for three, and the runtime looks once in each."""
MOST_OMMS = 2
FORGOTTEN_AFTER = 60.0
"""Seconds of silence after which an OMM makes room for another one (a replaced node)."""
BOOTS_REMEMBERED = 8


def lease_life(timing: Timing) -> float:
    """Seconds for which an OMM may accept changes after the last question that was answered."""
    return timing.contact_timeout - LEASE_BEATS * timing.interval


def lease_patience(timing: Timing) -> float:
    """Seconds of silence after which the right is lent to another OMM: longer than any lease."""
    return timing.contact_timeout + timing.interval


@dataclass(frozen=True, slots=True)
class Ask:
    """A question of an OMM. ``echo_*`` repeat the witness's last answer: it is no recording.

    ``active``: it is the active one; ``wants``: it would take over; ``holding``: the right that it
    was lent has not run out; ``patience``: its ``lease_patience``.
    """

    node: str
    address: str
    boot: str
    counter: int
    echo_boot: str
    echo_counter: int
    active: bool
    wants: bool
    holding: bool
    patience: float

    @property
    def claims(self) -> bool:
        """It asks for the right to be active."""
        return self.active or self.wants


@dataclass(frozen=True, slots=True)
class Answer:
    """What the witness says to ``node``. ``echo_*`` repeat the question; ``granted``: the right is
    yours.

    ``peer_age``: how long ago it heard the other OMM (None: not since its own start),
    ``peer_active``: what that one said of itself; ``taken``: the right is the other one's.
    """

    node: str
    boot: str
    counter: int
    echo_boot: str
    echo_counter: int
    granted: bool
    taken: bool
    peer_age: float | None
    peer_active: bool


@dataclass(slots=True)
class Visitor:
    """One OMM as the witness knows it; times are the witness's boot-time clock."""

    node: str
    address: str = ""
    boot: str = ""
    counter: int = 0
    heard_at: float | None = None
    active: bool = False
    patience: float = 0.0
    met_at: float = 0.0
    _sent: dict[int, float] = field(default_factory=dict)
    _gone: deque[str] = field(default_factory=lambda: deque(maxlen=BOOTS_REMEMBERED))

    def is_copy(self, ask: Ask) -> bool:
        """It was heard already, or comes from a process that has ended."""
        return ask.boot in self._gone or (ask.boot == self.boot and ask.counter <= self.counter)

    def proves(self, ask: Ask, boot: str, now: float) -> bool:
        """It repeats what this boot of the witness answered a moment ago."""
        sent_at = self._sent.get(ask.echo_counter) if ask.echo_boot == boot else None
        return sent_at is not None and now - sent_at <= ask.patience

    def take(self, ask: Ask, now: float) -> None:
        """A fresh question."""
        if self.boot and self.boot != ask.boot:
            self._gone.append(self.boot)
        self.boot, self.counter, self.address = ask.boot, ask.counter, ask.address
        self.heard_at, self.active, self.patience = now, ask.active, ask.patience

    def answered(self, counter: int, now: float, patience: float) -> None:
        """The answer ``counter`` is sent now."""
        self.met_at = now
        self._sent[counter] = now
        for old in [known for known, at in self._sent.items() if now - at > patience]:
            del self._sent[old]


class Desk:
    """The witness of one pair, without I/O; ``now`` is its boot-time clock."""

    def __init__(self, boot: str, now: float) -> None:
        self.boot = boot
        self.started = now
        self.holder = ""
        self.held_at = now
        self.visitors: dict[str, Visitor] = {}
        self._counter = 0

    def hear(self, ask: Ask, now: float) -> Answer | None:
        """Answer an authenticated question; None for a copy, or from a third OMM."""
        visitor = self._visitor(ask.node, now)
        if visitor is None or visitor.is_copy(ask):
            return None
        if visitor.proves(ask, self.boot, now):
            visitor.take(ask, now)
            self._lend(ask, now)
        return self._answer(ask, visitor, now)

    def _visitor(self, node: str, now: float) -> Visitor | None:
        if node not in self.visitors:
            for known in [each for each in self.visitors.values() if self._forgotten(each, now)]:
                del self.visitors[known.node]
            if len(self.visitors) >= MOST_OMMS:
                return None
            self.visitors[node] = Visitor(node)
        return self.visitors[node]

    @staticmethod
    def _forgotten(visitor: Visitor, now: float) -> bool:
        return now - visitor.met_at > FORGOTTEN_AFTER

    def _lend(self, ask: Ask, now: float) -> None:
        if self.holder == ask.node:
            self.held_at = now
            if not ask.claims:
                self.holder = ""
        elif ask.claims and self._is_free(ask, now):
            self.holder, self.held_at = ask.node, now

    def _is_free(self, ask: Ask, now: float) -> bool:
        """Nobody can hold a lease: not of this boot, and not of one before that it forgot."""
        if self.holder:
            held = self.visitors.get(self.holder)
            patience = max(ask.patience, held.patience if held is not None else 0.0)
            return now - self.held_at >= patience
        return ask.holding or now - self.started >= ask.patience

    def _answer(self, ask: Ask, visitor: Visitor, now: float) -> Answer:
        self._counter += 1
        visitor.answered(self._counter, now, ask.patience)
        other = self._other(ask.node)
        heard_at = other.heard_at if other is not None else None
        proved = (visitor.boot, visitor.counter) == (ask.boot, ask.counter)
        return Answer(
            node=ask.node,
            boot=self.boot,
            counter=self._counter,
            echo_boot=ask.boot,
            echo_counter=ask.counter,
            granted=proved and self.holder == ask.node,
            taken=self.holder not in ("", ask.node),
            peer_age=None if heard_at is None else max(0.0, now - heard_at),
            peer_active=other is not None and other.active,
        )

    def _other(self, node: str) -> Visitor | None:
        others: Iterable[Visitor] = (v for name, v in self.visitors.items() if name != node)
        return next(iter(others), None)
