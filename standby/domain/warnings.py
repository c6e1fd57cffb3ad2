"""What people must know of the pair: plain facts in, warnings out (manual 7.15: "No Standby").

A warning goes away with its cause. "Since" is not decided here: the runtime keeps the moment at
which a code first appeared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from standby.domain.facts import Role
from standby.domain.secret_warning import pair_secret
from standby.domain.sentence import join, say, say_count
from standby.domain.warning_view import PairWarning, Severity, WarningView

CLOCK_SKEW_SECONDS = 5.0
"""Wall clocks further apart than this are reported; they never decide anything."""


Rule = Callable[[WarningView], Iterator[PairWarning]]

_LINK_ADVICE = say(
    "Start the other OMM or repair the network between the two. "
    "Until then changes are kept on this OMM only."
)
_PEER_ADVICE = say("Check OMM_ADDRESS, OMM_PEER_ADDRESS and OMM_PAIR_SECRET of both OMMs.")
_HEALTH_ADVICE = say("Look at the events and the disk of the OMM that reports the error.")
_SAME_VERSION = say("Bring both OMMs to the same version.")
_WAIT_ADVICE = say(
    "Wait for the transfer to finish. If it does not, look at the events of both OMMs."
)


def _error(code: str, message: str, advice: str) -> PairWarning:
    return PairWarning(code, Severity.ERROR, message, advice)


def _warn(code: str, message: str, advice: str) -> PairWarning:
    return PairWarning(code, Severity.WARNING, message, advice)


def _info(code: str, message: str, advice: str) -> PairWarning:
    return PairWarning(code, Severity.INFO, message, advice)


def no_standby(view: WarningView) -> Iterator[PairWarning]:
    """Manual 7.15: there are no longer two functioning OMMs."""
    if not view.peer_address:
        return
    text = _no_standby_text(view)
    if text and view.unsafe:
        unsafe = say_count("1 change is unsafe.", "%(count)s changes are unsafe.", view.unsafe)
        text = join(text, unsafe)
    if text:
        message = say("No Standby: %(what)s", what=text)
        yield PairWarning("no_standby", Severity.ERROR, message, _LINK_ADVICE, event=text)


def _no_standby_text(view: WarningView) -> str:
    if not view.in_contact:
        return view.contact_text or say(
            "the other OMM, %(omm)s, is not in contact.", omm=view.peer_address
        )
    if view.peer_role is Role.FAILED:
        return say("the other OMM, %(omm)s, reports an error.", omm=view.peer_address)
    if view.role is Role.FAILED:
        return say("this OMM reports an error.")
    return ""


def not_synchronised(view: WarningView) -> Iterator[PairWarning]:
    """In contact, but the journals are not the same; or an older disk was put back."""
    if not view.peer_address:
        return
    if view.older_disk:
        yield _error(
            "not_synchronised",
            say(
                "An older disk was put back: a journal ends before what was once confirmed. "
                "Those changes count as unsafe until they are sent again."
            ),
            say(
                "Leave both OMMs running until they are synchronised; find out who restored the "
                "disk."
            ),
        )
    elif view.in_contact and view.tables_differ:
        yield _error(
            "not_synchronised",
            say(
                "Not synchronised: the journals agree, but the tables differ. "
                "One database was changed past the journal."
            ),
            say(
                "Find out who wrote to the database. Empty the data directory of the standby OMM "
                "and start it again: it then receives everything anew."
            ),
        )
    elif view.in_contact and view.comparing:
        yield _warn(
            "not_synchronised",
            say("Not synchronised: the two journals are being compared."),
            say("Wait a moment. If it does not end, look at the events of both OMMs."),
        )
    elif view.in_contact and view.unsafe and view.overdue:
        yield _warn(
            "not_synchronised",
            say_count(
                "Not synchronised: 1 change is not yet on the other OMM.",
                "Not synchronised: %(count)s changes are not yet on the other OMM.",
                view.unsafe,
            ),
            _WAIT_ADVICE,
        )


def sip_unreachable(view: WarningView) -> Iterator[PairWarning]:
    """Manual 7.15.2: a takeover needs the SIP proxy or registrar."""
    if not view.sip_configured or view.sip_reachable is not False:
        return
    if view.in_contact and view.peer_sip_reachable is False:
        text = say(
            "The SIP proxy is not reachable from either OMM: no takeover without its answer."
        )
    else:
        text = say("The SIP proxy is not reachable from this OMM: no takeover without its answer.")
    advice = say("Check the SIP settings and the network to the proxy.")
    yield _warn("sip_unreachable", text, advice)


def split_resolved(view: WarningView) -> Iterator[PairWarning]:
    """Both OMMs had been active; what one of them changed is on its way or waits for a review."""
    on_the_way = max(view.set_aside_pending, view.set_aside_missing - view.set_aside_lost)
    waiting = view.set_aside_open + on_the_way
    wrong = bool(view.set_aside_lost or view.split_problem)
    if not waiting and not wrong and not view.split_resolved:
        return
    parts: list[str] = [say("Both OMMs had been active; one of them is standby again.")]
    parts += _set_aside_texts(on_the_way, view)
    severity = Severity.ERROR if wrong else Severity.WARNING if waiting else Severity.INFO
    advice = say("Review the changes that were set aside.")
    if wrong:
        advice = say("Look at the report of the split and at the copy of the database.")
    yield PairWarning("split_resolved", severity, join(*parts), advice)


def _set_aside_texts(on_the_way: int, view: WarningView) -> Iterator[str]:
    if view.split_problem:
        yield view.split_problem
    if view.set_aside_lost:
        yield say_count(
            "1 change is missing: the other OMM has it no more.",
            "%(count)s changes are missing: the other OMM has them no more.",
            view.set_aside_lost,
        )
    if on_the_way and not view.in_contact:
        yield say_count(
            "1 change is still on one OMM only, waiting for contact.",
            "%(count)s changes are still on one OMM only, waiting for contact.",
            on_the_way,
        )
    elif on_the_way:
        yield say_count(
            "1 change is on the way to the active OMM.",
            "%(count)s changes are on the way to the active OMM.",
            on_the_way,
        )
    if view.set_aside_waiting:
        yield say_count(
            "1 change is about to be merged.",
            "%(count)s changes are about to be merged.",
            view.set_aside_waiting,
        )
    open_ones = view.set_aside_open - view.set_aside_waiting
    if open_ones:
        yield say_count(
            "1 change is open: both sides changed the same.",
            "%(count)s changes are open: both sides changed the same.",
            open_ones,
        )


def wrong_peer(view: WarningView) -> Iterator[PairWarning]:
    """The two OMMs do not belong together, or one of them is configured wrongly."""
    if not view.peer_address:
        return
    for wrong, message, advice in _wrong_peer_texts(view):
        if wrong:
            yield _error("wrong_peer", message, advice)
            return


def _wrong_peer_texts(view: WarningView) -> tuple[tuple[bool, str, str], ...]:
    says, peer, own = view.peer_says_peer, view.peer_address, view.address
    expects = say(
        "The OMM at %(omm)s expects its peer at %(peer)s, this OMM is %(own)s.",
        omm=peer,
        peer=says,
        own=own,
    )
    has_none = say(
        "The OMM at %(omm)s has no peer configured, this OMM is %(own)s.", omm=peer, own=own
    )
    return (
        (
            view.same_address,
            say("Both OMMs have the address %(own)s.", own=own),
            say("Give each OMM its own OMM_ADDRESS and restart it."),
        ),
        (
            view.same_node,
            say("Both OMMs have the same identity: one data directory is a copy of the other."),
            say("Empty the data directory of the OMM that was copied to and start it again."),
        ),
        (
            view.wrong_secret,
            say("The OMM at %(omm)s answers with another pair secret.", omm=peer),
            _PEER_ADVICE,
        ),
        (
            view.two_lineages,
            say("The OMM at %(omm)s holds another pair's data. Neither is overwritten.", omm=peer),
            say("Choose whose data shall stay and empty the data directory of the other OMM."),
        ),
        (says is not None and says != own, expects if says else has_none, _PEER_ADVICE),
    )


def version_mismatch(view: WarningView) -> Iterator[PairWarning]:
    """Different programs, or an entry that one of them does not know."""
    if view.entry_refused:
        yield _error(
            "version_mismatch",
            say("A change cannot be taken over: %(why)s", why=view.entry_refused),
            say("Bring both OMMs to the same version; the change is sent again by itself."),
        )
    elif view.peer_version and view.version and view.peer_version != view.version:
        yield _warn(
            "version_mismatch",
            say(
                "This OMM runs version %(own)s, the other one %(other)s.",
                own=view.version,
                other=view.peer_version,
            ),
            _SAME_VERSION,
        )


def settings_differ(view: WarningView) -> Iterator[PairWarning]:
    """Values that must agree and do not; the pair works on by a rule."""
    if view.timing_differs:
        yield _warn(
            "settings_differ",
            say(
                "The OMMs' settings differ: %(how)s Both use the larger values.",
                how=view.timing_differs,
            ),
            say("Give both OMMs the same OMM_HEARTBEAT_INTERVAL and OMM_CONTACT_TIMEOUT."),
        )
    elif view.paths_differ:
        yield _warn(
            "settings_differ",
            say("The OMMs' heartbeat paths differ: %(how)s", how=view.paths_differ),
            say(
                "Give each OMM the same paths in OMM_PATHS, each with its own address first, and "
                "restart it."
            ),
        )
    elif view.witnesses_differ:
        yield _warn(
            "settings_differ",
            say("The OMMs' witnesses differ: %(how)s", how=view.witnesses_differ),
            say("Give both OMMs the same OMM_WITNESSES and restart them."),
        )
    elif view.policies_differ:
        yield _warn(
            "settings_differ",
            say(
                "The OMMs' split policies differ: after a split the one active for longer goes on."
            ),
            say("Give both OMMs the same OMM_SPLIT_POLICY."),
        )


def clock_skew(view: WarningView) -> Iterator[PairWarning]:
    """Wall clocks are for people only, but people compare them."""
    if view.clock_apart is None or abs(view.clock_apart) <= CLOCK_SKEW_SECONDS:
        return
    apart = f"{abs(view.clock_apart):.0f}"
    yield _warn(
        "clock_skew",
        say("The clocks of the two OMMs are %(seconds)s s apart.", seconds=apart),
        say("Set both hosts' clocks, best with the same NTP servers."),
    )


def omm_error(view: WarningView) -> Iterator[PairWarning]:
    """Manual 7.15.2: an OMM error occurs."""
    if not view.healthy:
        text = view.health_text or say("this OMM does not work properly.")
        yield _error("omm_error", say("OMM error: %(error)s", error=text), _HEALTH_ADVICE)
    elif view.peer_address and view.in_contact and not view.peer_healthy:
        message = say("OMM error on the other OMM, %(omm)s.", omm=view.peer_address)
        yield _error("omm_error", message, _HEALTH_ADVICE)


def frozen(view: WarningView) -> Iterator[PairWarning]:
    """This OMM stood still longer than its peer would wait."""
    if view.frozen_for is not None:
        yield _warn(
            "frozen",
            say("This OMM stood still for %(seconds)s s.", seconds=f"{view.frozen_for:.1f}"),
            say("The host paused this OMM. Check its load and, if virtual, its snapshots."),
        )


def flapping(view: WarningView) -> Iterator[PairWarning]:
    """More hand-overs for errors than the budget allows."""
    if not view.error_budget:
        yield _warn(
            "flapping",
            say(
                "%(count)s hand-overs for errors in 10 minutes: an active OMM with an error now "
                "keeps its role.",
                count=view.error_handovers,
            ),
            say("Find the error that repeats in the events of both OMMs."),
        )


def path_down(view: WarningView) -> Iterator[PairWarning]:
    """One of several heartbeat paths does not work; with all silent it is "No Standby"."""
    if view.peer_address and view.in_contact and view.paths > 1 and view.paths_down:
        yield _warn(
            "path_down",
            say("No heartbeats over %(paths)s.", paths=join(*view.paths_down, by=", ")),
            say("Check the network of the path that is named; the other paths carry on."),
        )


def witness_unreachable(view: WarningView) -> Iterator[PairWarning]:
    """Policy ``witness`` without one that answers."""
    if view.witness_silent:
        advice = say(
            "Start the witness (manage.py omm_witness), and check its address, its pair secret and "
            "the network to it."
        )
        yield _warn("witness_unreachable", view.witness_silent, advice)


def maintenance(view: WarningView) -> Iterator[PairWarning]:
    """Rule 10: no automatic takeover meanwhile."""
    if view.maintenance_until:
        yield _info(
            "maintenance",
            _maintenance_text(view.maintenance_owner, view.maintenance_until),
            say("End the maintenance when the work is done."),
        )


def _maintenance_text(owner: str, until: str) -> str:
    if not owner:
        return say("Maintenance until %(until)s: no automatic takeover.", until=until)
    return say(
        "Maintenance by %(owner)s until %(until)s: no automatic takeover.",
        owner=owner,
        until=until,
    )


def disk_low(view: WarningView) -> Iterator[PairWarning]:
    """Little space is left for journal and database."""
    if view.disk_free_text:
        yield _warn(
            "disk_low",
            say("The disk is nearly full: %(free)s.", free=view.disk_free_text),
            say("Free space on the host's disk."),
        )


def backup_failed(view: WarningView) -> Iterator[PairWarning]:
    """A back-up that should have been made by itself was not."""
    if view.backup_text:
        yield _warn(
            "backup_failed",
            say("Backup failed: %(why)s", why=view.backup_text),
            say("Remove the cause, then make a back-up by hand or wait for the next attempt."),
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
    witness_unreachable,
    pair_secret,
    disk_low,
    backup_failed,
)


def warnings_of(view: WarningView) -> list[PairWarning]:
    """Every warning that the facts call for, each code at most once, in a fixed order."""
    return [warning for rule in RULES for warning in rule(view)]


__all__ = ["CLOCK_SKEW_SECONDS", "RULES", "PairWarning", "Severity", "WarningView", "warnings_of"]
