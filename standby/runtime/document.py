"""The status document (contract of /api/v1/status/) and its way to the browsers."""

from __future__ import annotations

import asyncio
import json
import logging
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from standby import push
from standby.domain.election import successor_refusal
from standby.domain.facts import Role, SplitPolicy
from standby.domain.reconcile import Standing
from standby.domain.sentence import pack, say
from standby.domain.warnings import PairWarning, WarningView, warnings_of
from standby.runtime.config import VERSION
from standby.runtime.rules import rule_rows
from standby.runtime.threads import DatabaseThread

if TYPE_CHECKING:
    from standby.runtime.core import PairRuntime

log = logging.getLogger(__name__)

PUSH_PERIOD = 0.25
FROZEN_SHOWN = 600.0
"""Seconds that a freeze stays on the page."""
OWN_PEER_SILENT = 5.0

Document = dict[str, Any]


def iso(wall: float) -> str:
    """Wall time as text, UTC."""
    return (
        datetime.fromtimestamp(wall, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    )


class DocumentMaker:
    """Builds the document, remembers since when warnings hold, pushes changes to the browsers."""

    def __init__(self, runtime: PairRuntime) -> None:
        self.thread = DatabaseThread("omm-push")
        self._runtime = runtime
        self._since: dict[str, str] = {}
        self._said: dict[str, str] = {}
        self._lag_since: float | None = None
        self._pushed: Document = {}
        self._events: list[Document] = []

    def encoded(self) -> bytes:
        """The document as JSON text."""
        document = pack(self.document())
        return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()

    def document(self) -> Document:
        """The document as of now."""
        runtime = self._runtime
        member, now = runtime.member, runtime.clock()
        return {
            "node": self._node(now),
            "peer": self._peer(now),
            "journal": self._journal(),
            "sip": self._sip(now),
            "witness": runtime.witnesses.row(now),
            "rfps": {
                "configured": runtime.health.rfps_configured,
                "connected": runtime.health.rfps_connected,
            },
            "rules": rule_rows(runtime, now),
            "warnings": self._warnings(now),
            "reason": member.reason,
        }

    def _wall(self, boot: float | None, now: float) -> str | None:
        if boot is None:
            return None
        return iso(datetime.now(UTC).timestamp() - (now - boot))

    def _node(self, now: float) -> Document:
        runtime, member = self._runtime, self._runtime.member
        since = runtime.active_since_wall
        return {
            "address": runtime.config.address,
            "role": member.role.value,
            "role_since": self._wall(member.role_since, now),
            "synchronised": self.synchronised(now),
            "term": member.term,
            "active_since": iso(since) if since is not None else None,
            "started_at": iso(runtime.started_at),
            "boot_id": runtime.config.boot,
            "version": VERSION,
            "accepts_changes": member.gate_open,
            "handing_over": member.handing_over,
            "forced": member.forced,
            "healthy": runtime.health.healthy,
            "database_answers": runtime.health.database_answers,
        }

    def _peer(self, now: float) -> Document | None:
        runtime, member = self._runtime, self._runtime.member
        if not runtime.config.peer_address:
            return None
        contact, peer = member.contact, member.peer
        heard = contact.heard_at
        return {
            "address": runtime.config.peer_address,
            "in_contact": member.in_contact,
            "role": peer.role.value if peer is not None and member.in_contact else None,
            "term": peer.term if peer is not None else None,
            "last_heard_ms": None if heard is None else max(0, round((now - heard) * 1000)),
            "version": peer.version if peer is not None else None,
            "suspicion": contact.suspicion(now),
            "latency_ms": runtime.shipper.latency_ms,
            "sip_reachable": peer.sip_ok if peer is not None and member.in_contact else None,
            "healthy": peer.healthy if peer is not None and member.in_contact else None,
            "eligible": not successor_refusal(member.view(runtime.facts(), now)),
            "web": web_origin(runtime.config.peer_address, runtime.config.web_port),
            "paths": runtime.ways.rows(now),
        }

    def _journal(self) -> Document:
        runtime = self._runtime
        has_peer = bool(runtime.config.peer_address)
        return {
            "seq": runtime.head.seq,
            "hash": runtime.head.hash,
            "lineage": runtime.head.lineage,
            "peer_seq": self._peer_seq() if has_peer else None,
            "unsafe": self._unsafe() if has_peer else 0,
            "set_aside": runtime.health.set_aside_open + runtime.health.set_aside_pending,
            "relation": runtime.relation.standing.value if has_peer else None,
        }

    def _peer_seq(self) -> int:
        """How far the other OMM's journal is known to agree with ours."""
        runtime = self._runtime
        if runtime.member.role is Role.ACTIVE:
            return min(runtime.acked[0], runtime.head.seq)
        peer = runtime.member.peer
        if peer is not None and peer.head.hash == runtime.head.hash:
            return runtime.head.seq
        known = runtime.relation.common or runtime.acked[0]
        return min(known, runtime.head.seq)

    def _unsafe(self) -> int:
        runtime = self._runtime
        if runtime.member.role is Role.ACTIVE:
            return max(0, runtime.head.seq - runtime.acked[0])
        standing = runtime.relation.standing
        if standing in (Standing.DIVERGED, Standing.AHEAD, Standing.FOREIGN):
            return max(0, runtime.head.seq - runtime.relation.common)
        return 0

    def synchronised(self, now: float) -> bool:
        """In contact, and every entry older than the replication wait is on both OMMs."""
        runtime, member = self._runtime, self._runtime.member
        peer = member.peer
        if not member.in_contact or peer is None:
            self._lag_since = None
            return False
        if self._equal():
            self._lag_since = None
            return True
        if runtime.relation.standing in (Standing.DIVERGED, Standing.FOREIGN):
            return False
        if self._lag_since is None:
            self._lag_since = now
        young = now - self._lag_since < runtime.config.replication_wait
        return young and runtime.ever_synchronised

    def _equal(self) -> bool:
        runtime = self._runtime
        peer = runtime.member.peer
        if runtime.member.role is Role.ACTIVE:
            return runtime.head.seq > 0 and runtime.acked == (runtime.head.seq, runtime.head.hash)
        return peer is not None and peer.head.seq > 0 and peer.head.hash == runtime.head.hash

    def _sip(self, now: float) -> Document:
        sip = self._runtime.sip.view
        return {
            "configured": sip.configured,
            "reachable": bool(sip.ok) if sip.configured else False,
            "checked_at": self._wall(sip.answered_at, now),
            "known": sip.known,
        }

    # --- warnings -------------------------------------------------------------------------------

    def _warnings(self, now: float) -> list[Document]:
        found = []
        for warning in warnings_of(self._warning_view(now)):
            if warning.code not in self._since:
                self._since[warning.code] = iso(datetime.now(UTC).timestamp())
                self._report_raised(warning)
            found.append({**warning.shown(), "since": self._since[warning.code]})
        held = {warning["code"] for warning in found}
        for code in [code for code in self._since if code not in held]:
            del self._since[code]
            text = say("No longer: %(what)s", what=self._said.pop(code))
            self._report("warning_ended", "info", text, code)
        return found

    def _report_raised(self, warning: PairWarning) -> None:
        text = self._said[warning.code] = warning.event or warning.message
        self._report("warning_raised", warning.severity.value, text, warning.code)

    def _report(self, code: str, severity: str, message: str, warning: str) -> None:
        self._runtime.events.record(code, severity, message, {"warning": warning})

    def _timing_differs(self) -> str:
        """The pair uses the larger contact timeout; the OMM with the smaller one says so."""
        own = self._runtime.config.timing.contact_timeout
        agreed = self._runtime.member.timing.contact_timeout
        if agreed == own:
            return ""
        return say(
            "this OMM waits %(own)s s, the other %(other)s s.", own=f"{own:g}", other=f"{agreed:g}"
        )

    def _policy_differs(self, theirs: SplitPolicy | None) -> bool:
        """An OMM of an earlier version does not tell its policy before a split."""
        return theirs is not None and theirs is not self._runtime.config.policy

    def _warning_view(self, now: float) -> WarningView:
        runtime, member = self._runtime, self._runtime.member
        peer, sip = member.peer, runtime.sip.view
        heard = member.in_contact and peer is not None
        frozen = runtime.frozen_at
        maintenance = runtime.maintenance.current
        return WarningView(
            role=member.role,
            address=runtime.config.address,
            peer_address=runtime.config.peer_address,
            in_contact=member.in_contact or self._just_started(now),
            peer_role=peer.role if heard and peer else None,
            peer_says_peer=peer.peer_address if heard and peer else None,
            unsafe=self._unsafe() if runtime.config.peer_address else 0,
            overdue=not self.synchronised(now),
            comparing=runtime.relation.standing is Standing.DIVERGED,
            older_disk=runtime.shipper.older_disk,
            tables_differ=runtime.proof.differ,
            timing_differs=self._timing_differs(),
            sip_configured=sip.configured,
            sip_reachable=None if not sip.known else sip.ok,
            peer_sip_reachable=peer.sip_ok if heard and peer else None,
            set_aside_open=runtime.health.set_aside_open,
            set_aside_pending=runtime.health.set_aside_pending,
            set_aside_waiting=runtime.health.set_aside_waiting,
            set_aside_missing=runtime.accounts.missing,
            set_aside_lost=runtime.accounts.lost,
            split_problem=runtime.accounts.problem,
            policies_differ=heard and peer is not None and self._policy_differs(peer.policy),
            wrong_secret=now - runtime.ears.wrong_secret_at < OWN_PEER_SILENT
            and not member.in_contact,
            same_address=now - runtime.ears.same_address_at < OWN_PEER_SILENT,
            same_node=now - runtime.ears.same_node_at < OWN_PEER_SILENT,
            two_lineages=heard and runtime.relation.standing is Standing.FOREIGN,
            version=VERSION,
            peer_version=peer.version if heard and peer else "",
            entry_refused=runtime.shipper.refused or runtime.follower.entry_refused,
            clock_apart=runtime.ears.clock_apart if heard else None,
            healthy=runtime.health.healthy,
            health_text=runtime.health.text,
            peer_healthy=peer.healthy if heard and peer else True,
            frozen_for=runtime.frozen_for
            if frozen is not None and now - frozen < FROZEN_SHOWN
            else None,
            error_handovers=runtime.budget.spent,
            error_budget=runtime.budget.left,
            maintenance_owner=maintenance.owner if maintenance else "",
            maintenance_until=maintenance.end_text if maintenance else "",
            paths=len(runtime.beats.paths),
            paths_down=runtime.ways.down(now),
            paths_differ=runtime.ways.differ,
            witnesses_differ=runtime.ways.witnesses_differ,
            witness_silent=runtime.witnesses.unreachable(now),
            disk_free_text=runtime.health.disk_text,
            secret_changing=len(runtime.config.secrets) > 1,
            secret_differs=heard
            and peer is not None
            and bool(peer.secret)
            and peer.secret != member.secret,
            keys_former=runtime.health.keys.former,
            keys_unreadable=runtime.health.keys.unreadable,
            backup_text=runtime.health.backup_text,
        )

    def _just_started(self, now: float) -> bool:
        """Looking for the peer is not yet having none."""
        member = self._runtime.member
        return member.role is Role.STARTING and now < member.wait_until

    # --- to the browsers ------------------------------------------------------------------------

    def announce(self, event: Document) -> None:
        """A new event for the time line of open pages."""
        self._events = [*self._events, event][-50:]

    async def run(self) -> None:
        """Push the document to open pages when it changed, at most four times a second."""
        while True:
            await asyncio.sleep(PUSH_PERIOD)
            document = self.document()
            self._runtime.sampler.look(document, self._runtime.clock())
            shown = _without_clockwork(document)
            events, self._events = self._events, []
            if shown == self._pushed and not events:
                continue
            self._pushed = shown
            payload = {"document": document, "events": events}
            self.thread.submit(partial(push.publish, "status", payload))


def _without_clockwork(document: Document) -> Document:
    """The document without what changes at every beat."""
    peer = document["peer"]
    if peer is None:
        return document
    calm = _without(peer, "last_heard_ms", "suspicion", "latency_ms")
    paths = [_without(row, "last_heard_ms", "gap_ms", "behind_ms") for row in peer["paths"]]
    return {**document, "peer": {**calm, "paths": paths}, "witness": _calm_witness(document)}


def _calm_witness(document: Document) -> Document | None:
    witness: Document | None = document["witness"]
    if witness is None:
        return None
    rows = [_without(row, "last_answer_ms", "hears_peer_ms") for row in witness["witnesses"]]
    return {**witness, "witnesses": rows}


def _without(row: Document, *names: str) -> Document:
    return {name: value for name, value in row.items() if name not in names}


def web_origin(address: str, port: int) -> str:
    """The web address of an OMM."""
    host = f"[{address}]" if ":" in address else address
    return f"http://{host}:{port}"
