"""The rules that hold now, a sentence each, for people: what would happen, and why."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from standby.domain.facts import SplitPolicy
from standby.domain.sentence import say, say_count


@dataclass(frozen=True, slots=True)
class RulesView:
    """What the sentences are made of.

    ``detection``: seconds of silence after which contact would be lost now; ``witnesses``: their
    names (empty: none is configured); ``budget_free``: when hand-overs for errors are allowed
    again (empty: they are).
    """

    detection: float
    contact_timeout: float
    paths: int
    paths_down: int
    witnesses: str
    witness_armed: bool
    witness_answers: bool
    witness_holds: bool
    maintenance_until: str
    error_handovers: int
    error_handovers_allowed: int
    budget_free: str
    sip_configured: bool
    sip_reachable: bool | None
    policy: SplitPolicy
    policies_differ: bool


def _contact(view: RulesView) -> str:
    return say(
        "Contact counts as lost after %(seconds)s s of silence at the moment, as regular as the "
        "line is; never after more than %(most)s s, and at once when the other host refuses "
        "connections.",
        seconds=f"{view.detection:.1f}",
        most=f"{view.contact_timeout:g}",
    )


def _paths(view: RulesView) -> str:
    if view.paths == 1:
        return say(
            "Heartbeats take one path. A second one (OMM_PATHS) would keep contact when a cable or "
            "a switch fails."
        )
    if view.paths_down:
        return say(
            "%(down)s of %(count)s heartbeat paths do not work; contact is lost only when all are "
            "silent.",
            down=view.paths_down,
            count=view.paths,
        )
    return say(
        "Heartbeats take %(count)s paths, and all work; contact is lost only when all are silent.",
        count=view.paths,
    )


def _witness(view: RulesView) -> str:
    if not view.witnesses:
        return say(
            "No witness is configured: when the network between the OMMs is cut, both are active "
            "until it is mended."
        )
    if not view.witness_armed:
        return say(
            "The witness %(names)s answers neither OMM, so it has no say: when the network between "
            "the OMMs is cut, both are active until it is mended.",
            names=view.witnesses,
        )
    if view.witness_holds:
        return say(
            "The witness %(names)s lends the active role to this OMM: alone it stays active as "
            "long as the witness answers, and steps down when that is silent too.",
            names=view.witnesses,
        )
    if view.witness_answers:
        return say(
            "The witness %(names)s answers: this OMM takes over from a silent one only when the "
            "witness does not hear that either.",
            names=view.witnesses,
        )
    return say(
        "The witness %(names)s does not answer this OMM: alone it neither takes over nor stays "
        "active.",
        names=view.witnesses,
    )


def _maintenance(view: RulesView) -> str:
    if view.maintenance_until:
        return say(
            "Maintenance until %(until)s: nobody takes over by itself.",
            until=view.maintenance_until,
        )
    return say("No maintenance is on: takeovers are automatic.")


def _budget(view: RulesView) -> str:
    if view.budget_free:
        return say(
            "Too many hand-overs for errors in 10 minutes: until %(time)s an active OMM with an "
            "error keeps its role.",
            time=view.budget_free,
        )
    return say_count(
        "1 hand-over for an error in the last 10 minutes; with more than %(most)s an active OMM "
        "with an error keeps its role.",
        "%(count)s hand-overs for errors in the last 10 minutes; with more than %(most)s an active "
        "OMM with an error keeps its role.",
        view.error_handovers,
        most=view.error_handovers_allowed,
    )


def _sip(view: RulesView) -> str:
    if not view.sip_configured:
        return say("No SIP proxy is configured: a takeover asks none.")
    if view.sip_reachable:
        return say("The SIP proxy answers this OMM; it takes over only while that is so.")
    return say("The SIP proxy does not answer this OMM: it would not take over.")


def _split(view: RulesView) -> str:
    if view.policies_differ:
        return say(
            "After a split the OMM goes on that was active for longer, because the two split "
            "policies differ."
        )
    if view.policy is SplitPolicy.MOST_RFPS:
        return say("After a split the OMM goes on that serves more base stations.")
    return say("After a split the OMM goes on that was active for longer.")


SENTENCES: dict[str, Callable[[RulesView], str]] = {
    "contact": _contact,
    "paths": _paths,
    "witness": _witness,
    "maintenance": _maintenance,
    "error_budget": _budget,
    "sip": _sip,
    "split": _split,
}
"""Every rule that people are told of, in the order in which the page shows them."""


def rules_in_force(view: RulesView) -> list[dict[str, str]]:
    """A code and a sentence for each rule."""
    return [{"code": code, "text": sentence(view)} for code, sentence in SENTENCES.items()]
