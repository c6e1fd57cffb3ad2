"""Comparing the journals and shipping the active's (standby/runtime comparing.py, shipping.py)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from standby.domain.facts import EMPTY_HASH, Head, Role
from standby.domain.reconcile import Relation, Standing, quick_standing, standing_by_common
from tests.simulation.journal import Entry

if TYPE_CHECKING:
    from tests.simulation.host import Host

RESEND = 0.15
"""Seconds after which the same batch is sent again."""
MARK_PAUSE = 0.1
"""Seconds for which an acknowledgement waits before it is kept on disk."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Entries that follow (after, after_hash); ``whole`` is a journal for an OMM without one."""

    term: int
    after: int
    after_hash: str
    entries: list[Entry] = field(default_factory=list)
    whole: bool = False


def compare_by_hashes(mine: list[Entry], theirs: list[Entry]) -> int:
    """The last sequence number up to which two journals are the same."""
    low, high = 0, min(len(mine), len(theirs))
    while low < high:
        middle = (low + high + 1) // 2
        if mine[middle - 1].hash == theirs[middle - 1].hash:
            low = middle
        else:
            high = middle - 1
    return low


class Replication:
    """One process' part in keeping the two journals equal."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self.relation = Relation()
        self._asked_at = -1e9
        self._sent_at = -1e9
        self._position: int | None = None
        self._generation = (-1, -1)
        self._mark_waiting = False

    # --- comparing ------------------------------------------------------------------------------

    def compare(self) -> Relation:
        """The relation of the two heads of this moment, asking the peer if it is not plain."""
        host = self._host
        peer = host.member.peer
        if peer is None or not host.member.in_contact:
            return self.relation
        mine, theirs = host.head, peer.head
        if self.relation.mine == mine.hash and self.relation.theirs == theirs.hash:
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
            entries, head = list(peer.disk.entries), peer.disk.head
            peer.tell(lambda: self._learn(entries, head.hash))

        host.tell(answer)

    def _learn(self, theirs: list[Entry], head_hash: str) -> None:
        host = self._host
        peer = host.member.peer
        if peer is None or peer.head.hash != head_hash or host.disk.head.hash != host.head.hash:
            return
        common = compare_by_hashes(host.disk.entries, theirs)
        standing = standing_by_common(host.head, peer.head, common)
        self.relation = Relation(standing, common, host.head.hash, head_hash)
        host.step()

    # --- sending --------------------------------------------------------------------------------

    def _may_ship(self) -> bool:
        member, peer = self._host.member, self._host.member.peer
        passive = peer is not None and peer.role is not Role.ACTIVE
        return member.role is Role.ACTIVE and member.in_contact and passive

    def ship(self) -> None:
        """Send whatever the peer lacks, whoever rang."""
        host = self._host
        if not self._may_ship() or host.now - self._sent_at < RESEND:
            return
        if self._position is None or self._generation != host.generation:
            self._locate()
        elif self._position < host.disk.head.seq:
            self.push(self._position)
        elif self._position > host.acked[0]:
            self._position = None  # all was sent, not all confirmed: ask again

    def _locate(self) -> None:
        """Ask where the peer's journal ends; what it shares with ours is confirmed."""
        host, peer = self._host, self._host.peer
        self._sent_at = host.now
        self._position, self._generation = None, host.generation

        def answer() -> None:
            head, tail = peer.disk.head, peer.disk.tail
            staged = (tail[-1].seq, tail[-1].hash) if tail else (head.seq, head.hash)
            peer.tell(lambda: self._located(head, staged))

        host.tell(answer)

    def _located(self, theirs: Head, staged: tuple[int, str]) -> None:
        host = self._host
        if not self._may_ship():
            return
        host.head = host.disk.head
        standing = quick_standing(host.head, theirs)
        if standing in (Standing.PEER_EMPTY, Standing.BOTH_EMPTY):
            self.push(0, whole=True)
        elif standing is not Standing.FOREIGN and host.disk.hash_at(theirs.seq) == theirs.hash:
            own = host.disk.hash_at(staged[0]) == staged[1]
            self._position = staged[0] if own else theirs.seq
            self._confirmed(theirs.seq, theirs.hash)
            if self._position < host.disk.head.seq:
                self.push(self._position)

    def ring(self) -> None:
        """Something was written here: it goes out at once."""
        if (
            self._may_ship()
            and self._position is not None
            and self._generation == self._host.generation
        ):
            self.push(self._position)

    def push(self, after: int, *, whole: bool = False) -> None:
        host = self._host
        self._sent_at = host.now
        end = None if whole else after + host.world.batch
        entries = host.disk.entries[after:end]
        newest = after + len(entries)
        host.head = host.disk.head
        batch = Batch(
            host.member.term, after, host.disk.hash_at(after) or EMPTY_HASH, entries, whole
        )
        host.tell(lambda: host.peer.replication.receive(batch, newest))

    # --- receiving ------------------------------------------------------------------------------

    def _may_apply(self, term: int) -> bool:
        member = self._host.member
        if member.role is Role.ACTIVE or member.promoting:
            return False
        return term >= member.term and not self._host.follower.reconciling

    def receive(self, batch: Batch, newest: int) -> None:
        """Part of the active's journal arrived."""
        if self._may_apply(batch.term):
            self._host.database.submit(lambda: self._apply(batch, newest))
        else:
            self._refuse()

    def _refuse(self) -> None:
        self._host.tell(self._host.peer.replication.refused)

    def refused(self) -> None:
        """The peer did not take a batch: where it stands must be asked again."""
        self._position = None

    def _apply(self, batch: Batch, newest: int) -> None:
        """One transaction: all of what is whole, and the rest staged; or nothing at all."""
        host = self._host
        passive = host.member.role is not Role.ACTIVE
        if not (passive and (self._take_whole(batch) if batch.whole else self.take(batch))):
            host.report(self._refuse)
            return
        head = host.disk.head
        host.report(lambda: self._applied(newest, head))

    def _take_whole(self, batch: Batch) -> bool:
        disk = self._host.disk
        if (
            disk.fence_open
            or disk.head.real
            or not self._host.health.writable()
            or disk.acked[0] > len(batch.entries)
        ):
            return False
        dropped = disk.roll_back(0)
        disk.apply(batch.entries)
        disk.acked = (disk.head.seq, disk.head.hash)
        self._host.world.checker.data.applied(self._host, dropped, batch.entries)
        return True

    def take(self, batch: Batch) -> bool:
        """False when the batch does not continue this journal."""
        disk = self._host.disk
        if (
            disk.fence_open
            or not self._host.health.writable()
            or (batch.after <= disk.head.seq and disk.hash_at(batch.after) != batch.after_hash)
        ):
            return False
        skipped = max(0, disk.head.seq - batch.after)
        if any(disk.hash_at(entry.seq) != entry.hash for entry in batch.entries[:skipped]):
            return False
        fresh = batch.entries[skipped:]
        if not fresh:
            return True
        kept = self._usable_tail(fresh)
        if kept is None:
            return False
        fresh = [*kept, *(entry for entry in fresh if not kept or entry.seq > kept[-1].seq)]
        if not disk.continues(fresh, disk.head.seq):
            return False
        whole = max((n for n, entry in enumerate(fresh, 1) if entry.is_last), default=0)
        self._host.commit_applied(fresh[:whole], fresh[whole:])
        return True

    def _usable_tail(self, fresh: list[Entry]) -> list[Entry] | None:
        """What is staged, unless the batch says something else in its place; None: a gap."""
        disk = self._host.disk
        tail, first = disk.tail, fresh[0].seq
        if tail and first <= tail[-1].seq + 1:
            staged = [entry for entry in tail if entry.seq >= first]
            if all(old.hash == new.hash for old, new in zip(staged, fresh, strict=False)):
                return tail
        return [] if first == disk.head.seq + 1 else None

    def _applied(self, newest: int, head: Head) -> None:
        host = self._host
        host.head, host.acked = head, (head.seq, head.hash)
        host.ever_synchronised = True
        host.tell(lambda: host.peer.replication.acknowledged(newest, head.seq, head.hash))
        host.step()

    def acknowledged(self, newest: int, seq: int, digest: str) -> None:
        """The peer has this journal up to ``seq``, durably, and up to ``newest`` staged."""
        host = self._host
        if host.member.role is not Role.ACTIVE:
            return
        if host.disk.hash_at(seq) != digest:
            self._position = None  # it holds what this OMM lacks: nothing of ours is confirmed
            return
        self._position = newest
        self._confirmed(seq, digest)
        if newest < host.disk.head.seq and self._may_ship():
            self.push(newest)
        host.step()

    def _confirmed(self, seq: int, digest: str) -> None:
        host = self._host
        if (seq, digest) == host.acked:
            return
        host.acked = (seq, digest)
        host.ever_synchronised = host.ever_synchronised or seq > 0
        host.world.checker.data.acknowledged(host, seq, digest)
        if not self._mark_waiting:
            self._mark_waiting = True
            host.life.later(MARK_PAUSE, lambda: host.database.submit(self._mark))

    def _mark(self) -> None:
        self._mark_waiting = False
        disk, (seq, digest) = self._host.disk, self._host.acked
        if self._host.health.writable() and disk.acked[0] < seq and disk.hash_at(seq) == digest:
            disk.acked = (seq, digest)
