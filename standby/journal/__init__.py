"""The journal: every change of the configuration, in order, with a hash chained over it.

From it come replication, the proof of synchronisation, the change log and the repair after a
split. Registered rows are written only through ``change()``; the pair runtime uses the rest.
"""

from standby.domain.facts import Head
from standby.journal import registry
from standby.journal.apply import apply
from standby.journal.change import Change, Receipt, change
from standby.journal.digest import digest_at_head, table_digest, table_layout
from standby.journal.entries import Batch, Entry, WireEntry, parse
from standby.journal.errors import (
    BadEntry,
    BadTransfer,
    BadValue,
    Busy,
    ChainBroken,
    Diverged,
    FenceIsOpen,
    ForeignJournal,
    JournalError,
    UnjournalledWrite,
    UnknownModelOrField,
)
from standby.journal.fence import fence_close, fence_open
from standby.journal.reconcile import SplitFacts, reconcile
from standby.journal.registry import BackupRules, Rules, register
from standby.journal.rollback import discard_all, roll_back
from standby.journal.set_aside import (
    adopt_pending,
    mark_sent,
    note_split,
    pending_count,
    pending_set_aside,
    pending_splits,
    receive_set_aside,
    resend_set_aside,
    set_aside_id,
    split_id,
)
from standby.journal.snapshot import (
    install_snapshot,
    pack_entries,
    snapshot_parts,
    suffix_parts,
)
from standby.journal.staging import discard_transfers, stage_part, staged_end, staged_parts
from standby.journal.store import (
    acked,
    batch_from_message,
    batch_to_message,
    fence,
    hash_at,
    hashes,
    head,
    mark_acked,
    read_batch,
    readable,
)

__all__ = [
    "BackupRules",
    "BadEntry",
    "BadTransfer",
    "BadValue",
    "Batch",
    "Busy",
    "ChainBroken",
    "Change",
    "Diverged",
    "Entry",
    "FenceIsOpen",
    "ForeignJournal",
    "Head",
    "JournalError",
    "Receipt",
    "Rules",
    "SplitFacts",
    "UnjournalledWrite",
    "UnknownModelOrField",
    "WireEntry",
    "acked",
    "adopt_pending",
    "apply",
    "batch_from_message",
    "batch_to_message",
    "change",
    "digest_at_head",
    "discard_all",
    "discard_transfers",
    "fence",
    "fence_close",
    "fence_open",
    "hash_at",
    "hashes",
    "head",
    "install_snapshot",
    "mark_acked",
    "mark_sent",
    "note_split",
    "pack_entries",
    "parse",
    "pending_count",
    "pending_set_aside",
    "pending_splits",
    "read_batch",
    "readable",
    "receive_set_aside",
    "reconcile",
    "register",
    "registry",
    "resend_set_aside",
    "roll_back",
    "set_aside_id",
    "snapshot_parts",
    "split_id",
    "stage_part",
    "staged_end",
    "staged_parts",
    "suffix_parts",
    "table_digest",
    "table_layout",
]
