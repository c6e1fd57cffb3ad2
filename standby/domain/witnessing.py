"""What one OMM knows of its witnesses, and what follows for its gate (policy ``witness``).

The policy holds while it is *armed*: a quorum of the witnesses answered one of the two OMMs a
moment before contact was lost. Then an OMM that is alone may only be active, and only accept
changes, with the witnesses' right (see ``witness``). Were the witnesses silent for both before
that, the default policy holds: an OMM cannot wait for somebody who is not there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from standby.domain.contact import Timing
from standby.domain.witness import LEASE_BEATS, Answer, Ask, lease_life, lease_patience

DISARM_TIMEOUTS = 3
"""Contact timeouts without a witness, in contact, after which the default policy holds."""
UNREACHABLE_AFTER = 3.0
"""Seconds without an answer after which a witness is reported."""
EAGER, RELUCTANT = 0.75, 0.375
"""Share of the time in which an OMM that wants the right of several witnesses asks for it."""
NEVER = float("-inf")


@dataclass(slots=True)
class Witness:
    """One witness as this OMM knows it; times are this OMM's boot-time clock."""

    address: str
    boot: str
    asked_at: float = NEVER
    """When the last question that was answered was sent."""
    granted_at: float = NEVER
    """The same for the last one that was granted."""
    last: Answer | None = None
    _counter: int = 0
    _gave_back: int = 0
    _sent: dict[int, float] = field(default_factory=dict)

    def next_counter(self, now: float, patience: float, *, claims: bool) -> int:
        """The counter of a question that is sent now; without a claim it gives the right back."""
        self._counter += 1
        self._sent[self._counter] = now
        for old in [counter for counter, at in self._sent.items() if now - at > patience]:
            del self._sent[old]
        if not claims:
            self._gave_back, self.granted_at = self._counter, NEVER
        return self._counter

    def hear(self, answer: Answer) -> bool:
        """Take in an authenticated answer; False for a copy or a recording."""
        if answer.echo_boot != self.boot:
            return False
        sent_at = self._sent.pop(answer.echo_counter, None)
        if sent_at is None:
            return False
        if sent_at >= self.asked_at:
            self.asked_at, self.last = sent_at, answer
        if answer.granted and answer.echo_counter > self._gave_back:
            self.granted_at = max(self.granted_at, sent_at)
        return True


@dataclass(frozen=True, slots=True)
class WitnessView:
    """What the rules may know; the default: no witness is configured.

    ``gives_up_at``: when this OMM, active and alone, steps down; ``taken``: a witness says that
    the right is the other one's; ``granted``: the witnesses lent it the right to take over;
    ``hears_peer``: a witness that hears the other OMM as the active one.
    """

    armed: bool = False
    gives_up_at: float = NEVER
    taken: bool = False
    granted: bool = False
    answering: bool = False
    waived: bool = False
    patient_until: float = 0.0
    peer_dead_until: float = NEVER
    hears_peer: str = ""


NO_WITNESS: Final = WitnessView()


@dataclass(slots=True)
class Witnessing:
    """All witnesses of one OMM; none: the policy is off. Driven by Member."""

    addresses: Sequence[str]
    boot: str
    eager: bool = True
    armed: bool = False
    waived: bool = False
    """An administrator forced this reign: it needs no witness until one agrees."""
    peer_dead_until: float = NEVER
    witnesses: list[Witness] = field(init=False)
    wants_since: float | None = None
    _told_at: float = NEVER

    def __post_init__(self) -> None:
        self.witnesses = [
            Witness(address, f"{self.boot}-{number}")
            for number, address in enumerate(self.addresses)
        ]

    @property
    def configured(self) -> bool:
        """The policy is ``witness``."""
        return bool(self.witnesses)

    @property
    def quorum(self) -> int:
        """How many must agree: more than half, so that two OMMs never both find enough."""
        return len(self.witnesses) // 2 + 1

    # --- asking ---------------------------------------------------------------------------------

    def ask(
        self, number: int, node: str, address: str, timing: Timing, now: float, *, active: bool
    ) -> Ask:
        """The next question to one witness, which is sent now."""
        witness, patience = self.witnesses[number], lease_patience(timing)
        last = witness.last
        wants = not active and self._insists(now, timing)
        return Ask(
            node=node,
            address=address,
            boot=witness.boot,
            counter=witness.next_counter(now, patience, claims=active or wants),
            echo_boot=last.boot if last is not None else "",
            echo_counter=last.counter if last is not None else 0,
            active=active,
            wants=wants,
            holding=self.holds(now, timing),
            patience=patience,
        )

    def _insists(self, now: float, timing: Timing) -> bool:
        """Of several witnesses each of two OMMs could hold some for ever: so both rest at times,
        the one with the higher address longer.
        """
        if self.wants_since is None or len(self.witnesses) == 1:
            return self.wants_since is not None
        period = 4 * timing.contact_timeout
        return (now - self.wants_since) % period < period * (EAGER if self.eager else RELUCTANT)

    def wish(self, now: float, *, wants: bool) -> None:
        """Whether this OMM, which is not active, would take over now."""
        if not wants:
            self.wants_since = None
        elif self.wants_since is None:
            self.wants_since = now

    # --- knowing --------------------------------------------------------------------------------

    @property
    def _granted_at(self) -> float:
        """When the oldest question was sent that makes up the newest quorum."""
        newest = sorted((each.granted_at for each in self.witnesses), reverse=True)
        return newest[self.quorum - 1] if newest else NEVER

    def answers(self, now: float, timing: Timing) -> bool:
        """A quorum of the witnesses answers this OMM."""
        return self.configured and len(self._fresh(now, timing)) >= self.quorum

    def _fresh(self, now: float, timing: Timing) -> list[Witness]:
        """The witnesses that have just answered."""
        return [each for each in self.witnesses if now - each.asked_at <= timing.contact_timeout]

    def holds(self, now: float, timing: Timing) -> bool:
        """The witnesses' right to be active is this OMM's now."""
        return now < self._granted_at + lease_life(timing)

    def follow(
        self, now: float, timing: Timing, *, peer: bool | None, in_contact: bool, active: bool
    ) -> None:
        """Once a step. ``peer``: whether the other OMM has a quorum; None: it asks no witness."""
        if not self.configured:
            return
        timeout = timing.contact_timeout
        granted = self.holds(now, timing)
        self.waived = self.waived and active and not (in_contact or granted)
        mine = self.answers(now, timing)
        if in_contact and peer is None:
            self.armed = False
        elif (mine and (in_contact or granted or not active)) or (in_contact and peer):
            self.armed, self._told_at = True, now
        elif not in_contact:
            self._told_at = max(self._told_at, now - (DISARM_TIMEOUTS - 1) * timeout)
        elif now - self._told_at > DISARM_TIMEOUTS * timeout:
            self.armed = False

    def lease_until(self, proved_at: float, timing: Timing) -> float:
        """Until when an active OMM may accept changes. ``proved_at``: when the last statement was
        sent that the other OMM has heard.
        """
        if not self.armed or self.waived:
            return float("inf")
        latest = max(self._granted_at, proved_at)
        return max(latest + lease_life(timing), self.peer_dead_until)

    def view(self, now: float, timing: Timing, proved_at: float, echoed_at: float) -> WitnessView:
        """``echoed_at``: when the last statement of the other OMM came that this one repeats."""
        if not self.configured:
            return NO_WITNESS
        since = self.wants_since
        return WitnessView(
            armed=self.armed,
            gives_up_at=self.lease_until(proved_at, timing) + LEASE_BEATS * timing.interval,
            taken=any(each.last.taken for each in self._fresh(now, timing) if each.last),
            granted=self.holds(now, timing) and since is not None and self._granted_at >= since,
            answering=self.answers(now, timing),
            waived=self.waived,
            patient_until=echoed_at + lease_patience(timing),
            peer_dead_until=self.peer_dead_until,
            hears_peer=self._hears_peer(now, timing),
        )

    def _hears_peer(self, now: float, timing: Timing) -> str:
        for each in self._fresh(now, timing):
            answer = each.last
            if answer is None or answer.peer_age is None or not answer.peer_active:
                continue
            if answer.peer_age < lease_patience(timing):
                return each.address
        return ""
