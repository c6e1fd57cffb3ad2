"""Which statements prove that the peer is there, and which prove nothing (a recording, a copy)."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace

from standby.domain.contact import PROBE_TIME, Contact, Evidence, Timing
from standby.domain.facts import Heartbeat

BOOTS_REMEMBERED = 8


@dataclass(slots=True)
class Ear:
    """What one boot of an OMM has heard from its peer; every ``now`` is boot time.

    ``peer`` is the last statement that was proved fresh: it echoed a counter of this boot that was
    sent less than the contact timeout ago. ``hears`` of it is False once contact is lost.
    """

    boot: str
    timing: Timing
    contact: Contact = field(init=False)
    peer: Heartbeat | None = None
    successor_of: Heartbeat | None = None
    """The last statement of the peer's boot before, when a restart was noticed; take it once."""
    counter: int = 0
    proved_at: float = float("-inf")
    """When the last own statement was sent that the peer has heard and answered."""
    echoed_at: float = float("-inf")
    """When the last statement of the peer came that this OMM repeats, fresh or not."""
    _own_timeout: float = field(init=False)
    _sent: dict[int, float] = field(default_factory=dict)
    _echo: tuple[str, int] = ("", 0)
    _greeting: tuple[str, int] | None = None
    _gone: deque[str] = field(default_factory=lambda: deque(maxlen=BOOTS_REMEMBERED))
    _deaf_until: float = float("-inf")

    def __post_init__(self) -> None:
        self.contact = Contact(self.timing)
        self._own_timeout = self.timing.contact_timeout

    @property
    def in_contact(self) -> bool:
        """Each OMM hears the other."""
        return self.peer is not None and self.peer.hears and self.contact.hears

    # --- speaking -------------------------------------------------------------------------------

    def next_counter(self, now: float) -> int:
        """The counter of the next statement, which is sent now."""
        self.counter += 1
        self._sent[self.counter] = now
        patience = self.timing.contact_timeout
        for old in [counter for counter, at in self._sent.items() if now - at > patience]:
            del self._sent[old]
        return self.counter

    def take_echo(self) -> tuple[str, int]:
        """Boot and counter to repeat. A boot that is not proved yet is answered once."""
        greeting, self._greeting = self._greeting, None
        return greeting or self._echo

    # --- hearing --------------------------------------------------------------------------------

    def hear(self, statement: Heartbeat, now: float) -> bool:
        """Take in an authenticated statement; True when it wants an immediate answer.

        Of several paths the first copy counts. A statement of a boot that a later one followed,
        or of one whose host just refused connections, is a straggler.
        """
        if statement.boot in self._gone or self._is_straggler(statement, now):
            return False
        boot, counter = self._echo
        if statement.boot == boot and statement.counter <= counter:
            return False
        if not self.proves(statement, now):
            return self._meet(statement, now)
        self._note_restart(statement)
        self.peer = statement
        self._echo, self.echoed_at = (statement.boot, statement.counter), now
        if statement.hears:
            self.proved_at = max(self.proved_at, self._sent[statement.echo_counter])
        self.contact.heard(now)
        self._agree(statement.contact_timeout)
        return statement.probe or not statement.hears

    def _is_straggler(self, statement: Heartbeat, now: float) -> bool:
        known = self.peer
        return now < self._deaf_until and known is not None and known.boot == statement.boot

    def proves(self, statement: Heartbeat, now: float) -> bool:
        """It echoes what this boot said a moment ago, so it is no recording."""
        if statement.echo_boot != self.boot:
            return False
        sent_at = self._sent.get(statement.echo_counter)
        return sent_at is not None and now - sent_at <= self.timing.contact_timeout

    def _meet(self, statement: Heartbeat, now: float) -> bool:
        """Not proved fresh: repeat its counter so that the next statement can be."""
        self.echoed_at = now
        heard = self.contact.hears and self.peer is not None
        if heard and self.peer is not None and self.peer.boot != statement.boot:
            self._greeting = (statement.boot, statement.counter)
            return True
        self._echo = (statement.boot, statement.counter)
        return statement.probe if heard else True

    def _note_restart(self, statement: Heartbeat) -> None:
        known = self.peer
        if known is None or known.boot == statement.boot:
            return
        self._gone.append(known.boot)
        if self.contact.hears:
            self.successor_of = known

    def _agree(self, timeout: float) -> None:
        """If the nodes' contact timeouts differ, both use the larger."""
        agreed = max(self._own_timeout, timeout)
        if agreed != self.timing.contact_timeout:
            self.timing = replace(self.timing, contact_timeout=agreed)
            self.contact.use(self.timing)

    # --- losing contact -------------------------------------------------------------------------

    def refused(self, now: float) -> None:
        """The peer's process is dead on a live host; what it sent before is still on its way."""
        self.contact.lose(Evidence.REFUSED, now)
        self._deaf_until = now + PROBE_TIME
        self.unheard()

    def unheard(self) -> None:
        """Whatever the peer said last, it does not prove that it hears this OMM now."""
        if self.peer is not None and self.peer.hears:
            self.peer = replace(self.peer, hears=False)

    def forget(self) -> None:
        """After a freeze: look for the peer as at the start of the process."""
        self.contact.forget()
        self.proved_at = float("-inf")
        self.unheard()
