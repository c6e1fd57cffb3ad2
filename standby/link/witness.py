"""The words between the OMMs and a witness, and of somebody who looks at a witness.

Sealed datagrams (see ``sealed``); each direction and purpose has keys of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

from standby.domain.witness import MOST_OMMS, Answer, Ask
from standby.link.bounds import (
    ADDRESS,
    BOOT,
    COUNT,
    FLAG,
    NAME,
    Bound,
    group,
    many,
    number,
    optional,
    text,
)
from standby.link.keys import derive
from standby.link.sealed import Sealer

LOOKER = "look"
"""The node id of whoever asks a witness how it is."""
_SECONDS = number(0, 1e10)


@dataclass(frozen=True, slots=True)
class Look:
    """How is the witness? ``nonce`` comes back in the answer."""

    node: str
    nonce: str


@dataclass(frozen=True, slots=True)
class Seen:
    """One OMM as the witness knows it; ``age``: seconds since it was heard, None: never."""

    address: str
    active: bool
    holds: bool
    age: float | None


@dataclass(frozen=True, slots=True)
class Report:
    """What a witness says of itself: for how many seconds it runs, and whom it hears."""

    node: str
    nonce: str
    up: float
    omms: tuple[Seen, ...]
    bad: int


_ASK = group(
    Ask,
    {
        "node": NAME,
        "address": ADDRESS,
        "boot": BOOT,
        "counter": COUNT,
        "echo_boot": BOOT,
        "echo_counter": COUNT,
        "active": FLAG,
        "wants": FLAG,
        "holding": FLAG,
        "patience": number(0.001, 3600),
    },
)
_ANSWER = group(
    Answer,
    {
        "node": NAME,
        "boot": BOOT,
        "counter": COUNT,
        "echo_boot": BOOT,
        "echo_counter": COUNT,
        "granted": FLAG,
        "taken": FLAG,
        "peer_age": optional(_SECONDS),
        "peer_active": FLAG,
    },
)
_SEEN = group(Seen, {"address": ADDRESS, "active": FLAG, "holds": FLAG, "age": optional(_SECONDS)})
_NONCE = text(r"[0-9a-f]{32}")
_LOOK = group(Look, {"node": NAME, "nonce": _NONCE})
_REPORT = group(
    Report,
    {
        "node": NAME,
        "nonce": _NONCE,
        "up": _SECONDS,
        "omms": many(_SEEN, MOST_OMMS),
        "bad": COUNT,
    },
)


def _sealer(magic: bytes, bound: Bound, purpose: str, secrets: tuple[bytes, ...]) -> Sealer:
    def key(secret: bytes, node: str) -> bytes:
        return derive(secret, f"witness {purpose} {node}")

    return Sealer(magic, bound, key, secrets)


def ask_sealer(secrets: tuple[bytes, ...]) -> Sealer:
    """Questions of the OMMs."""
    return _sealer(b"OMMW", _ASK, "ask", secrets)


def answer_sealer(secrets: tuple[bytes, ...]) -> Sealer:
    """Answers of a witness, each for one OMM."""
    return _sealer(b"OMMA", _ANSWER, "answer", secrets)


def look_sealer(secrets: tuple[bytes, ...]) -> Sealer:
    """Questions of people and programs that watch over the witness."""
    return _sealer(b"OMML", _LOOK, "look", secrets)


def report_sealer(secrets: tuple[bytes, ...]) -> Sealer:
    """The answers to those."""
    return _sealer(b"OMMR", _REPORT, "report", secrets)
