"""What one OMM knows at one moment, and what a rule may answer. Plain values only."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache

from standby.domain.contact import HEARS, Evidence, Hearing, Timing
from standby.domain.facts import Claim, Head, Heartbeat, Role, SplitPolicy
from standby.domain.reconcile import Relation
from standby.domain.witnessing import WitnessView

FRESH_BEATS = 3.5
"""What the peer agreed to counts for so many beats."""


class Action(StrEnum):
    """What a decision asks for."""

    HOLD = "hold"
    BECOME_ACTIVE = "become_active"
    BECOME_STANDBY = "become_standby"
    BECOME_FAILED = "become_failed"
    START_OVER = "start_over"
    CLAIM = "claim"
    WIN = "win"
    HAND_OVER = "hand_over"


@dataclass(frozen=True, slots=True)
class Decision:
    """An action and the one sentence that explains it; ``term`` only where one is offered;
    ``wants``: it would take over with the witnesses' right.
    """

    action: Action
    reason: str
    yields: bool = False
    term: int = 0
    wants: bool = False


@dataclass(frozen=True, slots=True)
class Sip:
    """Answers of the SIP proxy or registrar; times are boot time.

    ``answered_at``: when the last answer came; ``answered_probe_at``: when the probe that it
    answers was sent; ``lost``: three probes in a row without any answer; ``known``: an answer or
    three failures have been seen.
    """

    configured: bool = False
    answered_at: float | None = None
    answered_probe_at: float | None = None
    lost: bool = False
    known: bool = True

    @property
    def ok(self) -> bool | None:
        """None: none configured; True: reachable; False: not, or not yet known."""
        if not self.configured:
            return None
        return self.answered_at is not None and not self.lost


@dataclass(frozen=True, slots=True)
class View:
    """All that one OMM knows at one moment.

    ``noticed``: this active OMM lost contact itself since it was last in contact with a standby;
    ``looking_since``: when it began to look for its peer (start, freeze, rule 3);
    ``met``: since then it was in contact or active, so that a silence means something;
    ``error_rests``: a hand-over for an error was cancelled a moment ago;
    ``unled_since``: since when it has been in contact while nobody was active.
    """

    now: float
    timing: Timing
    node: str
    address: str
    peer_configured: bool
    role: Role
    role_since: float
    term: int
    head: Head
    acked_seq: int
    relation: Relation
    healthy: bool
    health_text: str
    sip: Sip
    hearing: Hearing
    evidence: Evidence
    heard_at: float | None
    lost_at: float | None
    peer: Heartbeat | None
    noticed: bool
    forced: bool
    barred: bool
    claim: Claim | None
    peer_restarted: bool
    both_active_since: float | None
    unled_since: float | None
    looking_since: float
    met: bool
    wait_until: float
    thawing: bool
    ever_synchronised: bool
    wrong_secret: bool
    maintenance: bool
    policy: SplitPolicy
    error_budget: bool = True
    error_rests: bool = False
    witness: WitnessView = field(default_factory=WitnessView)

    @property
    def in_contact(self) -> bool:
        """Each OMM hears the other."""
        return self.peer is not None and self.hearing in HEARS and self.peer.hears

    @property
    def peer_active(self) -> bool:
        """The peer is heard as active."""
        return self.in_contact and self.peer is not None and self.peer.role is Role.ACTIVE

    @property
    def just_heard(self) -> bool:
        """What the peer agreed to is not from before a silence or a pause."""
        fresh = FRESH_BEATS * self.timing.interval
        return self.heard_at is not None and self.now - self.heard_at < fresh

    def speaking_peer(self) -> Heartbeat:
        """The last statement of a peer in contact (only call when in contact)."""
        if self.peer is None:
            raise ValueError("no peer has been heard")
        return self.peer


@lru_cache(maxsize=64)
def address_order(address: str) -> tuple[int, int]:
    """Sort key of IP addresses as numbers: 10.0.0.9 is lower than 10.0.0.10."""
    parsed = ipaddress.ip_address(address)
    return (parsed.version, int(parsed))


def hold(reason: str = "") -> Decision:
    """Everything stays as it is; an empty reason leaves the last one standing."""
    return Decision(Action.HOLD, reason)


def become(view: View, role: Role, reason: str) -> Decision:
    """Take a role other than active, if it is not taken yet."""
    if view.role is role:
        return hold(reason)
    action = Action.BECOME_FAILED if role is Role.FAILED else Action.BECOME_STANDBY
    return Decision(action, reason)
