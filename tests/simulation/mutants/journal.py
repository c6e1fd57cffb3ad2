"""Faults in keeping the journals equal."""

from __future__ import annotations

from collections.abc import Iterable

from standby.domain.facts import Head, Role
from tests.simulation.disk import Disk
from tests.simulation.following import Follower
from tests.simulation.host import Host
from tests.simulation.journal import Entry, Tables
from tests.simulation.mutants.registry import Patch, mutant, swap
from tests.simulation.replication import Batch, Replication

KEPT = 3
"""Entries that a journal keeps when it is compacted."""


@mutant(
    "A batch is acknowledged before it is committed.",
    breaks="I2",
    kinds="slow_disk",
)
def ack_before_commit() -> Iterable[Patch]:
    receive = Replication.receive

    def hasty(one: Replication, batch: Batch, newest: int) -> None:
        if one._may_apply(batch.term) and batch.entries and batch.entries[-1].is_last:
            last, peer = batch.entries[-1], one._host.peer
            one._host.tell(lambda: peer.replication.acknowledged(newest, last.seq, last.hash))
        receive(one, batch, newest)

    return [swap(Replication, "receive", hasty)]


@mutant(
    "An acknowledgement counts for whatever the own journal holds at that number.",
    breaks="I2",
    kinds="cut flapping_line slow_line",
)
def ack_without_hash() -> Iterable[Patch]:
    confirmed = Replication._confirmed

    def believe(one: Replication, seq: int, digest: str) -> None:
        confirmed(one, seq, one._host.disk.hash_at(seq) or digest)

    def located(one: Replication, theirs: Head, staged: int) -> None:
        own = one._host.disk.hash_at(theirs.seq)
        there = Head(theirs.seq, own or theirs.hash, theirs.term, theirs.lineage, theirs.real)
        locate(one, there, staged)

    locate = Replication._located
    return [swap(Replication, "_confirmed", believe), swap(Replication, "_located", located)]


@mutant(
    "Batches of a lower term are applied.",
    breaks="I2 I3 I4 I8 term",
    kinds="pause hidden_pause slow_line switch_over",
)
def lower_terms_applied() -> Iterable[Patch]:
    def may(one: Replication, _term: int) -> bool:
        member = one._host.member
        active = member.role is Role.ACTIVE or member.promoting
        return not active and not one._host.follower.reconciling

    return [swap(Replication, "_may_apply", may)]


@mutant(
    "An OMM applies the other's journal although it is active itself.",
    breaks="I2 I3 I4 I8",
    kinds="switch_over cut slow_disk force",
)
def active_applies() -> Iterable[Patch]:
    take = Replication.take

    def regardless(one: Replication, batch: Batch) -> bool:
        disk = one._host.disk
        was_open, disk.fence_open = disk.fence_open, False
        took = take(one, batch)
        disk.fence_open = was_open
        return took

    def apply(one: Replication, batch: Batch, newest: int) -> None:
        if one.take(batch):
            head = one._host.disk.head
            one._host.report(lambda: one._applied(newest, head))

    return [
        swap(Replication, "_may_apply", lambda *_: True),
        swap(Replication, "_apply", apply),
        swap(Replication, "take", regardless),
    ]


@mutant(
    "A batch that cuts through a transaction is applied as it is.",
    breaks="I8",
    kinds="cut slow_line",
)
def transaction_cut() -> Iterable[Patch]:
    commit = Host.commit_applied

    def cut(host: Host, whole: list[Entry], tail: list[Entry]) -> None:
        commit(host, [*whole, *tail], [])

    return [swap(Host, "commit_applied", cut)]


@mutant(
    "The roll-back is cut through a transaction: one entry too few is taken back.",
    breaks="I2 I3 I4 I8",
    kinds="cut",
)
def rollback_one_too_few() -> Iterable[Patch]:
    back = Disk.roll_back

    def short(disk: Disk, common: int) -> list[Entry]:
        return back(disk, min(common + 1, disk.head.seq))

    return [swap(Disk, "roll_back", short)]


@mutant(
    "The roll-back takes entries back oldest first.",
    breaks="I8",
    kinds="cut",
)
def rollback_in_wrong_order() -> Iterable[Patch]:
    back = Tables.backward

    def forgetful(tables: Tables, entry: Entry) -> None:
        if entry.operation == "update":
            row = tables.rows[entry.model, entry.object]
            tables.put((entry.model, entry.object), {**row, **(entry.after or {})})
            return
        back(tables, entry)

    return [swap(Tables, "backward", forgetful)]


@mutant(
    "A standby that misses entries applies what follows the gap.",
    breaks="I2 I4 I8",
    kinds="lossy cut flapping_line",
)
def gap_not_noticed() -> Iterable[Patch]:
    def sure(_disk: Disk, _entries: list[Entry], _seq: int) -> bool:
        return True

    return [swap(Disk, "continues", sure)]


@mutant(
    "The journal is compacted past the last entry that the other OMM has confirmed.",
    breaks="I4",
    kinds="cut power_loss",
)
def compacted_too_far() -> Iterable[Patch]:
    tick, at, send = Follower.tick, Disk.hash_at, Replication.push

    def compact(one: Follower) -> None:
        if one._host.member.role is Role.ACTIVE:
            _gone[id(one._host.disk)] = one._host.disk.head.seq - KEPT
        tick(one)

    def hash_at(disk: Disk, seq: int) -> str | None:
        return None if seq < _gone.get(id(disk), 0) else at(disk, seq)

    def push(one: Replication, after: int, *, whole: bool = False) -> None:
        if after >= _gone.get(id(one._host.disk), 0):
            send(one, after, whole=whole)

    _gone: dict[int, int] = {}
    return [
        swap(Follower, "tick", compact),
        swap(Disk, "hash_at", hash_at),
        swap(Replication, "push", push),
    ]


@mutant(
    "What was confirmed once counts for ever: an older disk is not noticed.",
    breaks="I2 I4",
    kinds="older_disk new_disk",
)
def older_disk_not_noticed() -> Iterable[Patch]:
    located = Replication._located

    def trusting(one: Replication, theirs: Head, staged: int) -> None:
        host = one._host
        seq, digest = host.disk.acked
        if theirs.seq < seq and host.disk.hash_at(theirs.seq) == theirs.hash:
            theirs, staged = Head(seq, digest, theirs.term, theirs.lineage, theirs.real), seq
        located(one, theirs, staged)

    return [swap(Replication, "_located", trusting)]
