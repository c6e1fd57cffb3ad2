"""The rules in force as this OMM's status document tells them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from standby.domain.contact import PROBE_TIME
from standby.domain.rules_in_force import RulesView, rules_in_force
from standby.domain.sentence import join
from standby.runtime.budget import ALLOWED

if TYPE_CHECKING:
    from standby.runtime.core import PairRuntime


def rule_rows(runtime: PairRuntime, now: float) -> list[dict[str, Any]]:
    """A sentence for each rule; none without a standby OMM, for they are all about two."""
    member, budget = runtime.member, runtime.budget
    if not member.peer_configured:
        return []
    sip, peer, witnessing = runtime.sip.view, member.peer, member.witnessing
    maintenance = runtime.maintenance.current
    told = peer.policy if member.in_contact and peer is not None else None
    view = RulesView(
        detection=member.contact.timeout(now) + PROBE_TIME,
        contact_timeout=member.timing.contact_timeout,
        paths=len(runtime.config.paths),
        paths_down=len(runtime.ways.down(now)),
        witnesses=join(*runtime.config.witness_names, by=", ") if witnessing.configured else "",
        witness_armed=witnessing.armed,
        witness_answers=witnessing.answers(now, member.timing),
        witness_holds=witnessing.holds(now, member.timing),
        maintenance_until=maintenance.end_text if maintenance else "",
        error_handovers=budget.spent,
        error_handovers_allowed=ALLOWED,
        budget_free=_moment(budget.free_in),
        sip_configured=sip.configured,
        sip_reachable=sip.ok,
        policy=runtime.config.policy,
        policies_differ=told is not None and told is not runtime.config.policy,
    )
    return rules_in_force(view)


def _moment(seconds: float) -> str:
    """The time of day in so many seconds; empty for none."""
    if not seconds:
        return ""
    return f"{datetime.now(UTC) + timedelta(seconds=seconds):%H:%M} UTC"
