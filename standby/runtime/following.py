"""The other side of replication: apply what the active ships, catch up, reconcile after a split.

Also answers every request of the peer's channel.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from django.db import DatabaseError

from standby import hooks, journal
from standby.domain.facts import Head, Role
from standby.domain.reconcile import Standing
from standby.domain.sentence import pack, say, say_count
from standby.gate import GateClosed
from standby.journal import Batch
from standby.journal.errors import DATABASE_AWAY
from standby.link.channel import LinkError
from standby.runtime.copies import answer_part
from standby.runtime.refused import Refused
from standby.runtime.shipping import BATCH_BYTES

if TYPE_CHECKING:
    from standby.runtime.core import PairRuntime

log = logging.getLogger(__name__)

Message = dict[str, Any]
SET_ASIDE_AT_ONCE = 200
MOST_HASHES = 64


class Follower:
    """What an OMM does with the journal of the one that is active."""

    def __init__(self, runtime: PairRuntime) -> None:
        self.entry_refused = ""
        self.reconciling = False
        self._runtime = runtime
        self._followed = ""
        self._pending_checked = False
        self._splits_told = False
        self._reported_to = -1
        self._answers: dict[str, Callable[[Message], Awaitable[Message]]] = {
            "ping": self._ping,
            "position": self._position,
            "hashes": self._hashes,
            "fetch": self._fetch,
            "digest": self._digest,
            "batch": self._batch,
            "snapshot_part": self._snapshot_part,
            "snapshot_install": self._snapshot_install,
            "set_aside": self._set_aside,
            "events": self._events,
            "switchover": self._switchover,
            "copy_part": answer_part,
            "tell": self._told,
            "setup": self._setup,
        }

    def follows(self, head: Head) -> bool:
        """True when the own head is the result of applying the active's journal."""
        return self._followed == head.hash and self._runtime.member.role is not Role.ACTIVE

    # --- answers to the peer --------------------------------------------------------------------

    async def answer(self, _peer: str, message: Message) -> Message | None:
        """Answer one message; unknown ones are ignored, bad ones refused."""
        handler = self._answers.get(message["type"])
        if handler is None:
            return None
        try:
            return await handler(message)
        except Refused as refused:
            refusal: Message = pack(
                {"type": "refused", "code": refused.code, "reason": str(refused)}
            )
            return refusal
        except DatabaseError as error:
            return {"type": "refused", "code": "database", "reason": f"database error: {error}"}
        except (KeyError, TypeError, ValueError, journal.BadEntry) as error:
            return {"type": "refused", "code": "malformed", "reason": f"malformed message: {error}"}

    async def _ping(self, _message: Message) -> Message:
        return {"type": "pong"}

    async def _setup(self, _message: Message) -> Message:
        return self._runtime.ways.setup()

    async def _position(self, _message: Message) -> Message:
        # Staged first: a batch that is applied between the two must not look like a staged one.
        staged, staged_hash = await self._runtime.reader.run(journal.staged_end)
        head = await self._runtime.reader.run(journal.head)
        return {
            "type": "position",
            "seq": head.seq,
            "hash": head.hash,
            "lineage": head.lineage,
            "real": head.real,
            "staged": staged,
            "staged_hash": staged_hash,
        }

    async def _hashes(self, message: Message) -> Message:
        seqs = [int(seq) for seq in message["seqs"][:MOST_HASHES]]
        found = await self._runtime.reader.run(journal.hashes, seqs)
        return {"type": "hashes", "hashes": {str(seq): digest for seq, digest in found.items()}}

    async def _fetch(self, message: Message) -> Message:
        after = int(message["after"])
        batch = await self._runtime.reader.run(journal.read_batch, after, BATCH_BYTES)
        return {"type": "batch", **journal.batch_to_message(batch)}

    async def _digest(self, _message: Message) -> Message:
        head, digest = await self._runtime.bulk.run(journal.digest_at_head)
        return {
            "type": "digest",
            "seq": head.seq,
            "hash": head.hash,
            "layout": journal.table_layout(),
            "digest": digest,
        }

    def _check_may_apply(self, term: int) -> None:
        member = self._runtime.member
        if member.role is Role.ACTIVE or member.promoting:
            raise Refused("active", "this OMM is active itself")
        if term < member.term:
            raise Refused("term", f"term {term} is over: this OMM has seen term {member.term}")
        if self.reconciling:
            raise Refused("busy", "this OMM is setting its own changes aside")

    async def _batch(self, message: Message) -> Message:
        self._check_may_apply(int(message["term"]))
        batch = journal.batch_from_message(message)
        head = await self._apply(batch)
        self._followed = head.hash
        self._runtime.show_head()
        return {"type": "ack", "term": message["term"], "seq": head.seq, "hash": head.hash}

    async def _apply(self, batch: Batch) -> Head:
        runtime = self._runtime
        try:
            head = await runtime.writer.run(self._apply_unless_active, batch)
        except journal.UnknownModelOrField as error:
            self.entry_refused = str(error)
            raise Refused("unknown", str(error)) from None
        except journal.JournalError as error:
            raise Refused("chain", str(error)) from None
        except DatabaseError as error:
            runtime.health.database_failed(str(error))
            raise Refused("database", f"its database cannot be written: {error}") from None
        except Exception as error:
            runtime.health.database_failed(str(error))
            raise
        self.entry_refused = ""
        runtime.head, runtime.acked = head, (head.seq, head.hash)
        runtime.ever_synchronised = True
        if runtime.maintenance.concerns(batch.entries):
            await runtime.maintenance.look()
        return head

    def _apply_unless_active(self, batch: Batch) -> Head:
        """In the writing thread: promotion and applying exclude each other."""
        if self._runtime.member.role is Role.ACTIVE:
            raise journal.JournalError("this OMM has become active")
        return journal.apply(batch)

    async def _snapshot_part(self, message: Message) -> Message:
        self._check_not_active()
        await self._runtime.writer.run(
            journal.stage_part,
            str(message["transfer"]),
            int(message["index"]),
            str(message["data"]),
        )
        return {"type": "staged"}

    def _check_not_active(self) -> None:
        if self._runtime.member.role is Role.ACTIVE or self._runtime.member.promoting:
            raise Refused("active", "this OMM is active itself")

    async def _snapshot_install(self, message: Message) -> Message:
        self._check_may_apply(int(message["term"]))
        try:
            with self._runtime.health.patient():
                head = await self._runtime.writer.run(
                    journal.install_snapshot, str(message["transfer"])
                )
        except journal.JournalError as error:
            raise Refused("snapshot", str(error)) from None
        runtime = self._runtime
        runtime.head, runtime.acked = head, (head.seq, head.hash)
        runtime.ever_synchronised = True
        self._followed = head.hash
        text = say("Received the whole configuration, %(count)s entries.", count=head.seq)
        self._runtime.events.record("snapshot", "info", text, {})
        return {"type": "ack", "term": message["term"], "seq": head.seq, "hash": head.hash}

    async def _set_aside(self, message: Message) -> Message:
        if self._runtime.member.role is not Role.ACTIVE:
            raise Refused("passive", "this OMM is not active")
        items, splits = list(message["items"]), list(message.get("splits", ()))
        try:
            ids = await self._runtime.writer.run(journal.receive_set_aside, items, splits)
        except GateClosed as error:
            raise Refused("gate", str(error)) from None
        self._runtime.accounts.heard(is_all=bool(message.get("all")))
        if items or splits:
            self._runtime.shipper.wake.set()
            self._runtime.merger.wake.set()
        return {"type": "set_aside", "ids": [str(each) for each in ids]}

    async def _events(self, message: Message) -> Message:
        self._runtime.events.receive(list(message["items"]))
        return {"type": "events"}

    async def _told(self, message: Message) -> Message:
        """What an app of the other OMM wants the same app here to know."""
        thread = self._runtime.events.thread
        known = await thread.run(hooks.told, str(message["word"]), dict(message["body"]))
        if not known:
            raise Refused("unknown", "this OMM does not know that word")
        return {"type": "told"}

    async def _switchover(self, message: Message) -> Message:
        actor = str(message.get("actor", ""))
        answer: Message = pack(await self._runtime.commands.switchover({"actor": actor}))
        return answer

    # --- own initiative -------------------------------------------------------------------------

    async def run(self) -> None:
        """Catch up before the role is decided; reconcile and report after a split."""
        period = self._runtime.config.timing.interval / 2
        while True:
            await asyncio.sleep(period)
            try:
                await self._once()
            except LinkError as error:
                log.debug("following: %s", error)
            except Exception as error:
                if isinstance(error, DATABASE_AWAY):
                    log.warning("following: %s", error)
                else:
                    log.exception("following failed")
                await asyncio.sleep(1.0)

    async def _once(self) -> None:
        runtime = self._runtime
        member, peer = runtime.member, runtime.member.peer
        if peer is None or not member.in_contact or member.role is Role.ACTIVE:
            return
        relation = runtime.relation
        if not relation.speaks_of(runtime.head, peer.head):
            return
        if peer.role is not Role.ACTIVE:
            if relation.standing is Standing.BEHIND:
                await self._catch_up(runtime.head)
        elif relation.standing in (Standing.DIVERGED, Standing.AHEAD):
            await self._reconcile_if_true()
        else:
            await self._report_pending()

    async def _reconcile_if_true(self) -> None:
        """Compare with the active's journal as it is now: its heartbeat may lag behind it."""
        runtime = self._runtime
        answer = await runtime.link.request({"type": "position"})
        theirs = Head(
            int(answer["seq"]), str(answer["hash"]), 0, str(answer["lineage"]), bool(answer["real"])
        )
        runtime.head = await runtime.reader.run(journal.head)
        relation = await runtime.link.compare(runtime.head, theirs, runtime.comparer.own_hashes)
        if relation.standing in (Standing.DIVERGED, Standing.AHEAD):
            await self._reconcile(relation.common, theirs.seq)

    async def _catch_up(self, head: Head) -> None:
        """Rule 1, data before address: fetch what the peer has more, at least one transaction."""
        after = head.seq
        while (batch := await self._fetch_after(after)).entries:
            if (await self._apply(batch)).seq > head.seq:
                return
            after += len(batch.entries)  # part of a large transaction: the rest of it now

    async def _fetch_after(self, seq: int) -> Batch:
        answer = await self._runtime.link.request({"type": "fetch", "after": seq})
        return journal.batch_from_message(answer)

    async def _reconcile(self, common: int, until: int) -> None:
        """Save the own suffix, take the winner's (standby.md, Reconciling)."""
        runtime = self._runtime
        self.reconciling = True
        try:
            transfer = f"split-{runtime.member.term}-{runtime.head.hash[:16]}"
            await self._stage_suffix(transfer, common, until)
            before = runtime.head
            with runtime.health.patient():
                facts = runtime.splits.facts(until)
                work = partial(journal.reconcile, common, transfer, facts=facts)
                head = await runtime.writer.run(work)
        finally:
            self.reconciling = False
        runtime.head, runtime.acked = head, (head.seq, head.hash)
        self._followed = head.hash
        self._pending_checked = self._splits_told = False
        lost = before.seq - common
        runtime.events.record(
            "reconciled",
            "warning",
            say_count(
                "After the split 1 own change was set aside and the other OMM's were taken.",
                "After the split %(count)s own changes were set aside and the other OMM's were "
                "taken.",
                lost,
            ),
            {"common": common, "set_aside": lost, "head": head.seq},
        )

    async def _stage_suffix(self, transfer: str, common: int, until: int) -> None:
        after, index = common, 0
        digest = await self._runtime.reader.run(journal.hash_at, common)
        while after < until:
            batch = await self._fetch_after(after)
            if not batch.entries:
                break
            text = journal.pack_entries(batch.entries)
            await self._runtime.writer.run(journal.stage_part, transfer, index, text)
            after, index = batch.after_seq + len(batch.entries), index + 1
            digest = batch.entries[-1].hash
        end = {"kind": "end", "seq": after, "hash": digest, "parts": index, "digest": ""}
        await self._runtime.writer.run(journal.stage_part, transfer, index, json.dumps(end))

    async def _report_pending(self) -> None:
        """Send the own set-aside changes to the winner, again and again until it has them."""
        runtime = self._runtime
        if self._reported_to != runtime.link.generation:
            self._reported_to = runtime.link.generation
            self._pending_checked = self._splits_told = False
            await runtime.writer.run(journal.resend_set_aside)
        if await runtime.splits.note():
            self._pending_checked = self._splits_told = False
        if self._pending_checked:
            return
        items = await runtime.reader.run(journal.pending_set_aside, SET_ASIDE_AT_ONCE)
        splits = await runtime.reader.run(journal.pending_splits)
        if not items and (not splits or self._splits_told):
            done = await runtime.link.request({"type": "set_aside", "items": [], "all": True})
            self._pending_checked = done.get("type") == "set_aside"
            return
        message = {"type": "set_aside", "items": items, "splits": splits}
        answer = await runtime.link.request(message)
        if answer.get("type") != "set_aside":
            await asyncio.sleep(0.5)
            return
        self._splits_told = True
        await runtime.writer.run(journal.mark_sent, list(answer["ids"]))

    async def after_promotion(self) -> None:
        """An OMM that becomes active takes its own unsent set-aside changes into the list."""
        runtime = self._runtime
        self._followed = ""
        self._pending_checked = False
        if not runtime.member.gate_open:
            return
        await runtime.writer.run(hooks.promoted)
        with runtime.health.patient():
            if await runtime.writer.run(journal.adopt_pending):
                runtime.shipper.wake.set()
        runtime.merger.wake.set()

    def request_switchover(self, actor: str) -> Awaitable[Message]:
        """Ask the active OMM to hand over to this one."""
        return self._runtime.link.request({"type": "switchover", "actor": actor}, timeout=10.0)
