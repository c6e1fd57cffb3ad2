"""What people must know of the pair: plain facts in, warnings out (manual 7.15: "No Standby").

A warning goes away with its cause. "Since" is not decided here: the runtime keeps the moment at
which a code first appeared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from standby.domain.facts import Role

NO_STANDBY = "No Standby: "
"""The manual's words for the warning that there are no longer two functioning OMMs."""
CLOCK_SKEW_SECONDS = 5.0
"""Wall clocks further apart than this are reported; they never decide anything."""


class Severity(StrEnum):
    """How grave a warning is."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Warning:  # noqa: A001 - the word of the manual and of the status document
    """One warning: ``code`` is stable, ``message`` says what is, ``advice`` what to do."""

    code: str
    severity: Severity
    message: str
    advice: str


@dataclass(frozen=True, slots=True)
class WarningView:
    """The facts that warnings are made of, as one OMM sees them. Defaults: nothing is wrong.

    ``address`` and ``peer_address`` (empty: no standby OMM is configured) are this OMM's own
    configuration; ``peer_says_peer`` is the address at which the peer expects *its* peer (empty:
    it has none, None: not heard). ``unsafe`` counts entries that the peer has not confirmed,
    ``overdue`` tells that the oldest of them is older than the replication wait. ``older_disk``:
    a head (the peer's, as this OMM sees it, or the own one) is below what was once confirmed.
    ``clock_apart`` is the difference of the wall clocks in seconds (None: not known).
    ``versions`` and ``entry_refused``: the peer's version, when it differs, and the text of a
    journal entry that one side cannot take. ``paths_down`` names silent paths, ``paths`` is how
    many are configured. Texts that stay empty mean that there is nothing to say.
    """

    role: Role = Role.STARTING
    address: str = ""
    peer_address: str = ""
    in_contact: bool = True
    peer_role: Role | None = None
    peer_says_peer: str | None = None
    contact_text: str = ""
    unsafe: int = 0
    overdue: bool = False
    comparing: bool = False
    older_disk: bool = False
    tables_differ: bool = False
    sip_configured: bool = False
    sip_reachable: bool | None = None
    sip_server: str = ""
    peer_sip_reachable: bool | None = None
    set_aside_open: int = 0
    set_aside_pending: int = 0
    split_resolved: bool = False
    policies_differ: bool = False
    wrong_secret: bool = False
    same_address: bool = False
    same_node: bool = False
    two_lineages: bool = False
    version: str = ""
    peer_version: str = ""
    entry_refused: str = ""
    timing_differs: str = ""
    clock_apart: float | None = None
    healthy: bool = True
    health_text: str = ""
    peer_healthy: bool = True
    frozen_for: float | None = None
    error_handovers: int = 0
    error_budget: bool = True
    paths: int = 1
    paths_down: tuple[str, ...] = ()
    maintenance_owner: str = ""
    maintenance_until: str = ""
    disk_free_text: str = ""


Rule = Callable[[WarningView], Iterator[Warning]]

_LINK_ADVICE = (
    "Start the other OMM or repair the network between the two. "
    "Until then changes are kept on this OMM only."
)
_PEER_ADVICE = "Check OMM_ADDRESS, OMM_PEER_ADDRESS and OMM_PAIR_SECRET of both OMMs."
_HEALTH_ADVICE = "Look at the events and the disk of the OMM that reports the error."


def _error(code: str, message: str, advice: str) -> Warning:
    return Warning(code, Severity.ERROR, message, advice)


def _warn(code: str, message: str, advice: str) -> Warning:
    return Warning(code, Severity.WARNING, message, advice)


def _info(code: str, message: str, advice: str) -> Warning:
    return Warning(code, Severity.INFO, message, advice)


def _entries(count: int) -> str:
    return "1 change is" if count == 1 else f"{count} changes are"


def no_standby(view: WarningView) -> Iterator[Warning]:
    """Manual 7.15: there are no longer two functioning OMMs."""
    if not view.peer_address:
        return
    text = _no_standby_text(view)
    if text:
        unsafe = f" {_entries(view.unsafe)} unsafe." if view.unsafe else ""
        yield _error("no_standby", f"{NO_STANDBY}{text}{unsafe}", _LINK_ADVICE)


def _no_standby_text(view: WarningView) -> str:
    if not view.in_contact:
        return view.contact_text or f"the other OMM, {view.peer_address}, is not in contact."
    if view.peer_role is Role.FAILED:
        return f"the other OMM, {view.peer_address}, reports an error."
    if view.role is Role.FAILED:
        return "this OMM reports an error."
    return ""


def not_synchronised(view: WarningView) -> Iterator[Warning]:
    """In contact, but the journals are not the same; or an older disk was put back."""
    if not view.peer_address:
        return
    if view.older_disk:
        yield _error(
            "not_synchronised",
            "An older disk was put back: a journal ends before what was once confirmed. "
            "Those changes count as unsafe until they are sent again.",
            "Leave both OMMs running until they are synchronised; find out who restored the disk.",
        )
    elif view.in_contact and view.tables_differ:
        yield _error(
            "not_synchronised",
            "Not synchronised: the journals agree, but the tables differ. "
            "One database was changed past the journal.",
            "Find out who wrote to the database. Empty the data directory of the standby OMM and "
            "start it again: it then receives everything anew.",
        )
    elif view.in_contact and view.comparing:
        yield _warn(
            "not_synchronised",
            "Not synchronised: the two journals are being compared.",
            "Wait a moment. If it does not end, look at the events of both OMMs.",
        )
    elif view.in_contact and view.unsafe and view.overdue:
        yield _warn(
            "not_synchronised",
            f"Not synchronised: {_entries(view.unsafe)} not yet on the other OMM.",
            "Wait for the transfer to finish. If it does not, look at the events of both OMMs.",
        )


def sip_unreachable(view: WarningView) -> Iterator[Warning]:
    """Manual 7.15.2: a takeover needs the SIP proxy or registrar."""
    if not view.sip_configured or view.sip_reachable is not False:
        return
    name = f" {view.sip_server}" if view.sip_server else ""
    where = "from this OMM"
    if view.in_contact and view.peer_sip_reachable is False:
        where = "from either OMM"
    yield _warn(
        "sip_unreachable",
        f"The SIP proxy{name} is not reachable {where}: no takeover without its answer.",
        "Check the SIP settings and the network to the proxy.",
    )


def split_resolved(view: WarningView) -> Iterator[Warning]:
    """Both OMMs had been active; what one of them changed waits for a review."""
    waiting = view.set_aside_open + view.set_aside_pending
    if not waiting and not view.split_resolved:
        return
    message = "Both OMMs had been active; one of them is standby again."
    if view.set_aside_pending:
        message += f" {_entries(view.set_aside_pending)} on the way to the active OMM."
    if view.set_aside_open:
        message += f" {_entries(view.set_aside_open)} set aside for a review."
    severity = Severity.WARNING if waiting else Severity.INFO
    yield Warning("split_resolved", severity, message, "Review the changes that were set aside.")


def wrong_peer(view: WarningView) -> Iterator[Warning]:
    """The two OMMs do not belong together, or one of them is configured wrongly."""
    if not view.peer_address:
        return
    for wrong, message, advice in _wrong_peer_texts(view):
        if wrong:
            yield _error("wrong_peer", message, advice)
            return


def _wrong_peer_texts(view: WarningView) -> tuple[tuple[bool, str, str], ...]:
    says = view.peer_says_peer
    theirs = f"expects its peer at {says}" if says else "has no peer configured"
    return (
        (
            view.same_address,
            f"Both OMMs have the address {view.address}.",
            "Give each OMM its own OMM_ADDRESS and restart it.",
        ),
        (
            view.same_node,
            "Both OMMs have the same identity: one data directory is a copy of the other.",
            "Empty the data directory of the OMM that was copied to and start it again.",
        ),
        (
            view.wrong_secret,
            f"The OMM at {view.peer_address} answers with another pair secret.",
            _PEER_ADVICE,
        ),
        (
            view.two_lineages,
            f"The OMM at {view.peer_address} holds another pair's data. Neither is overwritten.",
            "Choose whose data shall stay and empty the data directory of the other OMM.",
        ),
        (
            says is not None and says != view.address,
            f"The OMM at {view.peer_address} {theirs}, this OMM is {view.address}.",
            _PEER_ADVICE,
        ),
    )


def version_mismatch(view: WarningView) -> Iterator[Warning]:
    """Different programs, or an entry that one of them does not know."""
    if view.entry_refused:
        yield _error(
            "version_mismatch",
            f"A change cannot be taken over: {view.entry_refused}",
            "Bring both OMMs to the same version; the change is sent again by itself.",
        )
    elif view.peer_version and view.version and view.peer_version != view.version:
        yield _warn(
            "version_mismatch",
            f"This OMM runs version {view.version}, the other one {view.peer_version}.",
            "Bring both OMMs to the same version.",
        )


def settings_differ(view: WarningView) -> Iterator[Warning]:
    """Values that must agree and do not; the pair works on by a rule."""
    if view.timing_differs:
        yield _warn(
            "settings_differ",
            f"The OMMs' settings differ: {view.timing_differs} Both use the larger values.",
            "Give both OMMs the same OMM_HEARTBEAT_INTERVAL and OMM_CONTACT_TIMEOUT.",
        )
    elif view.policies_differ:
        yield _warn(
            "settings_differ",
            "The OMMs' split policies differ: after a split the one active for longer goes on.",
            "Give both OMMs the same OMM_SPLIT_POLICY.",
        )


def clock_skew(view: WarningView) -> Iterator[Warning]:
    """Wall clocks are for people only, but people compare them."""
    if view.clock_apart is None or abs(view.clock_apart) <= CLOCK_SKEW_SECONDS:
        return
    yield _warn(
        "clock_skew",
        f"The clocks of the two OMMs are {abs(view.clock_apart):.0f} s apart.",
        "Set both hosts' clocks, best with the same NTP servers.",
    )


def omm_error(view: WarningView) -> Iterator[Warning]:
    """Manual 7.15.2: an OMM error occurs."""
    if not view.healthy:
        text = view.health_text or "this OMM does not work properly."
        yield _error("omm_error", f"OMM error: {text}", _HEALTH_ADVICE)
    elif view.peer_address and view.in_contact and not view.peer_healthy:
        yield _error(
            "omm_error", f"OMM error on the other OMM, {view.peer_address}.", _HEALTH_ADVICE
        )


def frozen(view: WarningView) -> Iterator[Warning]:
    """This OMM stood still longer than its peer would wait."""
    if view.frozen_for is not None:
        yield _warn(
            "frozen",
            f"This OMM stood still for {view.frozen_for:.1f} s.",
            "The host paused this OMM. Check its load and, if virtual, its snapshots.",
        )


def flapping(view: WarningView) -> Iterator[Warning]:
    """More hand-overs for errors than the budget allows."""
    if not view.error_budget:
        yield _warn(
            "flapping",
            f"{view.error_handovers} hand-overs for errors in 10 minutes: "
            "an active OMM with an error now keeps its role.",
            "Find the error that repeats in the events of both OMMs.",
        )


def path_down(view: WarningView) -> Iterator[Warning]:
    """One of several heartbeat paths is silent; with all silent it is "No Standby"."""
    if view.peer_address and view.in_contact and 0 < len(view.paths_down) < view.paths:
        yield _warn(
            "path_down",
            f"No heartbeats over {', '.join(view.paths_down)}.",
            "Check the network of the path that is named; the other paths carry on.",
        )


def maintenance(view: WarningView) -> Iterator[Warning]:
    """Rule 10: no automatic takeover meanwhile."""
    if view.maintenance_until:
        owner = f" by {view.maintenance_owner}" if view.maintenance_owner else ""
        yield _info(
            "maintenance",
            f"Maintenance{owner} until {view.maintenance_until}: no automatic takeover.",
            "End the maintenance when the work is done.",
        )


def disk_low(view: WarningView) -> Iterator[Warning]:
    """Little space is left for journal and database."""
    if view.disk_free_text:
        yield _warn(
            "disk_low",
            f"The disk is nearly full: {view.disk_free_text}.",
            "Free space on the host's disk.",
        )


RULES: tuple[Rule, ...] = (
    no_standby,
    wrong_peer,
    omm_error,
    not_synchronised,
    version_mismatch,
    sip_unreachable,
    split_resolved,
    frozen,
    flapping,
    maintenance,
    settings_differ,
    clock_skew,
    path_down,
    disk_low,
)


def warnings_of(view: WarningView) -> list[Warning]:
    """Every warning that the facts call for, each code at most once, in a fixed order."""
    return [warning for rule in RULES for warning in rule(view)]
