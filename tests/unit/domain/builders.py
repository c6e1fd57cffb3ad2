"""Short ways to two OMMs that talk by hand, step by step, with a clock that only tests move."""

from __future__ import annotations

from dataclasses import replace

from standby.domain.contact import Timing
from standby.domain.effects import (
    CloseFence,
    Effect,
    Facts,
    HandoverEnded,
    OpenFence,
    RoleChanged,
    SplitSettled,
    WriteTerm,
)
from standby.domain.facts import Head, Heartbeat, Role, SplitPolicy
from standby.domain.member import Member
from standby.domain.reconcile import Relation, Standing
from standby.domain.view import Sip

LOW, HIGH = "10.0.0.9", "10.0.0.10"
STEP = 0.05


def head(seq: int, *, term: int = 1, name: str = "", lineage: str = "L", real: bool = True) -> Head:
    """A journal's end; equal arguments give equal hashes."""
    return Head(seq, f"{name or 'h'}{seq}".ljust(64, "0"), term, lineage, real)


def answering(at: float) -> Sip:
    """A SIP proxy that answered a probe just now."""
    return Sip(configured=True, answered_at=at, answered_probe_at=at, known=True)


def silent(answered_at: float | None = None) -> Sip:
    """A SIP proxy that does not answer (any more)."""
    return Sip(
        configured=True,
        answered_at=answered_at,
        answered_probe_at=answered_at,
        lost=True,
        known=True,
    )


class Node:
    """A Member, its facts, and everything it asked for. Term and fence are kept at once."""

    def __init__(
        self,
        name: str,
        address: str,
        peer_address: str,
        *,
        now: float = 100.0,
        term: int = 0,
        boot: str = "",
        policy: SplitPolicy = SplitPolicy.LONGEST_ACTIVE,
        timing: Timing | None = None,
    ) -> None:
        self.member = Member(
            node=name,
            address=address,
            peer_address=peer_address,
            boot=boot or f"{name}-boot",
            timing=timing or Timing(),
            policy=policy,
            term=term,
            now=now,
        )
        self.facts = Facts(head=head(5), relation=Relation(Standing.EQUAL, 5))
        self.effects: list[Effect] = []
        self.slow_disk = False

    def role(self) -> Role:
        return self.member.role

    def gate(self) -> bool:
        return self.member.gate_open

    def know(self, **facts: object) -> None:
        """Change what this node knows of itself."""
        self.facts = replace(self.facts, **facts)  # type: ignore[arg-type]

    def tick(self, now: float) -> None:
        self.carry_out(self.member.step(self.facts, now), now)

    def carry_out(self, effects: list[Effect], now: float) -> None:
        for effect in effects:
            self.effects.append(effect)
            match effect:
                case WriteTerm(term) if not self.slow_disk:
                    self.carry_out(self.member.term_written(term, now), now)
                case OpenFence(term):
                    self.carry_out(self.member.fence_opened(term), now)
                case CloseFence():
                    self.carry_out(self.member.fence_closed(self.facts.head), now)

    def hear(self, statement: Heartbeat, now: float) -> bool:
        answer = self.member.hear(statement, now)
        self.tick(now)
        return answer

    def say(self, now: float) -> Heartbeat:
        return self.member.state(self.facts, now)

    def changes(self) -> list[RoleChanged]:
        return [effect for effect in self.effects if isinstance(effect, RoleChanged)]

    def handovers(self) -> list[HandoverEnded]:
        return [effect for effect in self.effects if isinstance(effect, HandoverEnded)]

    def splits(self) -> list[SplitSettled]:
        return [effect for effect in self.effects if isinstance(effect, SplitSettled)]


class Pair:
    """Two nodes; ``run`` lets both beat and hear each other, as far as the line is up."""

    def __init__(self, low: str = LOW, high: str = HIGH, *, now: float = 100.0) -> None:
        self.now = now
        self.low = Node("low", low, high, now=now)
        self.high = Node("high", high, low, now=now)
        self.up = True
        self.comparing = True
        self.dead: set[str] = set()

    def other(self, node: Node) -> Node:
        return self.high if node is self.low else self.low

    def know(self, **facts: object) -> None:
        self.low.know(**facts)
        self.high.know(**facts)

    def restart(self, node: Node, **arguments: object) -> Node:
        """A new process on the same disk."""
        fresh = Node(
            node.member.node,
            node.member.address,
            node.member.peer_address,
            now=self.now,
            term=node.member.term,
            boot=f"{node.member.boot}+",
            **arguments,  # type: ignore[arg-type]
        )
        fresh.facts = node.facts
        if node is self.low:
            self.low = fresh
        else:
            self.high = fresh
        self.dead.discard(node.member.node)
        return fresh

    def living(self) -> list[Node]:
        return [n for n in (self.low, self.high) if n.member.node not in self.dead]

    def run(self, seconds: float, *, answering_sip: bool = False) -> None:
        """Beats in small steps; relations follow the heads as the runtime would keep them."""
        end = self.now + seconds
        while self.now < end - 1e-9:
            self.now = round(self.now + STEP, 6)
            for node in self.living():
                if answering_sip:
                    node.know(sip=answering(self.now))
                node.tick(self.now)
            self._exchange()

    def _exchange(self) -> None:
        nodes = self.living()
        if not self.up or len(nodes) < 2:
            return
        for node in nodes:
            self.other(node).hear(node.say(self.now), self.now)
        if self.comparing:
            self._compare()

    def _compare(self) -> None:
        for node in (self.low, self.high):
            peer = node.member.peer
            if peer is not None and not node.facts.relation.speaks_of(node.facts.head, peer.head):
                standing = node.facts.relation.standing
                if node.facts.head == peer.head:
                    standing = Standing.EQUAL
                node.know(
                    relation=replace(
                        node.facts.relation,
                        standing=standing,
                        mine=node.facts.head.hash,
                        theirs=peer.head.hash,
                    )
                )

    def active(self) -> list[Node]:
        return [node for node in self.living() if node.role() is Role.ACTIVE]


def started(*, sip: bool = False) -> Pair:
    """A pair in its ordinary state: low is active, high is standby."""
    pair = Pair()
    pair.run(1.0, answering_sip=sip)
    assert pair.active() == [pair.low]
    assert pair.high.role() is Role.STANDBY
    return pair
