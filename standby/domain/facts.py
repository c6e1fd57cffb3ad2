"""Words of the pair, as plain values: roles, reigns, heads, heartbeats.

Times are seconds of the boot-time clock (it counts suspension); wall time is never decisive.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from standby.domain.sentence import say

EMPTY_HASH = "0" * 64


class Role(StrEnum):
    """The four states an OMM shows."""

    STARTING = "starting"
    STANDBY = "standby"
    ACTIVE = "active"
    FAILED = "failed"


ROLE_WORDS = {
    Role.STARTING: say("starting"),
    Role.STANDBY: say("standby"),
    Role.ACTIVE: say("active"),
    Role.FAILED: say("failed"),
}
"""The roles within a sentence."""


class SplitPolicy(StrEnum):
    """Who stays active when contact returns after a split (manual 7.15, older state figures)."""

    LONGEST_ACTIVE = "longest_active"
    MOST_RFPS = "most_rfps"


@dataclass(frozen=True, slots=True)
class Head:
    """The end of a journal.

    ``real`` is False while the journal holds nothing but a pair's beginnings.
    """

    seq: int = 0
    hash: str = EMPTY_HASH
    term: int = 0
    lineage: str = ""
    real: bool = False


@dataclass(frozen=True, slots=True)
class Claim:
    """What one side of a split puts forward, frozen when contact returns.

    ``noticed`` is False for an OMM that never lost contact itself: it stood still.
    """

    term: int
    active_for: float
    rfps: int
    policy: SplitPolicy
    acked_suffix: bool
    noticed: bool = True


@dataclass(frozen=True, slots=True)
class Offer:
    """An active OMM's offer of its role: who shall take over, in which term."""

    successor: str
    term: int


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """One authenticated statement of an OMM about itself.

    ``counter`` grows by one with every statement of a boot; ``echo_boot`` and ``echo_counter``
    repeat the last statement heard from the receiver and so prove that this one is fresh.
    ``hears`` is the sender's own verdict of hearing the receiver. ``witness`` tells whether a
    quorum of the witnesses answers the sender; None: it asks none.
    """

    node: str
    address: str
    peer_address: str
    boot: str
    counter: int
    echo_boot: str
    echo_counter: int
    hears: bool
    role: Role
    gate_open: bool
    term: int
    head: Head
    acked_seq: int = 0
    healthy: bool = True
    sip_ok: bool | None = None
    yields: bool = False
    barred: bool = False
    rfps: int = 0
    claim: Claim | None = None
    offer: Offer | None = None
    probe: bool = False
    contact_timeout: float = 1.0
    wall: float = 0.0
    version: str = ""
    policy: SplitPolicy | None = None
    witness: bool | None = None
    secret: str = ""
    """The name of the pair secret that it holds as the present one."""
