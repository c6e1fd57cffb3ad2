"""Events of this node: kept in the second database, shared with the peer, written to the log."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from django.db import DatabaseError
from django.utils.dateparse import parse_datetime

from standby.domain.contact import Evidence
from standby.domain.facts import ROLE_WORDS, Role
from standby.domain.member import RoleChanged
from standby.domain.sentence import TEXTS, pack, say
from standby.link.channel import LinkError
from standby.models import Event, Severity
from standby.runtime.threads import DatabaseThread

if TYPE_CHECKING:
    from standby.runtime.core import PairRuntime

log = logging.getLogger(__name__)

LEVELS = {"info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
SHARED_AT_ONCE = 50
EVIDENCE_WORDS = {
    Evidence.NEVER: say("never"),
    Evidence.REFUSED: say("refused"),
    Evidence.SILENCE: say("silence"),
    Evidence.RESTART: say("restart"),
}
REMEMBERED = 500
"""Events offered to a peer after contact is back; what it has already is recognised by its id."""


class EventLog:
    """Records what happens; never slows the loop and never fails it."""

    def __init__(self, runtime: PairRuntime) -> None:
        self.thread = DatabaseThread("omm-events")
        self._runtime = runtime
        self._unshared: list[dict[str, Any]] = []
        self._wake = asyncio.Event()
        self._silence: dict[str, Any] = {}

    def record(self, code: str, severity: str, message: str, details: dict[str, Any]) -> None:
        """Keep one event of this node; ``details`` must be JSON."""
        log.log(
            LEVELS[severity], "%s: %s", code, message, extra={"event": code, "details": details}
        )
        item = pack(
            {
                "uid": str(uuid.uuid4()),
                "at": datetime.now(UTC).isoformat(),
                "node": self._runtime.config.address,
                "code": code,
                "severity": severity,
                "message": message,
            }
        )
        item["details"] = details
        self._unshared = [*self._unshared, item][-REMEMBERED:]
        self._wake.set()
        self._runtime.budget.note(item)
        self.thread.submit(lambda: _keep([item]))
        self._runtime.documents.announce(item)

    def receive(self, items: list[dict[str, Any]]) -> None:
        """Keep events of the peer; known ones are left alone."""
        checked = [item for item in items if _sound(item)]
        self.thread.submit(lambda: _keep(checked))
        for item in checked:
            self._runtime.budget.note(item)
            self._runtime.documents.announce(item)

    def contact(self, *, in_contact: bool) -> None:
        """Contact with the other OMM began or ended."""
        peer = self._runtime.config.peer_address
        if in_contact:
            self.record(
                "contact", "info", say("In contact with the other OMM, %(omm)s.", omm=peer), {}
            )
            return
        contact = self._runtime.member.contact
        text = say(
            "No contact with the other OMM, %(omm)s: %(evidence)s.",
            omm=peer,
            evidence=EVIDENCE_WORDS[contact.evidence],
        )
        self.record("contact_lost", "error", text, self._evidence())

    def role_changed(self, change: RoleChanged) -> None:
        """The role changed: cause, evidence, and how long the pair was without an active."""
        details = {
            "from": change.old.value,
            "to": change.new.value,
            "term": change.term,
            **self._evidence(),
        }
        if change.new is Role.ACTIVE:
            details["without_active_s"] = self._without_active()
        severity = "error" if change.new is Role.FAILED else "warning"
        if change.old is Role.STARTING and change.new is Role.STANDBY:
            severity = "info"
        text = say("%(role)s: %(cause)s", role=ROLE_WORDS[change.new], cause=change.reason)
        self.record("role_change", severity, text, details)

    def _evidence(self) -> dict[str, Any]:
        runtime, now = self._runtime, self._runtime.clock()
        contact, sip = runtime.member.contact, runtime.sip.view
        ago = None if contact.heard_at is None else round(now - contact.heard_at, 3)
        sip_ago = None if sip.answered_at is None else round(now - sip.answered_at, 3)
        return {
            "contact": contact.state.value,
            "evidence": contact.evidence.value,
            "last_heartbeat_s": ago,
            "sip_answer_s": sip_ago,
            "sip_configured": sip.configured,
            "healthy": runtime.health.healthy,
        }

    def _without_active(self) -> float | None:
        """Seconds since the other OMM was last heard as active."""
        member = self._runtime.member
        peer_was_active = member.peer is not None and member.peer.role is Role.ACTIVE
        if not peer_was_active or member.contact.heard_at is None:
            return None
        return round(max(0.0, member.role_since - member.contact.heard_at), 3)

    async def share_for_ever(self) -> None:
        """Send own events to the peer, for one common time line."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            await asyncio.sleep(0.2)
            with contextlib.suppress(LinkError):
                await self._share()
            if self._unshared:
                await asyncio.sleep(0.5)
                self._wake.set()

    async def _share(self) -> None:
        while self._unshared and self._runtime.link.client is not None:
            part = self._unshared[:SHARED_AT_ONCE]
            await self._runtime.link.request({"type": "events", "items": part})
            sent = {item["uid"] for item in part}
            self._unshared = [item for item in self._unshared if item["uid"] not in sent]


def _sound(item: Any) -> bool:
    if not isinstance(item, dict) or not isinstance(item.get("details"), dict):
        return False
    texts = all(isinstance(item.get(key), str) for key in ("uid", "at", "node", "code", "message"))
    return (
        texts and item.get("severity") in Severity.values and parse_datetime(item["at"]) is not None
    )


def _keep(items: list[dict[str, Any]]) -> None:
    rows = [
        Event(
            uid=uuid.UUID(item["uid"]),
            at=datetime.fromisoformat(item["at"]),
            node=item["node"][:64],
            code=item["code"][:64],
            severity=item["severity"],
            message=item["message"],
            details=item["details"],
            texts=item.get(TEXTS, {}),
        )
        for item in items
    ]
    try:
        Event.objects.bulk_create(rows, ignore_conflicts=True)
    except DatabaseError as error:
        log.warning("events could not be kept: %s", error)
