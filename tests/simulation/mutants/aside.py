"""Faults in what a split leaves over: setting aside, handing in, merging, deciding."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from standby.domain import aside, merge
from standby.domain.aside import MERGE, Lost
from standby.domain.merge import MERGED, Act, Fields, Verdict
from tests.simulation import merging
from tests.simulation.disk import Disk
from tests.simulation.following import Follower
from tests.simulation.journal import Change, Entry
from tests.simulation.mutants.registry import Patch, mutant, swap


@mutant(
    "Nothing is set aside: the loser's changes are overwritten.",
    breaks="I3",
    kinds="cut",
)
def nothing_set_aside() -> Iterable[Patch]:
    return [swap(merging, "lost_as", lambda *_: Lost.NOTHING)]


@mutant(
    "The roll-back commits before the own changes are kept as set aside.",
    breaks="I3",
    kinds="cut crash power_loss",
)
def set_aside_in_its_own_transaction() -> Iterable[Patch]:
    commit = Follower._commit_reconcile

    def in_two(one: Follower, common: int, staged: list[Entry]) -> None:
        def first(disk: Disk, *rest: Any) -> list[Entry]:
            before = dict(disk.pending)
            dropped = give_way(disk, *rest)
            after, disk.pending = disk.pending, before
            one._host.database.submit(lambda: disk.pending.update(after))
            return dropped

        give_way = merging.give_way
        with swap(merging, "give_way", first):
            commit(one, common, staged)

    return [swap(Follower, "_commit_reconcile", in_two)]


@mutant(
    "The loser forgets its set-aside changes as soon as it has sent them.",
    breaks="I3 I4",
    kinds="cut lossy flapping_line crash",
)
def set_aside_forgotten_when_sent() -> Iterable[Patch]:
    hand_in = merging.to_hand_in

    def once(disk: Disk) -> list[merging.Item]:
        items = hand_in(disk)
        for key, _ in items:
            del disk.pending[key]
        return items

    return [swap(merging, "to_hand_in", once)]


@mutant(
    "A set-aside change that arrives twice is listed twice.",
    breaks="I3 merge",
    kinds="cut lossy fast_restart",
)
def set_aside_listed_twice() -> Iterable[Patch]:
    numbers = itertools.count()

    def receive(
        change: Change, items: Iterable[merging.Item], splits: Mapping[str, Fields]
    ) -> None:
        take(change, (), splits)
        for key, item in items:
            change.save(aside.SET_ASIDE, f"{key}/{next(numbers)}", merging._new_row(item))

    take = merging.receive
    return [swap(merging, "receive", receive)]


@mutant(
    "What the list of set-aside changes gained during a split is not set aside again.",
    breaks="I3 I4",
    kinds="cut flapping_line",
)
def list_lost_in_second_split() -> Iterable[Patch]:
    kind = merging.lost_as

    def own_only(model: str, operation: str, source: str) -> Lost:
        found = kind(model, operation, source)
        return Lost.NOTHING if found is Lost.HEARD else found

    return [swap(merging, "lost_as", own_only)]


@mutant(
    "An OMM that becomes active forgets its own unsent set-aside changes.",
    breaks="I3 I4",
    kinds="cut flapping_line power_loss",
)
def own_set_aside_forgotten() -> Iterable[Patch]:
    def forget(disk: Disk, _change: Change) -> None:
        disk.pending.clear()
        disk.pending_splits.clear()

    return [swap(merging, "adopt", forget)]


@mutant(
    "An OMM that becomes active leaves its own unsent set-aside changes where they are.",
    breaks="I4",
    kinds="cut flapping_line power_loss",
)
def own_set_aside_not_adopted() -> Iterable[Patch]:
    return [swap(merging, "adopt", lambda *_: None)]


@mutant(
    "What a merge made is set aside like somebody's change.",
    breaks="merge",
    kinds="cut flapping_line",
)
def merges_set_aside() -> Iterable[Patch]:
    kind = merging.lost_as

    def all_of_them(model: str, operation: str, source: str) -> Lost:
        return kind(model, operation, "web" if source == MERGE else source)

    return [swap(merging, "lost_as", all_of_them)]


@mutant(
    "The merge sets fields that both sides changed.",
    breaks="I3",
    kinds="cut",
)
def conflict_merged() -> Iterable[Patch]:
    def overwrite(
        _base: Fields, _ours: Fields, wanted: Fields, _held: frozenset[str], _why: str
    ) -> Verdict:
        return Verdict(MERGED, Act.UPDATE, dict.fromkeys(wanted, MERGED), dict(wanted))

    return [swap(merge, "_fields", overwrite)]


@mutant(
    "The merge removes an object that the winner changed.",
    breaks="I3",
    kinds="cut",
)
def changed_object_removed() -> Iterable[Patch]:
    def remove(_base: Fields, ours: Fields | None, _passed: frozenset[str]) -> Verdict:
        return Verdict(MERGED, Act.NOTHING if ours is None else Act.DELETE)

    return [swap(merge, "_removal", remove)]


@mutant(
    "A conflict counts as merged and is not carried out: the change vanishes without a decision.",
    breaks="merge",
    kinds="cut",
)
def conflict_swallowed() -> Iterable[Patch]:
    judged = aside.judge

    def swallow(*asked: Any, **named: Any) -> Verdict:
        verdict = judged(*asked, **named)
        kept = dict.fromkeys(verdict.fields, MERGED)
        return replace(verdict, state=MERGED, fields=kept) if verdict.state != MERGED else verdict

    return [swap(aside, "judge", swallow)]


@mutant(
    "A merge judges again what a person had decided.",
    breaks="I3",
    kinds="cut flapping_line",
)
def decision_undone() -> Iterable[Patch]:
    def waiting(change: Change) -> list[tuple[str, Fields]]:
        found = [pair for pair in change.tables.of(aside.SET_ASIDE) if not pair[1]["decided_by"]]
        again = [pair for pair in change.tables.of(aside.SET_ASIDE) if pair[1]["decided_by"]]
        return [pair for pair in found if not pair[1]["judged"]] + again[:1]

    return [swap(merging, "waiting", waiting)]


@mutant(
    "The winner judges a transaction of which a part has not arrived.",
    breaks="merge",
    kinds="cut flapping_line",
)
def merge_before_arrival() -> Iterable[Patch]:
    return [swap(merging, "_has_arrived", lambda *_: True)]
