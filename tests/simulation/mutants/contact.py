"""Faults in hearing the other OMM, and in noticing that oneself stood still."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from standby.domain import contact
from standby.domain.contact import Contact, Hearing
from standby.domain.effects import Effect
from standby.domain.facts import Heartbeat
from standby.domain.hearing import Ear
from standby.domain.member import Member
from standby.domain.state import MemberState
from tests.simulation.mutants.registry import Patch, mutant, swap


@mutant(
    "A statement counts although it echoes nothing: a recording proves nothing (Contact).",
    breaks="I1 I4 I5",
    kinds="late_line power_loss",
)
def echo_ignored() -> Iterable[Patch]:
    def proves(ear: Ear, statement: Heartbeat, now: float) -> bool:
        ear._sent.setdefault(statement.echo_counter, now)
        return True

    return [swap(Ear, "proves", proves)]


@mutant(
    "An active OMM that restarted before its silence was noticed keeps the role (rule 9).",
    breaks="rule9",
    kinds="fast_restart",
)
def boot_not_checked() -> Iterable[Patch]:
    def note_restart(ear: Ear, statement: Any) -> None:
        if ear.peer is not None and ear.peer.boot != statement.boot:
            ear._gone.append(ear.peer.boot)

    return [swap(Ear, "_note_restart", note_restart)]


@mutant(
    "Silence is a verdict at once: no probes, no patience with the line (Contact, b).",
    breaks="I6 contact",
    kinds="copies short_stall",
)
def silence_without_probes() -> Iterable[Patch]:
    names = {"PROBE_TIME": 0.0, "MIN_BEATS": 1, "GAP_FACTOR": 1.0}
    return [swap(contact, name, value) for name, value in names.items()]


@mutant(
    "An OMM that was late itself accuses the other one (suspect yourself first).",
    breaks="I1 I6 contact",
    kinds="short_stall",
)
def own_stall_blamed_on_peer() -> Iterable[Patch]:
    return [swap(Contact, "forgive", lambda *_: False)]


@mutant(
    "An OMM that stood still goes on as if nothing had happened (rule 7).",
    breaks="I1 I2 I6",
    kinds="pause runtime_pause",
)
def freeze_not_noticed() -> Iterable[Patch]:
    return [
        swap(Member, "_thaw", lambda *_: []),
        swap(MemberState, "overslept", lambda *_: False),
    ]


@mutant(
    "An OMM that stood still looks for its peer with the gate open (rule 7).",
    breaks="I1 I4 gate",
    kinds="pause runtime_pause",
)
def frozen_keeps_gate_open() -> Iterable[Patch]:
    thaw = Member._thaw

    def keep(member: Member, now: float, late: float) -> list[Effect]:
        was_open = member.gate.open
        effects = thaw(member, now, late)
        member.gate.open = was_open
        return effects

    return [swap(Member, "_thaw", keep)]


@mutant(
    "Silence is never a verdict.",
    breaks="I5",
    kinds="power_loss",
)
def silence_never_ends() -> Iterable[Patch]:
    def tick(one: Contact, _now: float) -> Hearing:
        return one.state

    return [swap(Contact, "tick", tick), swap(Contact, "next_look", lambda *_: None)]
