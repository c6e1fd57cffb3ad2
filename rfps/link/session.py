"""One connection of a base station, from challenge to proof and on; bytes in, bytes out.

The session knows no socket, clock or database: whoever holds the connection feeds it, asks who
the base station is allowed to be once it has introduced itself, and sends what it is given.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from rfps.link import wire
from rfps.link.cipher import BLOCK, Opener, Sealer, hand_out, proves, re_enrolment


class Stage(Enum):
    """How far a connection has come."""

    INTRODUCTION = "introduction"
    ADMISSION = "admission"
    PROOF = "proof"
    SERVED = "served"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Admission:
    """Which keys a base station may prove, and how it learns the first of them."""

    keys: tuple[bytes, ...]
    """Tried in this order; more than one after a split in which both OMMs gave it a key."""
    give: bool = False
    """Send the first key in clear: it was never proved."""
    root_hash: bytes | None = None
    """Send the first key again under this hash: the base station lost it."""


class NoProof(wire.WireProblem):
    """The base station does not hold any of its keys."""


class Session:
    """The OMM's end of one connection."""

    def __init__(self, challenge: bytes) -> None:
        self._challenge = challenge
        self._reader = wire.IntroductionReader()
        self._keys: tuple[bytes, ...] = ()
        self._block = b""
        self._opener: Opener | None = None
        self._sealer: Sealer | None = None
        self.stage = Stage.INTRODUCTION
        self.introduction: wire.Introduction | None = None
        self.key: bytes | None = None
        """The key that was proved."""

    def opening(self) -> bytes:
        """The first bytes of the connection: the challenge."""
        return wire.authenticate(self._challenge).encode()

    def feed(self, data: bytes) -> list[wire.Frame]:
        """Take what came; frames that came after the proof.

        Raises WireProblem when the connection must be closed; its text says why, and NoProof when
        the base station does not hold its key.
        """
        if self.stage is Stage.INTRODUCTION:
            self.introduction = self._reader.feed(data)
            if self.introduction is not None:
                self.stage = Stage.ADMISSION
            return []
        if self.stage is Stage.ADMISSION:
            raise wire.WireProblem("data before the ACK")
        if self.stage is Stage.PROOF:
            return self._prove(data)
        if self._opener is None:
            return []
        return self._opener.feed(data)

    def admit(self, admission: Admission) -> bytes:
        """What to send to a base station that may come in: its key if it needs one, and the ACK."""
        first, rest = admission.keys[0], b""
        if admission.root_hash is not None:
            rest = re_enrolment(first, self._challenge, admission.root_hash).encode()
        elif admission.give:
            rest = hand_out(first).encode()
        self._keys = admission.keys
        self.stage = Stage.PROOF
        return rest + wire.ACK.encode()

    def refuse(self, *, for_good: bool) -> bytes:
        """What to send to a base station that may not come in (now, or at all)."""
        self.close()
        return (wire.GO_AWAY if for_good else wire.COME_BACK).encode()

    def send(self, *frames: wire.Frame) -> bytes:
        """Encrypt frames for a base station that is served."""
        if self._sealer is None:
            raise wire.WireProblem("nothing can be sent before the proof")
        return b"".join(map(self._sealer.seal, frames))

    def close(self) -> None:
        """Forget keys and chains; nothing is read any more."""
        self.stage = Stage.CLOSED
        self._opener = self._sealer = None

    def _prove(self, data: bytes) -> list[wire.Frame]:
        """Decide on the first block alone: with a wrong key the length in it is garbage."""
        self._block += data
        if len(self._block) < BLOCK:
            return []
        first = self._block[:BLOCK]
        for key in self._keys:
            if proves(key, self._challenge, first):
                break
        else:
            raise NoProof("the base station does not hold its key")
        self.key = key
        self.stage = Stage.SERVED
        self._sealer = Sealer(key, self._challenge)
        self._opener = Opener(key, self._challenge)
        frames = self._opener.feed(self._block)
        self._block = b""
        return frames[1:]
