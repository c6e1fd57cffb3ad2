"""Is this OMM able to work? Database, disk, child processes; and what its settings say."""

from __future__ import annotations

import asyncio
import logging
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from django.db import DatabaseError, connections

from standby import hooks, journal, keyring, merging
from standby.backup.state import problem as backup_problem
from standby.domain.sentence import say
from standby.journal.database import is_lock_problem
from standby.models import NodeIdentity, SetAside, SetAsideClass, SipSettings
from standby.sip_check import check_targets

if TYPE_CHECKING:
    from standby.runtime.accounts import AccountWatch
    from standby.runtime.core import PairRuntime

log = logging.getLogger(__name__)

PERIOD = 1.0
ESSENTIAL = ("web", "rfp", "redis")
DISK_LOW_BYTES = 200 * 1024 * 1024
SUPERVISOR_SILENT = 10.0


class Health:
    """Watches the node; ``healthy`` and ``text`` are what the domain is told."""

    def __init__(self, runtime: PairRuntime) -> None:
        self.rfps_configured = 0
        self.rfps_connected = 0
        self.set_aside_open = 0
        self.set_aside_pending = 0
        self.set_aside_waiting = 0
        self.keys = keyring.RingState(0, 0, 0)
        self.disk_text = ""
        self.backup_text = ""
        self._runtime = runtime
        self._database_error = ""
        self._term_error = ""
        self._children: dict[str, dict[str, Any]] = {}
        self._checking_since: float | None = None
        self._committed_at = float("-inf")
        self._mark_waiting = False
        self._looked_at = ""
        self._long_work = 0

    @property
    def text(self) -> str:
        """What is wrong, as one sentence; empty when nothing is."""
        return (
            self._database_error or self._term_error or self._slow_database() or self._dead_child()
        )

    @property
    def healthy(self) -> bool:
        """True when this OMM can do its work."""
        return not self.text

    @property
    def database_works(self) -> bool:
        """False while the database cannot be written or gives no answer."""
        return not (self._database_error or self._slow_database())

    @contextmanager
    def patient(self) -> Iterator[None]:
        """While a long transaction of our own runs, a waiting check proves nothing."""
        self._long_work += 1
        try:
            yield
        finally:
            self._long_work -= 1
            if self._checking_since is not None:
                self._checking_since = self._runtime.clock()

    @property
    def database_answers(self) -> bool:
        """False while the database has been silent for longer than the grace."""
        return not self._slow_database()

    def _slow_database(self) -> str:
        since = None if self._long_work else self._checking_since
        if since is None:
            return ""
        silent = self._runtime.clock() - max(since, self._committed_at)
        if silent > self._runtime.config.timing.error_grace:
            return say("The database does not answer.")
        return ""

    def committed(self) -> None:
        """A change was committed on this OMM just now, so the database works, however long our own
        check waits: SQLite lets writers in by chance, and on a busy host one may wait for seconds.
        """
        self._committed_at = self._runtime.clock()

    def _dead_child(self) -> str:
        now, grace = self._runtime.clock(), self._runtime.config.timing.error_grace
        for name in ESSENTIAL:
            child = self._children.get(name)
            down_since = child.get("down_since") if child else None
            if down_since is not None and now - float(down_since) > grace:
                return say("The %(name)s service is down.", name=name)
        return ""

    def children(self, report: dict[str, Any]) -> None:
        """The supervisor's report: name -> {"up": bool, "down_since": boot time or None}."""
        self._children = {name: dict(child) for name, child in report.items()}
        self._runtime.step()

    def database_failed(self, text: str) -> None:
        """Writing failed; the next good check takes it back."""
        self._database_error = say("The database cannot be written: %(error)s.", error=text)

    def term_failed(self, text: str) -> None:
        """The term file cannot be written."""
        self._term_error = say("The term cannot be kept: %(error)s.", error=text)

    async def first_look(self) -> None:
        """Before the first beat: settings and counts."""
        await self._check()

    async def run(self) -> None:
        """Check for ever."""
        while True:
            await asyncio.sleep(PERIOD)
            await self._check()

    async def _check(self) -> None:
        runtime = self._runtime
        self._checking_since = runtime.clock()
        try:
            await runtime.writer.run(_try_write)
        except Exception as error:  # noqa: BLE001 (any failure to write is an OMM error)
            if not (is_lock_problem(error) and self._committed_at > self._checking_since):
                self._note_failure(error)
        else:
            recovered = bool(self._database_error)
            self._database_error = self._term_error = ""
            if recovered:
                await self._after_recovery()
            runtime.fence.reopen()
            if runtime.member.gate_open:
                runtime.in_loop(runtime.writer.run(hooks.tick))
        finally:
            self._checking_since = None
        try:  # a look that hangs is given up: the next check of writing tells that the database is
            async with asyncio.timeout(runtime.config.timing.error_grace):
                await self._look()
        except TimeoutError:
            log.warning("settings are not read: the database gives no answer")
        runtime.maintenance.tell()

    def _note_failure(self, error: Exception) -> None:
        before = self._database_error
        self.database_failed(str(error))
        if self._database_error != before:
            log.warning("the database cannot be written: %s", error)

    async def _after_recovery(self) -> None:
        if self._runtime.member.gate_open:
            return
        try:
            await self._runtime.writer.run(journal.fence_close)
        except Exception as error:  # noqa: BLE001 (it will be tried again)
            self.database_failed(str(error))

    async def _look(self) -> None:
        """Read settings and counts that the runtime shows or needs."""
        try:
            seen = await self._runtime.reader.run(_look, self._looked_at, self._runtime.accounts)
        except DatabaseError as error:
            log.warning("settings cannot be read: %s", error)
            return
        self._looked_at = seen["head"]
        self.rfps_connected = seen["connected"]
        if seen["changed"]:
            self.rfps_configured = seen["configured"]
            self.set_aside_open = seen["open"]
            self.set_aside_pending = seen["pending"]
            self.set_aside_waiting = seen["waiting"]
            self.keys = seen["keys"]
            self._runtime.sip.configure(seen["targets"])
            await self._runtime.maintenance.look()
        self._runtime.accounts.take()
        if self.set_aside_waiting and self._runtime.member.gate_open:
            self._runtime.merger.wake.set()
        self.disk_text = self._disk()
        self.backup_text = await self._runtime.reader.run(
            backup_problem, self._runtime.config.data_dir / "backups", time.time()
        )

    def _disk(self) -> str:
        try:
            free = shutil.disk_usage(self._runtime.config.data_dir).free
        except OSError as error:
            return say("The disk cannot be read: %(error)s.", error=error)
        if free >= DISK_LOW_BYTES:
            return ""
        return say("%(size)s MB free", size=free // 1024 // 1024)

    def mark_later(self) -> None:
        """Keep the acknowledged position soon, many acknowledgements in one write."""
        if not self._mark_waiting:
            self._mark_waiting = True
            self._runtime.in_loop(self._mark())

    async def _mark(self) -> None:
        await asyncio.sleep(0.1)
        self._mark_waiting = False
        seq, digest = self._runtime.acked
        await self._runtime.writer.run(journal.mark_acked, seq, digest)


def _try_write() -> None:
    """Write one node-local row, over a new connection: an old one may outlive its file."""
    connections["default"].close()
    NodeIdentity.objects.filter(pk=1).update(checked_at=time.time())


def _look(last_head: str, accounts: AccountWatch) -> dict[str, Any]:
    head = journal.head()
    connected = hooks.rfps_connected()
    if head.hash == last_head and not accounts.is_stale:
        return {"head": head.hash, "changed": False, "connected": connected}
    row = SipSettings.objects.first()
    accounts.look()
    return {
        "head": head.hash,
        "changed": True,
        "connected": connected,
        "configured": hooks.rfps_configured(),
        "open": SetAside.objects.filter(state=SetAsideClass.OPEN).count(),
        "pending": journal.pending_count(),
        "waiting": merging.waiting().count(),
        "keys": keyring.state(),
        "targets": tuple(check_targets(row)) if row is not None else (),
    }
