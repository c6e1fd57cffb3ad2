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

    def located(one: Replication, theirs: Head, staged: tuple[int, str]) -> None:
        own = one._host.disk.hash_at(theirs.seq)
        there = Head(theirs.seq, own or theirs.hash, theirs.term, theirs.lineage, theirs.real)
        locate(one, there, staged)

    locate = Replication._located
    return [swap(Replication, "_confirmed", believe), swap(Replication, "_located", located)]


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
    "The roll-back leaves the first own transaction in place.",
    breaks="I2 I3 I4 I8",
    kinds="cut",
)
def rollback_too_short() -> Iterable[Patch]:
    back = Disk.roll_back

    def short(disk: Disk, common: int) -> list[Entry]:
        ends = (entry.seq for entry in disk.entries[common:] if entry.is_last)
        return back(disk, next(ends, common))

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

    def trusting(one: Replication, theirs: Head, staged: tuple[int, str]) -> None:
        host = one._host
        seq, digest = host.disk.acked
        if theirs.seq < seq and host.disk.hash_at(theirs.seq) == theirs.hash:
            theirs = Head(seq, digest, theirs.term, theirs.lineage, theirs.real)
            staged = seq, digest
        located(one, theirs, staged)

    return [swap(Replication, "_located", trusting)]
