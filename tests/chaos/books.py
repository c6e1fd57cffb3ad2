"""The book-keeper: every answer that an administrator got, against both final databases.

A change answered *safe* must be in the journal of both. One answered *unsafe* must be there too,
or be exactly one row of the set-aside list. What was refused must be nowhere.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.pair import Node

MARK = re.compile(r"w\d+x\d{6}z\d*")
SET_ASIDE = "standby.setaside"
CLASSES = {"open", "merged", "kept", "replaced"}
SHOWN = 10


@dataclass
class Ledger:
    """What one database holds."""

    hashes: dict[int, str] = field(default_factory=dict)
    there: set[str] = field(default_factory=set)
    """Marks of changes that the journal holds."""
    aside: Counter[str] = field(default_factory=Counter)
    """Marks of set-aside changes and how many rows each has."""
    classes: Counter[str] = field(default_factory=Counter)
    waiting: int = 0
    """Set-aside changes that are on their way or not judged yet."""
    tables: dict[str, list[Any]] = field(default_factory=dict)

    @property
    def head(self) -> int:
        return max(self.hashes, default=0)


def read(node: Node) -> Ledger:
    """A node's database as it is now; it may be in use."""
    database = node.data / "omm.sqlite3"
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=10) as line:
        line.execute("BEGIN")
        ledger = Ledger()
        for seq, digest, body in line.execute("SELECT seq, hash, body FROM standby_journalentry"):
            ledger.hashes[seq] = digest
            entry = json.loads(body)
            if entry["model"] != SET_ASIDE:
                ledger.there.update(marks(entry))
        rows = line.execute("SELECT state, body, judged_at FROM standby_setaside")
        for state, body, judged in rows:
            ledger.classes[state] += 1
            ledger.aside.update(set(marks(json.loads(body))))
            ledger.waiting += judged is None
        ledger.waiting += line.execute("SELECT count(*) FROM standby_pendingsetaside").fetchone()[0]
        for table in ("rfps_rfp", "rfps_site", "standby_setaside", "standby_split"):
            ledger.tables[table] = line.execute(f"SELECT * FROM {table} ORDER BY id").fetchall()
    line.close()
    return ledger


def marks(entry: dict[str, Any]) -> Iterator[str]:
    """What an entry of the journal did, as a writer names it."""
    if entry["operation"] == "delete":
        yield f"delete {entry['object']}"
    elif entry["operation"] in ("create", "update"):
        before = entry["before"] or {}
        for field_name, value in entry["after"].items():
            if isinstance(value, str) and value != before.get(field_name):
                yield from MARK.findall(value)


@dataclass
class Account:
    """What the book-keeper found."""

    writes: int = 0
    statuses: dict[str, int] = field(default_factory=dict)
    safe: int = 0
    """Changes that were answered safe; a list of base stations is as many changes."""
    unsafe: int = 0
    set_aside: int = 0
    classes: dict[str, int] = field(default_factory=dict)
    head: int = 0
    faults: list[str] = field(default_factory=list)
    slowest: float = 0.0
    """Seconds that an administrator waited for an answer, at most."""
    lost_safe: int = 0
    lost_unsafe: int = 0

    def fault(self, text: str) -> None:
        self.faults.append(text)


def lines(book: Path) -> list[dict[str, Any]]:
    """What the administrators wrote down."""
    return [json.loads(line) for line in book.read_text().splitlines()]


def settle(book: Path, one: Ledger, two: Ledger) -> Account:
    """Compare every answer with both databases."""
    account = Account(head=one.head, set_aside=sum(one.classes.values()))
    account.classes = dict(one.classes)
    _compare(account, one, two)
    for line in lines(book):
        account.writes += 1
        answer = f"{line['status']} {line['word']}".strip()
        account.statuses[answer] = account.statuses.get(answer, 0) + 1
        account.slowest = max(account.slowest, line["answered"] - line["sent"])
        for mark in line["marks"]:
            _settle_mark(account, line, mark, one, two)
    return account


def _compare(account: Account, one: Ledger, two: Ledger) -> None:
    if one.hashes != two.hashes:
        account.fault(f"the journals differ: they end at {one.head} and {two.head}")
    for name, rows in one.tables.items():
        if rows != two.tables[name]:
            account.fault(f"the tables {name} differ")
    for ledger in (one, two):
        if ledger.head != len(ledger.hashes):
            account.fault("a journal has gaps")
        if ledger.waiting:
            account.fault(f"{ledger.waiting} set-aside changes are in no class")
        if unknown := ledger.classes.keys() - CLASSES:
            account.fault(f"unknown classes: {unknown}")


def _settle_mark(
    account: Account, line: dict[str, Any], mark: str, one: Ledger, two: Ledger
) -> None:
    in_journals = mark in one.there and mark in two.there
    aside = one.aside[mark]
    told = (
        f"{line['method']} {line['path']} {mark} at {line['to']}, answered {line['answered']:.3f}"
    )
    if line["status"] // 100 == 2 and line["word"] == "safe":
        account.safe += 1
        if not in_journals:
            account.lost_safe += 1
            account.fault(f"safe, not in both journals, {aside} times set aside: {told}")
    elif line["status"] // 100 == 2:
        account.unsafe += 1
        if line["word"] != "unsafe":
            account.fault(f"neither safe nor unsafe: {told}")
        if not in_journals and aside != 1:
            account.lost_unsafe += 1
            account.fault(f"accepted, not in both journals, {aside} times set aside: {told}")
    elif line["status"] >= 300 and (mark in one.there or aside):
        account.fault(f"refused with {line['status']}, yet it is there: {told}")
    if aside > 1:
        account.fault(f"{aside} times set aside: {told}")
