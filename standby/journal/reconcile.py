"""After a split: the losing side keeps what it had done, and follows the winner.

Everything happens in one transaction, so a crash at any moment leaves either the state before it
(the staged parts are still there, and it is done again) or the state after it.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.conf import settings
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from standby.domain.accounting import digest_of
from standby.domain.facts import Head
from standby.domain.sentence import pack
from standby.journal import guard, staging, store
from standby.journal.apply import Applier
from standby.journal.canonical import time_text
from standby.journal.copies import keep_copy
from standby.journal.database import (
    ALIAS,
    read_head,
    require_closed_fence,
    write_transaction,
)
from standby.journal.entries import Entry, check_sequence, follow, parse
from standby.journal.errors import BadTransfer, ForeignJournal
from standby.journal.rollback import roll_back_in
from standby.journal.set_aside import lost_by, remember, split_id
from standby.journal.snapshot import install_in, is_snapshot
from standby.models import PendingSplit, Split


@dataclass(frozen=True, slots=True)
class SplitFacts:
    """What the loser knows of a split: the OMMs' addresses, times, and why the winner won.

    ``until`` is the winner's last entry that the loser heard of when it followed.
    """

    winner: str
    loser: str
    term: int
    ended_at: dt.datetime
    began_at: dt.datetime | None = None
    reason: str = ""
    until: int = 0

    def packed(self, common: int, lost: Sequence[str] = (), copy: str = "") -> dict[str, Any]:
        """As the winner takes it: the row of Split, with ``until``. ``lost`` names the changes."""
        return {
            "winner": self.winner,
            "loser": self.loser,
            "term": self.term,
            "began_at": time_text(self.began_at) if self.began_at else None,
            "ended_at": time_text(self.ended_at),
            "reason": pack({"text": self.reason}) if self.reason else None,
            "common": common,
            "loser_changes": len(lost),
            "digest": digest_of(lost),
            "copy": copy,
            "until": self.until,
        }


def reconcile(
    common_seq: int,
    transfer: str,
    *,
    facts: SplitFacts | None = None,
    other_lineage: bool = False,
    using: str = ALIAS,
) -> Head:
    """Replace the own entries after ``common_seq`` by the winner's; returns the new end.

    The own ones become pending set-aside changes. ``transfer`` names the staged winner's part:
    either its entries after ``common_seq`` or a snapshot. ``facts`` are kept with them for the
    report. A journal without a common entry is
    another pair's: only ``other_lineage`` (an administrator's choice) gives it up.
    Raises BadTransfer, ChainBroken, UnknownModelOrField, ForeignJournal, FenceIsOpen, Diverged;
    nothing was done then.
    """
    head = read_head(connections[using])
    copy = keep_copy(head, using=using) if head.seq > common_seq and head.real else None
    with write_transaction(using) as connection, guard.lifted(connection):
        head = read_head(connection, lock=True)
        require_closed_fence(connection)
        if common_seq == 0 and head.real and not other_lineage:
            raise ForeignJournal("the two journals have nothing in common")
        split = split_id(settings.OMM.address, common_seq, head.hash)
        remember(connection, _suffix(connection, common_seq), split)
        first = next((entry.at for entry in _suffix(connection, common_seq)), None)
        head = _follow_winner(connection, head, transfer, common_seq)
        if facts is not None:
            # The process that noticed the split may have ended since: then the first change tells.
            whole = replace(facts, began_at=facts.began_at or first)
            name = copy.name if copy is not None else ""
            lost = lost_by(connection, split)
            _keep_facts(connection, split, whole.packed(common_seq, lost, name))
        return head


def _follow_winner(connection: BaseDatabaseWrapper, head: Head, transfer: str, common: int) -> Head:
    if is_snapshot(connection, transfer):
        return _follow_snapshot(connection, transfer, common)
    head = _apply_suffix(connection, roll_back_in(connection, head, common), transfer)
    store.set_mark(connection, head.seq, head.hash)
    staging.forget_transfers(connection)
    return head


def _keep_facts(connection: BaseDatabaseWrapper, split: uuid.UUID, packed: dict[str, Any]) -> None:
    """For the report, unless the winner's journal tells of this split already."""
    if not Split.objects.using(connection.alias).filter(pk=split).exists():
        rows = PendingSplit.objects.using(connection.alias)
        rows.update_or_create(pk=split, defaults={"facts": packed})


def _suffix(connection: BaseDatabaseWrapper, common: int) -> Iterator[Entry]:
    return (parse(wire) for _, wire in store.entries_after(connection, common))


def _follow_snapshot(connection: BaseDatabaseWrapper, transfer: str, common: int) -> Head:
    """The snapshot replaces all rows: nothing to roll back, but the common part must be in it."""
    digest = store.hash_in(connection, common)
    if digest is None:
        raise BadTransfer(f"there is no entry {common}")
    if store.acked_in(connection)[0] > common:
        store.set_mark(connection, common, digest)
    return install_in(connection, transfer, (common, digest))


def _apply_suffix(connection: BaseDatabaseWrapper, head: Head, transfer: str) -> Head:
    """Apply the staged entries behind ``head``; they must end with a whole transaction."""
    applier = Applier(connection, head)
    last: Entry | None = None
    end: tuple[int, str] | None = None
    for count, part in enumerate(staging.parts(connection, transfer)):
        if end is not None:
            raise BadTransfer("a part after the end of a transfer")
        if part["kind"] == "end":
            end = (part.get("seq", -1), part.get("hash", ""))
            if part.get("parts") != count:
                raise BadTransfer("the transfer is not complete")
            continue
        for entry in follow(
            store.wire_entries(part.get("entries")), applier.head.seq, applier.head.hash
        ):
            check_sequence(last, entry)
            applier.feed([entry])
            last = entry
    if last is not None and not last.is_last:
        raise BadTransfer("the transfer ends inside a transaction")
    new = applier.finish()
    if end is not None and end != (new.seq, new.hash):
        raise BadTransfer("the transfer does not end where it should")
    return new
