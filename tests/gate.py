"""A real role lease for tests, kept fresh by a thread as the pair runtime does."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from standby import journal
from standby.domain.facts import EMPTY_HASH, Role
from standby.lease import Lease, LeaseWriter, boot_time

RENEWAL = 0.2


@dataclass
class OpenGate:
    """The lease of an active OMM and its fence; change what it says with ``say()``."""

    writer: LeaseWriter
    lease: Lease

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._renew, daemon=True)

    def start(self) -> None:
        self.say()
        self._thread.start()

    def say(self, **changes: Any) -> None:
        """Write the lease at once, with some of its fields changed."""
        with self._lock:
            self.lease = replace(self.lease, **changes, renewed_at=boot_time())
            self.writer.write(self.lease)

    def shut(self) -> None:
        """Close the gate in the lease and, in a transaction of its own, the fence."""
        self.say(gate_open=False)
        journal.fence_close()

    def open(self, term: int | None = None) -> None:
        """Open both again, in a later term when one is given."""
        journal.fence_open(term or self.lease.term)
        self.say(gate_open=True, role=Role.ACTIVE, term=term or self.lease.term)

    def stop(self) -> None:
        self._over.set()
        self._thread.join()
        self.writer.close()

    def _renew(self) -> None:
        while not self._over.wait(RENEWAL):
            self.say()


def open_gate_at(path: Path, *, term: int = 1) -> OpenGate:
    """A started lease of an active OMM without a peer; the fence is not touched."""
    lease = Lease(
        role=Role.ACTIVE,
        term=term,
        gate_open=True,
        rfp_open=True,
        node_boot="test",
        role_since=boot_time(),
        renewed_at=boot_time(),
        acked_seq=0,
        acked_hash=EMPTY_HASH,
        peer_in_contact=False,
        document=b"{}",
    )
    gate = OpenGate(LeaseWriter(path), lease)
    gate.start()
    return gate
