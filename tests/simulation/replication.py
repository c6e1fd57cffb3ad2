"""Shipping, acknowledging and reconciling the journal, as simply as the rules allow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from standby.domain.facts import Role
from standby.domain.reconcile import Relation, Standing, quick_standing, standing_by_common
from tests.simulation.disk import ASIDE, WRITE, Entry

if TYPE_CHECKING:
    from tests.simulation.host import Host

RESEND = 0.15
"""Seconds after which the same batch is sent again."""


@dataclass(frozen=True, slots=True)
class Batch:
    """The sender's whole suffix after ``common``; only an active one may replace a suffix."""

    term: int
    active: bool
    common: int
    common_hash: str
    entries: tuple[Entry, ...]


def _same_beginning(own: list[Entry], others: tuple[Entry, ...]) -> int:
    """How many entries two suffixes share; a shorter active's suffix is a difference too."""
    pairs = zip(own, others, strict=False)
    different = (n for n, (mine, other) in enumerate(pairs) if mine.hash != other.hash)
    return next(different, min(len(own), len(others)))


class Replication:
    """One process' part in keeping the two journals equal."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self.relation = Relation()
        self._asked_at = -1e9
        self._sent_at = -1e9
        self._aside_at = -1e9

    # --- comparing ------------------------------------------------------------------------------

    def compare(self) -> Relation:
        """The relation of the two heads of this moment, asking the peer if it is not plain."""
        host = self._host
        peer = host.member.peer
        if peer is None or not host.member.in_contact:
            return self.relation
        mine, theirs = host.disk.head, peer.head
        if self.relation.speaks_of(mine, theirs):
            return self.relation
        standing = quick_standing(mine, theirs)
        common = mine.seq if standing is Standing.EQUAL else 0
        if standing is Standing.UNKNOWN and host.disk.hash_at(theirs.seq) == theirs.hash:
            standing, common = Standing.AHEAD, theirs.seq
        if standing is not Standing.UNKNOWN:
            self.relation = Relation(standing, common, mine.hash, theirs.hash)
        else:
            self._ask()
        return self.relation

    def _ask(self) -> None:
        host = self._host
        if host.now - self._asked_at < RESEND:
            return
        self._asked_at = host.now
        peer = host.peer

        def answer() -> None:
            entries, head = tuple(peer.disk.entries), peer.disk.head
            peer.tell(lambda: self._learn(entries, head.hash))

        host.tell(answer)

    def _learn(self, theirs: tuple[Entry, ...], head_hash: str) -> None:
        host = self._host
        peer = host.member.peer
        if peer is None or peer.head.hash != head_hash:
            return
        mine = host.disk.entries
        common = 0
        for own, other in zip(mine, theirs, strict=False):
            if own.hash != other.hash:
                break
            common = own.seq
        standing = standing_by_common(host.disk.head, peer.head, common)
        self.relation = Relation(standing, common, host.disk.head.hash, head_hash)
        host.step()

    # --- sending --------------------------------------------------------------------------------

    def ship(self) -> None:
        """Send whatever the peer lacks, whoever rang."""
        host = self._host
        member, peer = host.member, host.member.peer
        if peer is None or not member.in_contact or peer.role is Role.ACTIVE:
            return
        relation = self.compare()
        if not relation.speaks_of(host.disk.head, peer.head):
            return
        common = self._common_to_ship(relation)
        if common is None or host.now - self._sent_at < RESEND:
            return
        self.push(common)

    def _common_to_ship(self, relation: Relation) -> int | None:
        disk = self._host.disk
        active = self._host.member.role is Role.ACTIVE
        if relation.standing is Standing.EQUAL:
            return disk.acked_seq if disk.acked_seq < disk.head.seq else None
        if relation.standing is Standing.AHEAD:
            return relation.common
        if relation.standing is Standing.PEER_EMPTY:
            return 0
        if relation.standing is Standing.BOTH_EMPTY:
            return 0 if active else None
        if relation.standing in (Standing.DIVERGED, Standing.BEHIND):
            return relation.common if active else None
        return None

    def push(self, common: int) -> None:
        host = self._host
        self._sent_at = host.now
        batch = Batch(
            term=host.member.term,
            active=host.member.role is Role.ACTIVE,
            common=common,
            common_hash=host.disk.hash_at(common) or "",
            entries=tuple(host.disk.entries[common:]),
        )
        host.tell(lambda: host.peer.replication.receive(batch))

    # --- receiving ------------------------------------------------------------------------------

    def _may_apply(self, batch: Batch) -> bool:
        member = self._host.member
        if member.role is Role.ACTIVE or member.promoting:
            return False
        return batch.term >= member.term or not batch.active

    def receive(self, batch: Batch) -> None:
        if self._may_apply(batch):
            self._host.database.submit(lambda: self._apply(batch))

    def _apply(self, batch: Batch) -> None:
        disk = self._host.disk
        if not self._may_apply(batch) or disk.fence_open:
            return
        if disk.hash_at(batch.common) != batch.common_hash:
            return
        own = disk.entries[batch.common :]
        same = _same_beginning(own, batch.entries)
        if same < len(own) and not self._may_replace(batch):
            return
        self._set_aside(disk.adopt(batch.common + same, batch.entries[same:]))
        disk.ever_synchronised = True
        self._forget_arrived()
        head = disk.head
        self._host.report(lambda: self._applied(batch.term, head.seq, head.hash))

    def _may_replace(self, batch: Batch) -> bool:
        """A suffix is set aside for an active only, and never for another pair's journal."""
        own = self._host.disk.head
        theirs = batch.entries[0].hash if batch.common == 0 and batch.entries else own.lineage
        foreign = own.real and own.lineage != theirs
        return batch.active and not foreign

    def _set_aside(self, dropped: list[Entry]) -> None:
        for entry in dropped:
            if entry.kind in (WRITE, ASIDE):
                self._host.disk.pending[entry.content] = entry
        self._host.world.checker.rolled_back(self._host.name, dropped)

    def _applied(self, term: int, seq: int, digest: str) -> None:
        host = self._host
        host.tell(lambda: host.peer.replication.acknowledged(term, seq, digest))
        host.step()

    def acknowledged(self, term: int, seq: int, digest: str) -> None:
        """The peer has this journal up to ``seq``, durably."""
        host = self._host
        if host.disk.hash_at(seq) != digest:
            return
        host.disk.ever_synchronised = True
        if seq > host.disk.acked_seq:
            host.disk.acked_seq = seq
            host.world.checker.acknowledged(host, seq)
        host.step()

    # --- what a split left over -----------------------------------------------------------------

    def _forget_arrived(self) -> None:
        """The own copy goes when the entry that lists it is in this journal too."""
        pending = self._host.disk.pending
        if pending:
            for content in self._host.disk.contents() & set(pending):
                del pending[content]

    def report_pending(self) -> None:
        """Send set-aside changes to the active, again and again until they come back."""
        host = self._host
        member, peer = host.member, host.member.peer
        if not host.disk.pending or host.now - self._aside_at < RESEND:
            return
        contents = tuple(host.disk.pending)
        if member.role is Role.ACTIVE:
            self._aside_at = host.now
            self.receive_pending(contents)
        elif member.in_contact and peer is not None and peer.role is Role.ACTIVE:
            self._aside_at = host.now
            host.tell(lambda: host.peer.replication.receive_pending(contents))

    def receive_pending(self, contents: tuple[str, ...]) -> None:
        """As entries, once each; only an OMM that accepts changes can take them."""
        for content in contents:
            self._host.write(content, kind=ASIDE)
