"""Keeping the role lease: the runtime's word to the other processes of the node."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from standby.lease import BEATS_VALID, Lease, LeaseWriter

if TYPE_CHECKING:
    from standby.runtime.core import PairRuntime

HEARING_TIME = 0.01
"""Seconds in which the loop takes in what waits in its sockets after it stood still."""


class LeaseKeeper:
    """Writes the lease as the runtime's state is."""

    def __init__(self, runtime: PairRuntime) -> None:
        self._runtime = runtime
        self._writer = LeaseWriter(runtime.config.lease_path)
        self._renewed_at = runtime.clock()
        self._hearing_first = False
        self._life = BEATS_VALID * runtime.config.timing.interval

    def close(self) -> None:
        """End the lease at once."""
        self._writer.close()

    def renew(self) -> None:
        """Write the lease as things are now.

        An open gate whose lease has run out stays shut until what waits in the sockets was heard:
        the other OMM may have become active meanwhile.
        """
        runtime, now = self._runtime, self._runtime.clock()
        if self._hearing_first:
            return
        if runtime.member.gate_open and now - self._renewed_at >= self._life:
            self._hearing_first = True
            asyncio.get_running_loop().call_later(HEARING_TIME, self._heard_first)
            return
        self._renewed_at = now
        self._writer.write(self._state(now))

    def _state(self, now: float) -> Lease:
        runtime, member = self._runtime, self._runtime.member
        return Lease(
            role=member.role,
            term=member.term,
            gate_open=member.gate_open,
            rfp_open=member.rfp_open,
            node_boot=runtime.config.boot,
            role_since=member.role_since,
            renewed_at=now,
            acked_seq=runtime.acked[0],
            acked_hash=runtime.acked[1],
            peer_in_contact=member.in_contact,
            document=runtime.documents.encoded(),
        )

    def _heard_first(self) -> None:
        self._hearing_first = False
        self._renewed_at = self._runtime.clock()
        self._runtime.step()
        self.renew()
