"""What a Member is told of its node, and what it asks the runtime to do."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from standby.domain.facts import Head, Role
from standby.domain.reconcile import Relation
from standby.domain.sentence import say
from standby.domain.view import Sip


@dataclass(frozen=True, slots=True)
class Facts:
    """What the runtime knows of its own node at this moment."""

    head: Head = field(default_factory=Head)
    acked_seq: int = 0
    relation: Relation = field(default_factory=Relation)
    healthy: bool = True
    health_text: str = ""
    sip: Sip = field(default_factory=Sip)
    rfps: int = 0
    maintenance: bool = False
    ever_synchronised: bool = False
    wrong_secret: bool = False
    wall: float = 0.0
    error_budget: bool = True


class Handover(StrEnum):
    """Why an active OMM gives its role away."""

    SWITCHOVER = "switchover"
    ERROR = "error"
    REBOOT = "reboot"
    SHUTDOWN = "shutdown"

    @property
    def leaves(self) -> bool:
        """The OMM stops afterwards, confirmed or not."""
        return self in (Handover.REBOOT, Handover.SHUTDOWN)


HANDOVER_WORDS = {
    Handover.SWITCHOVER: say("switchover"),
    Handover.ERROR: say("error"),
    Handover.REBOOT: say("reboot"),
    Handover.SHUTDOWN: say("shutdown"),
}
"""The kinds of hand-over as one word."""


@dataclass(frozen=True, slots=True)
class WriteTerm:
    """Write and sync the term; report with term_written before anything else is done."""

    term: int


@dataclass(frozen=True, slots=True)
class CloseFence:
    """Close the fence row in a transaction of its own; report with fence_closed."""


@dataclass(frozen=True, slots=True)
class OpenFence:
    """Open the fence row for this term; report with fence_opened."""

    term: int


@dataclass(frozen=True, slots=True)
class Beat:
    """Send a heartbeat at once on every path (``probe`` asks for an immediate answer)."""

    probe: bool = False


@dataclass(frozen=True, slots=True)
class Drain:
    """Throw away what waits in the sockets."""


@dataclass(frozen=True, slots=True)
class RoleChanged:
    """The role changed; everything about why."""

    old: Role
    new: Role
    term: int
    reason: str


@dataclass(frozen=True, slots=True)
class HandoverEnded:
    """A hand-over ended: done, or given up with the reason."""

    kind: Handover
    done: bool
    reason: str


@dataclass(frozen=True, slots=True)
class SplitSettled:
    """A split was decided here; ``won`` tells for which side."""

    won: bool
    reason: str


Effect = (
    WriteTerm | CloseFence | OpenFence | Beat | Drain | RoleChanged | HandoverEnded | SplitSettled
)
