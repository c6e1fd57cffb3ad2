"""The demo: a pair on this machine, from one command (``make demo`` and its companions)."""

import argparse
import asyncio
import json
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from functools import partial
from typing import Any

from omm_portal.node import checks, demo_content, demo_files
from omm_portal.node.demo_content import DemoProblem
from omm_portal.node.demo_files import NODES, DemoNode
from omm_portal.node.env import BASE_DIR
from omm_portal.node.process import ChildSpec, signal_group, spawn
from standby.link.control import ControlError, ControlServer, call

READY_SECONDS = 60.0
POLL_SECONDS = 0.1
STOP_SECONDS = 15.0
STATUS_SECONDS = 2.0


def say(text: str) -> None:
    """A line for the person at the terminal."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def status(node: DemoNode) -> dict[str, Any] | None:
    """The node's status document, or None when it does not answer."""
    try:
        url = f"{node.url}/api/v1/status/"
        with urllib.request.urlopen(url, timeout=STATUS_SECONDS) as answer:  # noqa: S310
            document: dict[str, Any] = json.load(answer)
    except (OSError, ValueError):
        return None
    return document


def role(node: DemoNode) -> str:
    """The node's role, or "" when it does not answer."""
    document = status(node)
    return str(document["node"]["role"]) if document else ""


def accepts_changes(node: DemoNode) -> bool:
    """The node is active and its gate is open."""
    document = status(node)
    return document is not None and bool(document["node"].get("accepts_changes"))


def has_answered(node: DemoNode) -> bool:
    """The node has come to a role."""
    return role(node) in {"active", "standby"}


async def until(condition: Callable[[], bool], what: str) -> None:
    """Wait for a condition; raises DemoProblem after a minute."""
    deadline = time.monotonic() + READY_SECONDS
    while not await asyncio.to_thread(condition):
        if time.monotonic() > deadline:
            raise DemoProblem(f"{what}: not within {READY_SECONDS:.0f} s; see .demo/*/logs")
        await asyncio.sleep(POLL_SECONDS)


def omm_spec(node: DemoNode) -> ChildSpec:
    """The node's supervisor."""
    command = (sys.executable, str(BASE_DIR / "manage.py"), "omm", "--quiet")
    return ChildSpec(node.name, command, {}, STOP_SECONDS)


def launch(node: DemoNode, *, tied: bool) -> subprocess.Popen[bytes]:
    """Start a node; ``tied`` to this process' life, or on its own."""
    with (node.directory / "logs" / "omm.out").open("ab") as output:
        environment = demo_files.node_environment(node)
        if tied:
            return spawn(omm_spec(node), output, environment)
        return subprocess.Popen(
            omm_spec(node).command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )


class Demo:
    """The pair in the foreground."""

    def __init__(self) -> None:
        self._stop = asyncio.Event()
        self._nodes: dict[str, subprocess.Popen[bytes]] = {}
        self._surroundings: list[subprocess.Popen[bytes]] = []

    async def run(self) -> int:
        """Run until Ctrl-C; the exit code."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, self._stop.set)
        demo_files.write_environments()
        server = ControlServer(demo_files.SOCKET, self._command)
        await server.start()
        try:
            return await self._until_stopped()
        finally:
            await self._end()
            await server.close()

    async def _until_stopped(self) -> int:
        stopping = asyncio.create_task(self._stop.wait())
        working = asyncio.create_task(self._work())
        await asyncio.wait({stopping, working}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if working.done() and (problem := working.exception()) is not None:
            if not isinstance(problem, DemoProblem):
                raise problem
            say(f"The demo cannot go on: {problem}")
            return 1
        working.cancel()
        return 0

    async def _work(self) -> None:
        begun = time.monotonic()
        self._start_sip()
        for node in NODES.values():
            self._nodes[node.name] = launch(node, tied=True)
        say("starting both OMMs ...")
        for node in NODES.values():
            await until(partial(has_answered, node), f"{node.title} answers")
        await until(lambda: self._active() is not None, "one OMM is active")
        active = self._active() or NODES["a"]
        await asyncio.to_thread(demo_content.configure, active.url)
        self._start_base_stations()
        self._introduce(time.monotonic() - begun)
        await self._watch()

    def _active(self) -> DemoNode | None:
        return next((node for node in NODES.values() if accepts_changes(node)), None)

    def _start_sip(self) -> None:
        command = (sys.executable, "-m", "standby.link.sip_responder")
        place = ("--address", checks.SIP_ADDRESS, "--port", str(checks.SIP_PORT))
        self._surround("sip", (*command, *place))

    def _start_base_stations(self) -> None:
        """They try both OMMs in turn and stay with the one that is active."""
        omms = [word for node in NODES.values() for word in ("--omm", node.address)]
        keys = ("--keys", str(demo_files.ROOT / "rfp-keys.json"))
        which = ("--count", str(demo_content.RFP_COUNT), "--first-mac", demo_content.FIRST_MAC)
        manage = (sys.executable, str(BASE_DIR / "manage.py"), "simulate_rfps")
        self._surround("rfps", (*manage, *omms, *which, *keys))

    def _surround(self, name: str, command: tuple[str, ...]) -> None:
        """Start what a pair has around it; it ends with the demo."""
        environment = demo_files.node_environment(NODES["a"])
        with (demo_files.ROOT / f"{name}.out").open("wb") as output:
            self._surroundings.append(spawn(ChildSpec(name, command, {}, 1.0), output, environment))

    def _introduce(self, seconds: float) -> None:
        say(f"\nThe pair is ready ({seconds:.1f} s):")
        for node in NODES.values():
            say(f"  {node.title}: {node.url}/  ({role(node)})")
        say(f"  sign in as {demo_files.USER}, password {demo_files.PASSWORD}")
        say("\nIn another terminal:")
        say("  make demo-kill NODE=a     kill every process of OMM A (or NODE=b)")
        say("  make demo-start NODE=a    start it again")
        say(
            "\nCtrl-C here ends everything; the data stays in .demo (make demo-clean removes it).\n"
        )

    async def _watch(self) -> None:
        """Tell when a node's supervisor has ended; it is not started again by itself."""
        while True:
            for name, process in list(self._nodes.items()):
                if process.poll() is not None:
                    del self._nodes[name]
                    say(f"{NODES[name].title} has ended. To start it: make demo-start NODE={name}")
            await asyncio.sleep(POLL_SECONDS)

    async def _command(self, message: dict[str, Any]) -> dict[str, Any]:
        """Start a node for ``make demo-start``, as a child of this process."""
        name = str(message.get("node"))
        if message.get("command") != "start" or name not in NODES:
            return {"ok": False, "reason": "unknown command"}
        process = self._nodes.get(name)
        if process is None or process.poll() is not None:
            self._nodes[name] = launch(NODES[name], tied=True)
            say(f"{NODES[name].title} is started")
        return {"ok": True}

    async def _end(self) -> None:
        """Stop the standby first, then the active: no role is handed to a node about to end."""
        say("\nstopping both OMMs ...")
        roles = {name: await asyncio.to_thread(role, NODES[name]) for name in self._nodes}
        for name in sorted(self._nodes, key=lambda name: roles[name] == "active"):
            await self._stop_node(name)
        for process in self._surroundings:
            process.kill()
            process.wait()

    async def _stop_node(self, name: str) -> None:
        process = self._nodes[name]
        process.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        while process.poll() is None and time.monotonic() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        if process.poll() is None:
            signal_group(process.pid, signal.SIGKILL)
            process.wait()


def run() -> int:
    """``make demo``."""
    if any(demo_files.running_pids(node) for node in NODES.values()):
        say("an OMM of the demo runs already: make demo-kill NODE=a and NODE=b end it")
        return 1
    return asyncio.run(Demo().run())


def kill(node: DemoNode) -> int:
    """``make demo-kill NODE=a``."""
    count = demo_files.kill_node(node)
    say(f"{node.title}: {count} processes killed" if count else f"{node.title} does not run")
    return 0


def start(node: DemoNode) -> int:
    """``make demo-start NODE=a``: in the running demo, or on its own; returns when it answers."""
    demo_files.write_environments()
    try:
        call(demo_files.SOCKET, {"command": "start", "node": node.name}, 5.0)
    except ControlError:
        if not demo_files.running_pids(node):
            launch(node, tied=False)
    begun = time.monotonic()
    try:
        asyncio.run(until(partial(has_answered, node), f"{node.title} answers"))
    except DemoProblem as problem:
        say(str(problem))
        return 1
    say(f"{node.title} answers at {node.url}/ as {role(node)} ({time.monotonic() - begun:.1f} s)")
    return 0


def clean() -> int:
    """``make demo-clean``: end what runs and remove the demo's files."""
    for node in NODES.values():
        demo_files.kill_node(node)
    shutil.rmtree(demo_files.ROOT, ignore_errors=True)
    say("the demo is removed")
    return 0


def main() -> int:
    """One sub-command for each make target."""
    parser = argparse.ArgumentParser(prog="demo")
    actions = parser.add_subparsers(dest="action", required=True)
    actions.add_parser("run")
    actions.add_parser("clean")
    for name in ("kill", "start"):
        actions.add_parser(name).add_argument("node", choices=sorted(NODES))
    options = parser.parse_args()
    if options.action == "run":
        return run()
    if options.action == "clean":
        return clean()
    return (kill if options.action == "kill" else start)(NODES[options.node])


if __name__ == "__main__":
    sys.exit(main())
