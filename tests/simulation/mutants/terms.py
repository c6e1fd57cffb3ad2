"""Faults in the terms: what makes one reign follow another."""

from __future__ import annotations

from collections.abc import Iterable

from standby.domain import election
from standby.domain.effects import Effect, WriteTerm
from standby.domain.facts import Role
from standby.domain.member import Member
from standby.domain.state import MemberState, Promotion
from tests.simulation.host import Host
from tests.simulation.mutants.registry import Patch, mutant, swap, without


@mutant(
    "The term is shown before it is on the disk.",
    breaks="I7",
    kinds="crash power_loss reboot",
)
def term_not_synced() -> Iterable[Patch]:
    def write(host: Host, term: int) -> None:
        host.carry_out(host.member.term_written(term, host.now))
        host.life.later(host._random.uniform(0, 0.05), lambda: _keep(host, term))

    def _keep(host: Host, term: int) -> None:
        host.disk.term = max(host.disk.term, term)

    return [swap(Host, "_write_term", write)]


@mutant(
    "The role is taken in a term that is not on the disk yet.",
    breaks="I7",
    kinds="crash switch_over",
)
def reign_before_its_term() -> Iterable[Patch]:
    promote = Member._promote

    def at_once(
        member: Member, reason: str, *, least: int = 0, forced: bool = False
    ) -> list[Effect]:
        effects = promote(member, reason, least=least, forced=forced)
        promotion = member._promotion
        if not effects or promotion is None:
            return effects
        member._promotion = None
        member.term = promotion.term
        return [*member._begin_reign(promotion, member._last_step), *effects]

    return [swap(Member, "_promote", at_once)]


@mutant(
    "The winner of a split goes on in its old term instead of the highest + 1 (rule 6).",
    breaks="I4 I7 I2",
    kinds="cut cut_one_way",
)
def winner_keeps_its_term() -> Iterable[Patch]:
    def renew(member: Member, reason: str, least: int = 0) -> list[Effect]:
        if member._promotion is not None:
            return []
        won = member.claim is not None and member.in_contact
        member._promotion = Promotion(member.term, reason, renews=True, split_won=won)
        if not won:
            member.claim = None
        return [WriteTerm(member.term)]

    return [swap(Member, "_renew", renew)]


@mutant(
    "What terms the other OMM has seen is not learned.",
    breaks="I4 I7",
    kinds="cut switch_over",
)
def terms_not_learned() -> Iterable[Patch]:
    return [
        swap(MemberState, "_next_term", lambda member, least=0: max(member.term + 1, least)),
        swap(Member, "_keep_term", lambda *_: []),
        without(Role.ACTIVE, election.raise_term),
    ]


@mutant(
    "A reign begins in a term that was seen already.",
    breaks="I7",
    kinds="reboot crash cut",
)
def term_not_raised() -> Iterable[Patch]:
    return [swap(MemberState, "_next_term", lambda member, least=0: max(member.term, least))]
