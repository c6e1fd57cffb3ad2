"""The supervisor of one node: starts its processes, keeps them running, ends them all.

Run as ``python -m omm_portal.node.supervisor`` by ``manage.py omm``, which prepares the database
and then becomes this program: it is small because it never loads Django's applications.
"""

import argparse
import asyncio
import contextlib
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any

from omm_portal.node import children, guard, health, redis_server
from omm_portal.node.births import Births
from omm_portal.node.child import Child
from omm_portal.node.env import NodeEnvironment, load
from omm_portal.node.logs import BackgroundFileHandler, JsonFormatter
from omm_portal.node.nursery import NAME as NURSERY
from omm_portal.node.process import ChildSpec, adopt_orphans, boot_time, reap_orphans
from omm_portal.node.runfiles import GUARD, ProcessList, end_leftovers
from omm_portal.node.terminal import LogView, Terminal, stderr_terminal
from standby.link.control import ControlError, ControlServer, acall

log = logging.getLogger("omm.supervisor")

SUPERVISOR = "supervisor"
VIEW_SECONDS = 0.2
NURSERY_PAUSE = 2.0
RESIGN_EXTRA_SECONDS = 1.0
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Watch:
    """The state of one child as the runtime is told of it."""

    def __init__(self, child: Child, probe: health.Probe | None, judge: health.Judge) -> None:
        self.child = child
        self.up = False
        self.down_since: float | None = None
        self._probe = probe
        self._judge = judge
        self._pid: int | None = None
        self._fresh = True

    def begin(self) -> None:
        """The node starts: nothing is wrong until the child has had its time to start."""
        self.up, self.down_since, self._fresh = False, None, True
        self._judge.reset()

    async def check(self) -> None:
        """Probe the child once; kill it when it has hung."""
        good = self.child.pid is not None and (self._probe is None or await self._probe())
        now = boot_time()
        if self.child.pid != self._pid:
            self._pid = self.child.pid
            self._judge.reset()
            self._fresh = True
        self._note(good=good, now=now)
        starting = self._fresh and now - self.child.started_at < health.START_SECONDS
        if self._judge.hung(good=good or starting, now=now) and self._pid is not None:
            log.error("%s does not answer and is killed", self.child.spec.name)
            self.child.kill()

    def _note(self, *, good: bool, now: float) -> None:
        if good:
            self.up, self.down_since, self._fresh = True, None, False
        elif self.up or now - self.child.started_at > health.START_SECONDS:
            self.went_down(now)

    def went_down(self, now: float) -> None:
        """The child ended or stopped answering."""
        self.up = False
        if self.down_since is None:
            self.down_since = now


class Supervisor:
    """Runs the children of one node until it is told to stop."""

    def __init__(
        self,
        node: NodeEnvironment,
        specs: Sequence[ChildSpec],
        probes: Mapping[str, tuple[health.Probe, health.Judge]],
        stop_order: Sequence[Sequence[str]] = children.STOP_ORDER,
        births: Births | None = None,
        terminal: Terminal | None = None,
    ) -> None:
        self._node = node
        self._stop_order = stop_order
        self._terminal = terminal
        self._births = births or Births()
        self._has_nursery = self._births.nursery is not None
        self._pids = ProcessList(node.pids_path)
        self._watches: dict[str, Watch] = {}
        for spec in specs:
            child = Child(spec, node.log_dir, self._births.start, self._child_changed)
            probe, judge = probes.get(spec.name, (None, health.Judge(0)))
            self._watches[spec.name] = Watch(child, probe, judge)
        self._guard: subprocess.Popen[bytes] | None = None
        self._stop = asyncio.Event()
        self._changed = asyncio.Event()
        self._is_stopping = False
        self._log_view: LogView | None = None
        if terminal is not None:
            self._log_view = LogView(node.log_dir, (SUPERVISOR, *self._watches), terminal)
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> int:
        """Run until a stop signal or command; the exit code."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGCHLD, self._reap)
        for number in STOP_SIGNALS:
            loop.add_signal_handler(number, self._stop_requested)
        server = ControlServer(self._node.supervisor_socket, self._command)
        with contextlib.suppress(OSError):  # a full disk: everything but the commands works
            await server.start()
        adopt_orphans()
        self._pids.add(SUPERVISOR, os.getpid())
        self._start_guard()
        self._meet_nursery()
        self._start_children()
        background = [
            asyncio.create_task(work()) for work in (self._check, self._report, self._view)
        ]
        await self._stop.wait()
        await self._resign()
        await self._stop_children()
        for task in background:
            task.cancel()
        await server.close()
        self._births.end()
        self._end_guard()
        self._pids.clear()
        return 0

    # Starting and noticing ends

    def _start_children(self) -> None:
        for watch in self._watches.values():
            watch.begin()
            watch.child.start()

    def _child_changed(self, name: str, pid: int | None, group: int) -> None:
        if pid is None:
            self._watches[name].went_down(boot_time())
            self._pids.remove(name)
            self._tell_guard(f"-{group}")
        else:
            self._tell_guard(f"+{group}")
            self._pids.add(name, pid)
        self._changed.set()

    def _reap(self) -> None:
        for watch in self._watches.values():
            watch.child.reap()
        if self._guard is not None and self._guard.poll() is not None:
            log.warning("the guard has ended; it starts again")
            self._start_guard()
        nursery = self._births.nursery
        if nursery is not None and nursery.has_ended():
            nursery.reap()
            self._births.nursery_ended()
            self._pids.remove(NURSERY)
            if not self._is_stopping:
                self._later(self._replace_nursery(), NURSERY_PAUSE)
        reap_orphans(self._known_pids())

    def _known_pids(self) -> set[int | None]:
        helpers = (self._guard, self._births.nursery)
        return {
            *(watch.child.pid for watch in self._watches.values()),
            *(helper.pid for helper in helpers if helper is not None),
        }

    def _meet_nursery(self) -> None:
        if self._births.nursery is not None:
            self._tell_guard(f"+{self._births.nursery.pid}")
            self._pids.add(NURSERY, self._births.nursery.pid)
            self._births.wait_ready()

    async def _replace_nursery(self) -> None:
        """A new one is only a help: it waits until the node's own children have been started."""
        if self._has_nursery and not self._is_stopping:
            log.warning("the nursery has ended; it starts again")
            self._pids.add(NURSERY, self._births.start_nursery())

    def _start_guard(self) -> None:
        self._guard = subprocess.Popen(
            [sys.executable, "-I", "-S", str(Path(guard.__file__).resolve())],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            process_group=0,
        )
        for watch in self._watches.values():
            if watch.child.pid is not None:
                self._tell_guard(f"+{watch.child.pid}")
        self._pids.add(GUARD, self._guard.pid)

    def _tell_guard(self, line: str) -> None:
        if self._guard is not None and self._guard.stdin is not None:
            with contextlib.suppress(OSError):  # it has just died: the next one gets the whole list
                self._guard.stdin.write(f"{line}\n".encode())
                self._guard.stdin.flush()

    def _end_guard(self) -> None:
        process, self._guard = self._guard, None
        if process is not None and process.stdin is not None:
            with contextlib.suppress(OSError):
                process.stdin.close()
            process.wait()

    # Watching

    async def _check(self) -> None:
        """Probe every child, each at its own pace: a slow answer delays no other."""
        await asyncio.gather(*(self._check_one(watch) for watch in self._watches.values()))

    async def _check_one(self, watch: Watch) -> None:
        while True:
            before = watch.up
            await watch.check()
            if watch.up != before:
                self._changed.set()
            await asyncio.sleep(health.CHECK_SECONDS if watch.up else health.CHECK_SECONDS / 5)

    async def _report(self) -> None:
        """Tell the runtime how the children are: on every change and every second."""
        while True:
            self._changed.clear()
            message = {"command": "health", "source": SUPERVISOR, "children": self._health()}
            with contextlib.suppress(ControlError):
                await acall(self._node.control_socket, message, health.PROBE_SECONDS)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), health.CHECK_SECONDS)

    def _health(self) -> dict[str, dict[str, Any]]:
        return {
            name: {"up": watch.up, "down_since": watch.down_since}
            for name, watch in self._watches.items()
        }

    async def _view(self) -> None:
        view = self._log_view
        if view is None:
            return
        try:
            while True:
                view.pump()
                await asyncio.sleep(VIEW_SECONDS)
        finally:
            view.pump()

    # Stopping

    def _stop_requested(self) -> None:
        """A first signal stops the node in order; a second one at once."""
        if self._stop.is_set():
            log.warning("asked twice: everything is killed")
            for watch in self._watches.values():
                watch.child.kill()
        self._stop.set()

    async def _resign(self) -> None:
        """Hand the role over while everything still runs."""
        wait = self._node.handover_wait
        message = {"command": "resign", "wait": wait}
        try:
            answer = await acall(self._node.control_socket, message, wait + RESIGN_EXTRA_SECONDS)
        except ControlError as problem:
            log.warning("the role was not handed over: %s", problem)
            return
        level = logging.INFO if answer.get("ok") else logging.WARNING
        log.log(level, "resigned: %s", answer.get("reason", ""), extra={"answer": answer})

    async def _stop_children(self) -> None:
        self._is_stopping = True
        for names in self._stop_order:
            known = [self._watches[name].child for name in names if name in self._watches]
            await asyncio.gather(*(child.stop() for child in known))

    async def _restart_children(self) -> None:
        """The reboot of a node: everything ends, then everything starts."""
        if self._is_stopping:
            return
        log.info("the node is rebooted")
        await self._stop_children()
        if not self._stop.is_set():
            self._is_stopping = False
            self._start_children()

    # Commands

    async def _command(self, message: dict[str, Any]) -> dict[str, Any]:
        command = message.get("command")
        if command == "ping":
            return {"ok": True}
        if command == "status":
            return {"ok": True, "children": self._health()}
        if command == "announce":
            return self._announce(str(message.get("text", "")))
        if command == "stop":
            self._later(self._set_stop())
            return {"ok": True}
        if command == "restart":
            self._later(self._restart_children())
            return {"ok": True}
        return {"ok": False, "reason": f"unknown command {command!r}"}

    def _announce(self, text: str) -> dict[str, Any]:
        """Show a text to the person at the terminal; it goes into no log."""
        terminal = self._terminal or stderr_terminal()
        terminal.show(text)
        return {"ok": True}

    async def _set_stop(self) -> None:
        self._stop.set()

    def _later(self, work: Coroutine[Any, Any, None], pause: float = 0.05) -> None:
        """Do something in a moment; by default when the answer to a command has gone out."""

        async def run() -> None:
            await asyncio.sleep(pause)
            await work

        task = asyncio.create_task(run())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def supervise(node: NodeEnvironment, births: Births, *, quiet: bool) -> int:
    """Run a prepared node, whose lock this process holds, to its end; the exit code."""
    terminal = None if quiet else stderr_terminal()
    handler = BackgroundFileHandler(str(node.log_dir / f"{SUPERVISOR}.log"))
    handler.setFormatter(JsonFormatter(SUPERVISOR))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    for stubborn in end_leftovers(node.pids_path):
        log.error("%s of an earlier run cannot be killed", stubborn)
    if node.redis_url is None:
        redis_server.prepare_directory(node.redis_socket)

    async def run() -> int:
        specs = children.node_children(node)
        probes = health.node_probes(node)
        return await Supervisor(node, specs, probes, births=births, terminal=terminal).run()

    code = asyncio.run(run())
    handler.close()
    if terminal is not None:
        terminal.close()
    return code


def main() -> int:
    """Take over from ``manage.py omm``; lock and nursery came along as open files."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--lock-fd", type=int, required=True)
    parser.add_argument("--nursery-fd", type=int, required=True)
    parser.add_argument("--nursery-pid", type=int, required=True)
    parser.add_argument("--quiet", action="store_true")
    options = parser.parse_args()
    os.set_inheritable(options.lock_fd, False)
    births = Births.inherited(options.nursery_fd, options.nursery_pid)
    return supervise(load(), births, quiet=options.quiet)


if __name__ == "__main__":
    sys.exit(main())
