"""Faults in the rules of who is active."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from standby.domain import election, handover, preference, split
from standby.domain.contact import Evidence
from standby.domain.effects import Effect, Facts, Handover
from standby.domain.election import accept_offer, hold_for_maintenance
from standby.domain.facts import Claim, Role
from standby.domain.member import Member
from standby.domain.view import Action, Decision, View, address_order
from tests.simulation.host import Host
from tests.simulation.mutants.registry import Patch, mutant, rules_of, swap, without


def _take_back(view: View) -> Decision | None:
    lower = view.peer_active and address_order(view.address) < address_order(
        view.speaking_peer().address
    )
    starting = view.role is Role.STARTING and lower
    return Decision(Action.BECOME_ACTIVE, "This one comes first.") if starting else None


@mutant(
    "A recovered OMM with the lower address takes the role back (manual 7.15, last paragraph).",
    breaks="I1 I6",
    kinds="crash power_loss reboot",
)
def recovered_takes_role_back() -> Iterable[Patch]:
    return [
        rules_of(Role.STARTING, lambda rules: (_take_back, *rules)),
        swap(Member, "_overtaken", lambda *_: False),
    ]


@mutant(
    "The lower address starts as active although the other journal is longer (rule 1, data first).",
    breaks="rule1",
    kinds="crash reboot older_disk",
)
def address_before_data() -> Iterable[Patch]:
    return [swap(preference, "_prefer_by_data", lambda *_: None)]


@mutant(
    "Addresses are compared as texts: 10.0.0.10 comes before 10.0.0.9 (rule 1).",
    breaks="rule1",
    kinds="crash reboot",
)
def addresses_as_texts() -> Iterable[Patch]:
    return [swap(module, "address_order", str) for module in (election, preference, split)]


@mutant(
    "The standby takes over on an old answer of the SIP proxy: the OMM whose own cable was pulled "
    "wins (rule 2).",
    breaks="rule2",
    kinds="cable",
)
def old_sip_answer_counts() -> Iterable[Patch]:
    allows = election.sip_allows

    def allow(view: View) -> tuple[bool, str]:
        if view.evidence is Evidence.SILENCE:
            view = replace(view, evidence=Evidence.REFUSED)
        return allows(view)

    return [swap(election, "sip_allows", allow)]


@mutant(
    "A takeover by silence although the pair is in maintenance (rule 10).",
    breaks="rule10",
    kinds="maintenance cut power_loss",
)
def maintenance_ignored() -> Iterable[Patch]:
    return [without(role, hold_for_maintenance) for role in (Role.STARTING, Role.STANDBY)]


@mutant(
    "Hand-overs for errors go on for ever (rule 11).",
    breaks="rule11",
    kinds="unhealthy budget_spent",
)
def flapping_without_end() -> Iterable[Patch]:
    hand_over = election.hand_over_error

    def again(view: View) -> Decision | None:
        return hand_over(replace(view, error_budget=True))

    return [
        rules_of(
            Role.ACTIVE, lambda rules: (again if each is hand_over else each for each in rules)
        )
    ]


@mutant(
    "The role is offered before the successor has the whole journal (rule 8).",
    breaks="I2 rule8",
    kinds="switch_over slow_disk slow_line",
)
def handover_without_journal() -> Iterable[Patch]:
    def accept(view: View) -> Decision | None:
        if not view.peer_active:
            return None
        peer = view.speaking_peer()
        return accept_offer(replace(view, head=peer.head))

    passive = (Role.STARTING, Role.STANDBY, Role.FAILED)
    return [
        swap(handover, "_same", lambda *_: True),
        *(
            rules_of(role, lambda rules: (accept, *(each for each in rules[1:])))
            for role in passive
        ),
    ]


@mutant(
    "The one that resigned keeps an open gate while it waits for its successor (rule 8).",
    breaks="I1 I2 I4 rule8",
    kinds="switch_over reboot",
)
def resigning_with_open_gate() -> Iterable[Patch]:
    give, commit = Member.hand_over, Host._commit_close

    def keep(member: Member, kind: Handover, reason: str, facts: Facts, now: float) -> list[Effect]:
        was_open = member.gate.open
        effects = give(member, kind, reason, facts, now)
        member.gate.open = was_open and member.handing_over
        return effects

    def unless_resigning(host: Host) -> None:
        if not host.member.handing_over:
            commit(host)
            return
        head = host.disk.head
        host.report(lambda: host._closed(head))

    return [swap(Member, "hand_over", keep), swap(Host, "_commit_close", unless_resigning)]


@mutant(
    "A claim changes while the split is being settled (rule 6).",
    breaks="I1 rule6 gate",
    kinds="cut slow_line",
)
def claim_not_frozen() -> Iterable[Patch]:
    step = Member.step

    def refresh(member: Member, facts: Facts, now: float) -> list[Effect]:
        if member.claim is not None:
            served = round(now - member.role_since, 3)
            member.claim = replace(member.claim, rfps=facts.rfps, active_for=served)
        return step(member, facts, now)

    return [swap(Member, "step", refresh)]


@mutant(
    "Each side of a split believes that it has won (rule 6).",
    breaks="I1",
    kinds="cut",
)
def both_win() -> Iterable[Patch]:
    return [swap(split, "split_winner", lambda *_: (True, "it is this one"))]


@mutant(
    "After a split the longer reign wins over changes that the other had confirmed (rule 6).",
    breaks="rule6 I2 I3",
    kinds="older_disk power_loss cut",
)
def acknowledged_suffix_ignored() -> Iterable[Patch]:
    winner = split.split_winner

    def blind(mine: Claim, theirs: Claim, *addresses: str) -> tuple[bool, str]:
        mine, theirs = replace(mine, acked_suffix=False), replace(theirs, acked_suffix=False)
        return winner(mine, theirs, *addresses)

    return [swap(split, "split_winner", blind)]


@mutant(
    "An OMM whose clocks hid its pause fights for the role as if it had seen a split (rule 6).",
    breaks="I6",
    kinds="hidden_pause",
)
def paused_one_fights() -> Iterable[Patch]:
    put = Member._put_claim

    def claim(member: Member, facts: Facts, now: float) -> list[Effect]:
        member.noticed = True
        return put(member, facts, now)

    return [without(Role.ACTIVE, split.step_down_at_once), swap(Member, "_put_claim", claim)]


@mutant(
    "An active OMM with an error keeps the role beside an eligible peer (rule 4).",
    breaks="rule4",
    kinds="unhealthy",
)
def error_not_handed_over() -> Iterable[Patch]:
    return [without(Role.ACTIVE, election.hand_over_error)]
