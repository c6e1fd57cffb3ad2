"""The facts that warnings are made of, and what a warning is. Plain values only."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from standby.domain.facts import Role


class Severity(StrEnum):
    """How grave a warning is."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class PairWarning:
    """One warning: ``code`` is stable, ``message`` says what is, ``advice`` what to do.

    ``event`` is the message for the log of events: without the manual's words "No Standby", which
    stand on a page only while the warning holds.
    """

    code: str
    severity: Severity
    message: str
    advice: str
    event: str = ""

    def shown(self) -> dict[str, str]:
        """As the status document has it."""
        return {
            "code": self.code,
            "severity": self.severity.value,
            "message": self.message,
            "advice": self.advice,
        }


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
    peer_sip_reachable: bool | None = None
    set_aside_open: int = 0
    set_aside_pending: int = 0
    set_aside_waiting: int = 0
    """Of the open ones, those that the merge has not looked at yet."""
    set_aside_missing: int = 0
    """Changes of the other OMM that it told of and that are not here yet."""
    set_aside_lost: int = 0
    """Of these, those that the other OMM has not either."""
    split_problem: str = ""
    """What is wrong in the account of a split."""
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
    paths_differ: str = ""
    witnesses_differ: str = ""
    witness_silent: str = ""
    maintenance_owner: str = ""
    maintenance_until: str = ""
    disk_free_text: str = ""
    secret_changing: bool = False
    """This OMM was told the former pair secret, or the other one holds another one."""
    secret_differs: bool = False
    """The other OMM holds another one as the present one."""
    keys_former: int = 0
    """Keys of stored secrets that are wrapped with the former pair secret ..."""
    keys_unreadable: int = 0
    """... and with one that this OMM does not hold."""
    backup_text: str = ""
