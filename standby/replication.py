"""Is a change safe: has the peer applied and durably confirmed it?"""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings

from standby import gate, journal
from standby.journal import Receipt


@dataclass(frozen=True, slots=True)
class Outcome:
    """``seq`` is the journal entry that ``safe`` speaks about."""

    safe: bool
    seq: int

    @property
    def word(self) -> str:
        """The word that people and scripts read."""
        return "safe" if self.safe else "unsafe"


def outcome(receipt: Receipt | None) -> Outcome:
    """Wait at most REPLICATION_WAIT for the peer's confirmation of a change.

    Without a receipt (nothing altered) the journal's head is what the peer must have.
    """
    if receipt is None:
        head = journal.head()
        seq, digest = head.seq, head.hash
    else:
        seq, digest = receipt.seq, receipt.hash
    return Outcome(gate.wait_safe(seq, digest, settings.OMM.replication_wait), seq)
