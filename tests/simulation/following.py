"""What an OMM that is not active does by itself, and the active with it (runtime/following.py)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TypeVar

from standby.domain.aside import MERGE
from standby.domain.facts import Head, Role
from standby.domain.reconcile import Standing, quick_standing, standing_by_common
from tests.simulation import merging
from tests.simulation.journal import Entry, Fields
from tests.simulation.replication import Batch, compare_by_hashes

if TYPE_CHECKING:
    from tests.simulation.host import Host

REQUEST_TIME = 1.0
"""Seconds after which a request on the channel is given up."""
REST = 0.5
"""Seconds after a refusal."""
Answer = TypeVar("Answer")


class Follower:
    """Catches up, reconciles, hands in what was set aside; takes such things when active."""

    def __init__(self, host: Host) -> None:
        self.reconciling = False
        self._host = host
        self._busy_until = -1e9
        self._request = 0
        self._reported_to = (-1, -1)
        self._pending_checked = False
        self._merging = False

    # --- requests -------------------------------------------------------------------------------

    def _ask(
        self, question: Callable[[Callable[[Answer], None]], None], then: Callable[[Answer], None]
    ) -> None:
        """Ask the peer's follower; ``then`` takes the answer unless it comes too late."""
        host = self._host
        self._busy_until = host.now + REQUEST_TIME
        self._request += 1
        number, asked_in = self._request, host.generation

        def answered(answer: Answer) -> None:
            if self._request == number and host.generation == asked_in:
                self._busy_until = -1e9
                then(answer)

        def reply(answer: Answer) -> None:
            host.peer.tell(lambda: answered(answer))

        host.tell(lambda: question(reply))

    def _rest(self) -> None:
        self.reconciling = False
        self._busy_until = self._host.now + REST

    def tick(self) -> None:
        """Every beat: do what the two journals ask for."""
        host = self._host
        member, peer = host.member, host.member.peer
        if peer is None or not member.in_contact or member.role is Role.ACTIVE:
            self.reconciling = self.reconciling and member.role is not Role.ACTIVE
            return
        if host.now < self._busy_until:
            return
        self.reconciling = False
        relation = host.replication.compare()
        if not relation.speaks_of(host.head, peer.head):
            return
        if peer.role is not Role.ACTIVE:
            if relation.standing is Standing.BEHIND:
                self._fetch(host.head.seq, self._catch_up)
        elif relation.standing in (Standing.DIVERGED, Standing.AHEAD):
            self._reconcile()
        else:
            self._report_pending()

    def _fetch(self, after: int, then: Callable[[Batch], None]) -> None:
        peer, size = self._host.peer, self._host.world.batch

        def question(reply: Callable[[Batch], None]) -> None:
            disk = peer.disk
            digest = disk.hash_at(after)
            if digest is not None:
                reply(Batch(0, after, digest, disk.entries[after : after + size]))

        self._ask(question, then)

    def _catch_up(self, batch: Batch) -> None:
        host = self._host

        def commit() -> None:
            head = host.disk.head
            if host.member.role is not Role.ACTIVE and host.replication.take(batch):
                host.report(lambda: self._took(batch, head))

        if batch.entries:
            self._busy_until = host.now + REST
            host.database.submit(commit)

    def _took(self, batch: Batch, before: Head) -> None:
        self._busy_until = -1e9
        head = self._host.disk.head
        self._host.took(head)
        if head.seq == before.seq:  # part of a large transaction: the rest of it
            self._fetch(batch.after + len(batch.entries), self._catch_up)

    # --- after a split --------------------------------------------------------------------------

    def _reconcile(self) -> None:
        """Compare with the active's journal as it is now, fetch its part, then change sides."""
        peer = self._host.peer

        def question(reply: Callable[[tuple[Head, list[Entry]]], None]) -> None:
            reply((peer.disk.head, list(peer.disk.entries)))

        def compare(answer: tuple[Head, list[Entry]]) -> None:
            theirs, entries = answer
            host = self._host
            mine = host.head = host.disk.head
            standing = quick_standing(mine, theirs)
            common = compare_by_hashes(host.disk.entries, entries)
            if standing is Standing.UNKNOWN:
                standing = standing_by_common(mine, theirs, common)
            if standing in (Standing.DIVERGED, Standing.AHEAD):
                self.reconciling = True
                self._stage(common, common, theirs.seq, [])

        self._ask(question, compare)

    def _stage(self, common: int, after: int, until: int, staged: list[Entry]) -> None:
        if after >= until:
            self._busy_until = self._host.now + REQUEST_TIME
            self._host.database.submit(lambda: self._commit_reconcile(common, staged))
            return

        def more(batch: Batch) -> None:
            end = until if not batch.entries else after + len(batch.entries)
            self._stage(common, end, until, [*staged, *batch.entries])

        self._fetch(after, more)

    def _commit_reconcile(self, common: int, staged: list[Entry]) -> None:
        """One transaction: own suffix aside, roll back, take the winner's."""
        host, disk = self._host, self._host.disk
        whole = not staged or staged[-1].is_last
        if (
            not (whole and host.health.writable())
            or disk.fence_open
            or not disk.continues(staged, common)
        ):
            host.report(self._rest)
            return
        peer = host.member.peer
        facts = {"winner": host.peer.name, "loser": host.name, "term": peer.term if peer else 0}
        data = host.world.checker.data
        dropped = merging.give_way(disk, common, staged, facts, data.rolled_back)
        host.world.note(host, f"set aside {len(dropped)} entries after {common}")
        data.applied(host, dropped, staged)
        host.report(lambda: self._reconciled(disk.head))

    def _reconciled(self, head: Head) -> None:
        self.reconciling = False
        self._busy_until = -1e9
        self._pending_checked = False
        self._host.took(head)

    # --- handing in -----------------------------------------------------------------------------

    def _report_pending(self) -> None:
        host, disk, peer = self._host, self._host.disk, self._host.peer
        if self._reported_to != host.generation:
            self._reported_to = host.generation
            self._pending_checked = False
            host.database.submit(lambda: host.health.writable() and merging.send_all_again(disk))
        if self._pending_checked:
            return
        items, splits = merging.to_hand_in(disk), dict(disk.pending_splits)
        if not items:
            self._pending_checked = True
            if not splits:
                return

        def question(reply: Callable[[list[str] | None], None]) -> None:
            peer.follower.receive(items, splits, reply)

        def then(ids: list[str] | None) -> None:
            if ids is None:
                self._rest()
                self._pending_checked = False
            else:
                host.database.submit(
                    lambda: host.health.writable() and merging.mark_sent(disk, ids)
                )

        self._ask(question, then)

    def receive(
        self,
        items: list[merging.Item],
        splits: Mapping[str, Fields],
        reply: Callable[[list[str] | None], None],
    ) -> None:
        """The active takes set-aside changes into the list; answers when they are committed."""
        host = self._host
        if host.member.role is not Role.ACTIVE:
            reply(None)
            return

        def commit() -> None:
            taken = host.commit_change(lambda change: merging.receive(change, items, splits), MERGE)
            ids = [key for key, _ in items] if taken else None
            host.report(lambda: done(ids))

        def done(ids: list[str] | None) -> None:
            reply(ids)
            self.wake_merger()

        host.database.submit(commit)

    def opened(self) -> None:
        """The gate is open: an own list of set-aside changes is taken in, and all is judged."""
        host = self._host
        disk = host.disk

        def commit() -> None:
            if disk.pending or disk.pending_splits:
                host.commit_change(lambda change: merging.adopt(disk, change), MERGE)
            host.report(self.wake_merger)

        host.database.submit(commit)

    def wake_merger(self) -> None:
        """Judge what waits, transaction after transaction, while the gate is open."""
        host = self._host
        if self._merging or not host.member.gate_open:
            return
        self._merging = True

        def commit() -> None:
            found = [0]

            def work(change: merging.Change) -> None:
                found[0] = sum(merging.merge_step(change, host.disk).values())

            host.commit_change(work, MERGE)
            host.report(lambda: self._merged(found[0]))

        host.database.submit(commit)

    def _merged(self, count: int) -> None:
        self._merging = False
        if count:
            self.wake_merger()
