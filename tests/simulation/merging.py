"""What lost a split, on its way into exactly one class: the product's rules on the rows in memory.

Each function is the work of one transaction of standby/journal/reconcile.py, set_aside.py and of
standby/merging.py, deciding.py; what is decided in them is standby.domain's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from standby.domain.aside import (
    CHOICES,
    REPLACE,
    SET_ASIDE,
    SPLIT,
    Lost,
    Refusal,
    decided,
    held_fields,
    lost_as,
    open_fields,
    original_of,
    replacing,
    settle,
    whole_transactions,
)
from standby.domain.merge import OPEN, VERSION, Act
from tests.simulation.disk import Disk, Pending
from tests.simulation.journal import Change, Entry, Fields, Refused, identity

if TYPE_CHECKING:
    from random import Random

AT_ONCE = 3
"""Transactions judged in one."""
HANDED = 5
"""Set-aside changes sent in one message: so few that they cut through transactions."""
Item = tuple[str, Pending]

# --- on the loser -------------------------------------------------------------------------------


def give_way(
    disk: Disk,
    common: int,
    winners: list[Entry],
    facts: Mapping[str, Any],
    look: Callable[[Disk], None],
) -> list[Entry]:
    """Keep the own suffix as set-aside changes and take the winner's; returns what was dropped.

    ``look`` is shown the disk as it was at ``common``.
    """
    split = f"{facts['loser']}/{common}/{disk.head.hash}"
    for entry in disk.entries[common:]:
        kind = lost_as(entry.model, entry.operation, entry.source)
        row = entry.after or {}
        if kind is Lost.SPLIT:
            disk.pending_splits.setdefault(entry.object, row)
        elif kind is Lost.HEARD:
            names = ("node", "term", "seq", "hash", "body", "split")
            kept = Pending(*(row[name] for name in names))
            disk.pending.setdefault(entry.object, kept)
        elif kind is Lost.CHANGE:
            own = Pending(entry.node, entry.term, entry.seq, entry.hash, entry.body, split)
            disk.pending.setdefault(entry.identity, own)
    dropped = disk.roll_back(common)
    look(disk)
    disk.apply(winners)
    lost = sum(kept.split == split for kept in disk.pending.values())
    if (SPLIT, split) not in disk.tables.rows:
        disk.pending_splits[split] = {**facts, "common": common, "loser_changes": lost}
    disk.acked = (disk.head.seq, disk.head.hash)
    return dropped


def to_hand_in(disk: Disk) -> list[Item]:
    """The oldest set-aside changes that were not sent."""
    waiting = [(key, row) for key, row in disk.pending.items() if not row.sent]
    return sorted(waiting, key=lambda item: (item[1].term, item[1].seq))[:HANDED]


def mark_sent(disk: Disk, ids: Iterable[str]) -> None:
    """The winner has these; they are dropped when its entries come back."""
    for key in ids:
        if key in disk.pending:
            disk.pending[key] = replace(disk.pending[key], sent=True)


def send_all_again(disk: Disk) -> None:
    """For a new connection, whose other side may have lost what was sent."""
    for key, row in disk.pending.items():
        disk.pending[key] = replace(row, sent=False)


# --- on the winner ------------------------------------------------------------------------------


def receive(change: Change, items: Iterable[Item], splits: Mapping[str, Fields]) -> None:
    """Take set-aside changes and splits into the list, new ones only."""
    for key, facts in splits.items():
        if (SPLIT, key) not in change.rows:
            change.save(SPLIT, key, dict(facts))
    for key, item in items:
        own = identity(item.node, item.term, item.seq, item.hash)
        if own == key and (SET_ASIDE, own) not in change.rows:
            change.save(SET_ASIDE, own, _new_row(item))


def _new_row(item: Pending) -> Fields:
    return {
        "node": item.node,
        "term": item.term,
        "seq": item.seq,
        "hash": item.hash,
        "body": item.body,
        "split": item.split,
        "object": item.body["object"],
        "state": OPEN,
        "judged": False,
        "fields": None,
        "decided_by": "",
    }


def adopt(disk: Disk, change: Change) -> None:
    """An OMM that became active takes what it had set aside into the list itself."""
    receive(change, list(disk.pending.items()), disk.pending_splits)
    disk.pending.clear()
    disk.pending_splits.clear()


def waiting(change: Change) -> list[tuple[str, Fields]]:
    """Set-aside changes that no merge has looked at, in order."""
    found = [pair for pair in change.tables.of(SET_ASIDE) if not pair[1]["judged"]]
    return sorted(found, key=lambda pair: (pair[1]["term"], pair[1]["seq"], pair[0]))


def merge_step(change: Change, disk: Disk) -> Counter[str]:
    """Judge some whole transactions; how many changes came into which class."""
    counts: Counter[str] = Counter()

    def transaction_of(pair: tuple[str, Fields]) -> tuple[str, str]:
        return pair[1]["node"], pair[1]["body"]["transaction"]

    def whole(last: list[tuple[str, Fields]]) -> list[tuple[str, Fields]] | None:
        return last if _has_arrived(change, last[0][1]["split"]) else None

    groups = whole_transactions(waiting(change), transaction_of, whole)
    for _, rows in zip(range(AT_ONCE), groups, strict=False):
        counts.update(_judge_transaction(change, disk, rows))
    return counts


def _has_arrived(change: Change, split: str | None) -> bool:
    found = change.rows.get((SPLIT, split or ""))
    here = sum(row["split"] == split for _, row in change.tables.of(SET_ASIDE))
    return found is None or here >= found["loser_changes"]


def _judge_transaction(change: Change, disk: Disk, rows: list[tuple[str, Fields]]) -> Counter[str]:
    change.begin_part(original_of(rows[0][1]["body"]))
    results = {}
    counts: Counter[str] = Counter()
    for key, row in rows:
        body = row["body"]
        target = body["model"], body["object"]
        verdict = settle(
            body,
            change.rows.get(target),
            held=_held(change, row),
            aside=frozenset(),
            waits=lambda _ours, _wanted: {},
            attempt=partial(_attempt, change, target),
            present=disk.hash_at(row["seq"]) == row["hash"],
        )
        fields = verdict.fields if verdict.state == OPEN and verdict.fields else None
        results[key] = {"state": verdict.state, "fields": fields, "judged": True}
        counts[verdict.state] += 1
    for key, result in results.items():
        change.save(SET_ASIDE, key, result)
    return counts


def _held(change: Change, row: Fields) -> frozenset[str]:
    """Fields of which an earlier change is open; those of the same transaction do not count."""
    earlier = (
        other["fields"]
        for _, other in change.tables.of(SET_ASIDE)
        if other["judged"] and other["state"] == OPEN and other["object"] == row["object"]
    )
    return held_fields(earlier)


def _attempt(change: Change, target: tuple[str, str], act: Act, write: Fields) -> Refusal | None:
    try:
        with change.attempt():
            carry_out(change, target, act, write)
    except Refused as refused:
        return Refusal(str(refused), refused.fields)
    return None


def carry_out(change: Change, target: tuple[str, str], act: Act, write: Fields) -> None:
    if act is Act.DELETE:
        change.delete(*target)
    else:
        change.save(*target, {name: value for name, value in write.items() if name != VERSION})


# --- what a person decides ----------------------------------------------------------------------


def decide(change: Change, disk: Disk, random: Random, actor: str) -> str:
    """Somebody keeps or replaces something open, all of it or one field; which one."""
    rows = [
        pair
        for pair in change.tables.of(SET_ASIDE)
        if pair[1]["judged"] and pair[1]["state"] == OPEN
    ]
    if not rows:
        return ""
    key, row = random.choice(rows)
    choice = random.choice(list(CHOICES))
    left = sorted(open_fields(row["fields"]))
    chosen = {random.choice(left)} if left and random.random() < 0.5 else set(left)
    if choice == REPLACE:
        body = row["body"]
        target = body["model"], body["object"]
        act, write = replacing(
            body,
            change.rows.get(target),
            chosen,
            frozenset(),
            partial(_as_removed, disk, target),
        )
        carry_out(change, target, act, write)
    fields, state = decided(row["fields"], chosen, choice)
    change.save(SET_ASIDE, key, {"fields": fields, "state": state, "decided_by": actor})
    return key


def _as_removed(disk: Disk, target: tuple[str, str]) -> Fields:
    for entry in reversed(disk.entries):
        if (entry.model, entry.object) == target and entry.operation == "delete":
            return {name: value for name, value in (entry.before or {}).items() if name != VERSION}
    raise Refused("the object is not here any more")


def unaccounted(disk: Disk) -> int:
    """Changes that losers set aside and that are in no class here."""
    rows = disk.tables.rows
    splits = {key: row["loser_changes"] for (model, key), row in rows.items() if model == SPLIT}
    here = sum(
        1 for (model, _), row in rows.items() if model == SET_ASIDE and row["split"] in splits
    )
    return sum(splits.values()) - here
