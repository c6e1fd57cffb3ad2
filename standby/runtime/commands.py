"""What people may ask of the running pair: status, switch-over, takeover, reboot, shutdown."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from standby.domain.election import sip_allows, successor_refusal
from standby.domain.facts import ROLE_WORDS, Role
from standby.domain.member import Handover, HandoverEnded
from standby.domain.reconcile import Standing
from standby.domain.sentence import say, unpack
from standby.link import control
from standby.link.channel import LinkError
from standby.runtime.copies import ask_part

if TYPE_CHECKING:
    from standby.runtime.core import PairRuntime

log = logging.getLogger(__name__)

Message = dict[str, Any]
ANSWER_SLACK = 0.5
SUPERVISOR_TIMEOUT = 2.0
SOMEBODY = say("a person")


def _check(name: str, ok: bool, message: str, advice: str = "") -> Message:  # noqa: FBT001
    return {"name": name, "ok": ok, "message": message, "advice": "" if ok else advice}


class Commands:
    """Answers the control socket."""

    def __init__(self, runtime: PairRuntime) -> None:
        self._runtime = runtime
        self._handlers: dict[str, Callable[[Message], Awaitable[Message]]] = {
            "status": self._status,
            "ring": self._ring,
            "health": self._health,
            "preflight": self._preflight,
            "switchover": self.switchover,
            "takeover": self._takeover,
            "reboot": self._reboot,
            "shutdown": self._shutdown,
            "resign": self._resign,
            "metrics": self._metrics,
            "prove": self._prove,
            "tell": self._tell,
            "copy_part": self._copy_part,
            "secret": self._secret,
        }

    async def handle(self, message: Message) -> Message:
        """Answer one command."""
        handler = self._handlers.get(str(message.get("command", "")))
        if handler is None:
            return {"ok": False, "reason": f"unknown command {message.get('command')!r}"}
        return await handler(message)

    async def _status(self, _message: Message) -> Message:
        return {"ok": True, "document": self._runtime.documents.document()}

    async def _ring(self, _message: Message) -> Message:
        self._runtime.health.committed()
        self._runtime.shipper.wake.set()
        return {"ok": True}

    async def _health(self, message: Message) -> Message:
        self._runtime.health.children(dict(message.get("children", {})))
        return {"ok": True}

    async def _metrics(self, message: Message) -> Message:
        """Counters of the runtime; with ``reset`` the longest gap is measured anew."""
        runtime = self._runtime
        longest_gap = runtime.beats.longest_gap
        if message.get("reset"):
            runtime.beats.longest_gap = 0.0
        return {
            "ok": True,
            "datagrams": dict(runtime.beats.counters),
            "channel_bad": dict(runtime.server.bad),
            "longest_gap": longest_gap,
            "shipped": runtime.shipper.shipped,
        }

    async def _prove(self, _message: Message) -> Message:
        """Compare the tables of both OMMs now."""
        try:
            equal = await self._runtime.proof.compare()
        except LinkError as error:
            return {"ok": False, "reason": str(error)}
        return {"ok": True, "equal": equal}

    async def _tell(self, message: Message) -> Message:
        """Pass the word of an app on to the other OMM."""
        reason = await self._runtime.words.tell(str(message["word"]), dict(message["body"]))
        return {"ok": not reason, "reason": reason}

    async def _copy_part(self, message: Message) -> Message:
        """A piece of a copy of a database that lies on the other OMM."""
        try:
            link = self._runtime.link
            answer = await ask_part(link, str(message["name"]), int(message["offset"]))
        except LinkError as error:
            text = say("The OMM that holds the copy does not answer: %(error)s.", error=error)
            return {"ok": False, "reason": text}
        if answer.get("type") != "copy_part":
            return {"ok": False, "reason": unpack(answer).get("reason", "")}
        return {"ok": True, "size": answer["size"], "data": answer["data"]}

    async def _secret(self, _message: Message) -> Message:
        """Whether the other OMM holds the same pair secret; only a heartbeat proves it."""
        member = self._runtime.member
        if not member.peer_address:
            return {"ok": True}
        if not member.in_contact or member.peer is None:
            return {"ok": False, "reason": "the other OMM is not in contact"}
        if member.peer.secret != member.secret:
            return {"ok": False, "reason": "the other OMM has another OMM_PAIR_SECRET"}
        return {"ok": True}

    # --- switch-over ----------------------------------------------------------------------------

    def checks(self) -> list[Message]:
        """The preflight list of a switch-over: each check, its verdict, what to do."""
        runtime = self._runtime
        member, now = runtime.member, runtime.clock()
        peer = member.peer
        standing = runtime.relation.standing
        found = [
            _check(
                "active",
                member.role is Role.ACTIVE,
                say("This OMM is %(role)s.", role=ROLE_WORDS[member.role]),
                say("Ask on the OMM that is active."),
            ),
            _check(
                "contact",
                member.in_contact,
                say("The other OMM is in contact.")
                if member.in_contact
                else say("The other OMM is not in contact."),
                say("Start the other OMM or repair the network between the two."),
            ),
        ]
        if member.in_contact and peer is not None:
            found += [
                _check(
                    "standby",
                    peer.role is Role.STANDBY,
                    say("The other OMM is %(role)s.", role=ROLE_WORDS[peer.role]),
                    say("Wait until it is standby."),
                ),
                _check(
                    "healthy",
                    peer.healthy,
                    say("The other OMM is healthy.")
                    if peer.healthy
                    else say("The other OMM reports an error."),
                    say("Look at its events and its disk."),
                ),
                _check(
                    "sip",
                    peer.sip_ok is not False,
                    say("The other OMM reaches the SIP proxy, or none is configured.")
                    if peer.sip_ok is not False
                    else say("The other OMM does not reach the SIP proxy."),
                    say("Check the network between the other OMM and the SIP proxy."),
                ),
                _check(
                    "journal",
                    standing in (Standing.EQUAL, Standing.AHEAD, Standing.UNKNOWN),
                    say("The other OMM holds the journal or can take the rest.")
                    if standing in (Standing.EQUAL, Standing.AHEAD, Standing.UNKNOWN)
                    else say("The other OMM does not hold this journal."),
                    say("Wait until the OMMs are synchronised."),
                ),
            ]
        if not any(not each["ok"] for each in found):
            refusal = successor_refusal(member.view(runtime.facts(), now))
            if refusal:
                found.append(_check("eligible", False, refusal))
        return found

    async def _preflight(self, _message: Message) -> Message:
        checks = self.checks()
        return {"ok": all(each["ok"] for each in checks), "checks": checks}

    async def switchover(self, message: Message) -> Message:
        """Hand the role to the other OMM; refused with the failed checks."""
        actor = str(message.get("actor", ""))
        failed = [each for each in self.checks() if not each["ok"]]
        if failed:
            return _refused(failed[0]["message"], failed)
        ended = await self._runtime.handing.give(
            Handover.SWITCHOVER, say("Switch-over by %(who)s.", who=actor or SOMEBODY)
        )
        if not ended.done:
            return _refused(say("The switch-over was cancelled: %(why)s.", why=ended.reason), [])
        return _accepted(say("The other OMM is active."))

    # --- takeover -------------------------------------------------------------------------------

    async def _takeover(self, message: Message) -> Message:
        """Make this OMM active: by the active's leave when in contact, else by force."""
        runtime = self._runtime
        member = runtime.member
        if member.role is Role.ACTIVE:
            return _refused(say("This OMM is active already."), [])
        if member.in_contact and member.peer is not None and member.peer.role is Role.ACTIVE:
            try:
                return await runtime.follower.request_switchover(str(message.get("actor", "")))
            except LinkError as error:
                return _refused(say("The active OMM does not answer: %(error)s.", error=error), [])
        if not message.get("force"):
            return self._takeover_by_rule()
        member.force()
        runtime.events.record(
            "takeover_forced",
            "warning",
            say("Takeover forced by %(who)s.", who=message.get("actor") or SOMEBODY),
            {},
        )
        runtime.step()
        return _accepted(say("This OMM takes over by force."))

    def _takeover_by_rule(self) -> Message:
        runtime = self._runtime
        allowed, _ = sip_allows(runtime.member.view(runtime.facts(), runtime.clock()))
        checks = [
            _check(
                "sip",
                allowed,
                say("The SIP proxy does not answer."),
                say("Force the takeover if you are sure."),
            )
        ]
        return _refused(say("Not now: %(why)s", why=runtime.member.reason), checks)

    # --- leaving --------------------------------------------------------------------------------

    async def _resign(self, message: Message) -> Message:
        """Before the process ends: hand over, bounded; answers when done or given up."""
        kind = Handover.SHUTDOWN
        ended = await self._runtime.handing.give(
            kind, str(message.get("reason") or say("Shutting down."))
        )
        return {
            "ok": ended.done,
            "reason": ended.reason,
            "unconfirmed": self._unconfirmed(),
        }

    def _unconfirmed(self) -> int:
        runtime = self._runtime
        return max(0, runtime.head.seq - runtime.acked[0]) if runtime.config.peer_address else 0

    async def _reboot(self, message: Message) -> Message:
        return await self._leave(Handover.REBOOT, "restart", message)

    async def _shutdown(self, message: Message) -> Message:
        return await self._leave(Handover.SHUTDOWN, "stop", message)

    async def _leave(self, kind: Handover, order: str, message: Message) -> Message:
        runtime = self._runtime
        if runtime.member.leaving:
            return _refused(say("This OMM is leaving already."), [])
        actor = str(message.get("actor") or SOMEBODY)
        asked, reason, answer = _leaving_texts(kind, actor)
        runtime.events.record(kind.value, "warning", asked, {"actor": actor})
        runtime.in_loop(self._hand_over_and(kind, reason, order))
        return _accepted(answer)

    async def _hand_over_and(self, kind: Handover, reason: str, order: str) -> None:
        ended: HandoverEnded = await self._runtime.handing.give(kind, reason)
        if not ended.done:
            log.warning("leaving without a confirmed successor: %s", ended.reason)
        path: Path = self._runtime.config.supervisor_socket
        await asyncio.to_thread(_tell_supervisor, path, order)


def _tell_supervisor(path: Path, order: str) -> None:
    try:
        control.call(path, {"command": order}, SUPERVISOR_TIMEOUT)
    except control.ControlError as error:
        log.warning("the supervisor does not answer: %s", error)


def _leaving_texts(kind: Handover, actor: str) -> tuple[str, str, str]:
    """What is noted, the reason of the hand-over, and the answer."""
    if kind is Handover.REBOOT:
        return (
            say("Reboot asked for by %(who)s.", who=actor),
            say("Reboot by %(who)s.", who=actor),
            say("Reboot: this OMM hands over and then leaves."),
        )
    return (
        say("Shutdown asked for by %(who)s.", who=actor),
        say("Shutdown by %(who)s.", who=actor),
        say("Shutdown: this OMM hands over and then leaves."),
    )


def _accepted(reason: str) -> Message:
    return {"ok": True, "accepted": True, "reason": reason, "checks": []}


def _refused(reason: str, checks: list[Message]) -> Message:
    return {"ok": False, "accepted": False, "reason": reason, "checks": checks}
