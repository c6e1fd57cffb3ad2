"""Carries out what a plan says, and undoes it all at the end."""

from __future__ import annotations

import contextlib
import os
import signal
import struct
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from standby.lease import boot_time
from tests.chaos.cells import Action, Plan
from tests.chaos.hosts import At, Hosts
from tests.pair import Node

CLOCK = "wall-clock-offset"
"""Name of the file that tells a node's processes how far their wall clock is off."""
RESTART_AFTER = 1.0
FILLED = "filled"


@dataclass
class Faults:
    """``ended`` are the moments when contact may come back; ``log`` tells what was done when."""

    hosts: Hosts
    ended: list[float] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    _stopped: dict[float, list[tuple[At, str]]] = field(default_factory=dict)
    """By the moment of the plan: what stood still since then."""
    _now: float = 0.0
    _fallen: dict[At, float] = field(default_factory=dict)
    _down: set[At] = field(default_factory=set)

    def run(self, plan: Plan, seconds: float) -> None:
        """Carry out the plan; returns after that many seconds, faults may still be on."""
        began = boot_time()
        for action in [*plan, Action(seconds, "nothing")]:
            if action.at > seconds:
                break
            while (left := began + action.at - boot_time()) > 0:
                time.sleep(min(left, 0.1))
                self._raise_fallen()
            self._now = action.at
            self.log.append(f"{boot_time():.3f} {action.do} {action.what}")
            getattr(self, f"do_{action.do}")(**action.what)
        self._raise_fallen()

    def end(self) -> None:
        """No more faults: the cable is whole, disks are empty, all that stood still goes on."""
        self.hosts.cable.ask("begin", seed=0, heartbeat_port=0)
        for host in list(self._down):
            self.do_link(host, "up")
        for node in self.hosts.pair.nodes:
            (node.data / FILLED).unlink(missing_ok=True)
            node.send(signal.SIGCONT)
        self.ended.append(boot_time())

    def _node(self, host: At) -> Node:
        return self.hosts.pair.nodes[host]

    def _raise_fallen(self) -> None:
        """An OMM whose supervisor was killed is started again by hand, as by its host's init."""
        for host in (At.A, At.B):
            node = self._node(host)
            if node.running():
                self._fallen.pop(host, None)
            elif boot_time() > self._fallen.setdefault(host, boot_time() + RESTART_AFTER):
                node.launch()

    # --- actions --------------------------------------------------------------------------------

    def do_nothing(self) -> None:
        """The end of a plan."""

    def do_way(self, **what: Any) -> None:
        self.hosts.cable.ask("way", **what)

    def do_mended(self) -> None:
        self.ended.append(boot_time())

    def do_link(self, host: At, state: str) -> None:
        self.hosts.link(host, state)
        if state == "down":
            self._down.add(host)
            return
        self._down.discard(host)
        self.ended.append(boot_time())

    def do_kill(self, host: At | str, name: str) -> None:
        self._signal(self._victim(host), name, signal.SIGKILL)

    def do_stop(self, host: At | str, name: str) -> None:
        victim = self._victim(host)
        self._stopped.setdefault(self._now, []).append((victim, name))
        self._signal(victim, name, signal.SIGSTOP)

    def do_go_on(self, since: float) -> None:
        for victim, name in self._stopped.pop(since, []):
            self._signal(victim, name, signal.SIGCONT)

    def _victim(self, host: At | str) -> At:
        """Who is meant by ``active``: an OMM that is, else the first one."""
        if isinstance(host, At):
            return host
        leases = [(at, self._node(at).lease()) for at in (At.A, At.B)]
        return next((at for at, lease in leases if lease and lease.role.value == host), At.A)

    def _signal(self, host: At, name: str, sig: signal.Signals) -> None:
        node = self._node(host)
        if name == "all":
            node.send(sig)
        else:
            node.send(sig, name)

    def do_fill(self, host: At) -> None:
        """Write until nothing more fits."""
        with contextlib.suppress(OSError), (self._node(host).data / FILLED).open("ab") as file:
            for size in (2**20, 2**12):
                with contextlib.suppress(OSError):
                    while True:
                        os.write(file.fileno(), bytes(size))

    def do_free(self, host: At) -> None:
        (self._node(host).data / FILLED).unlink(missing_ok=True)

    def do_clock(self, host: At, by: float) -> None:
        """Set the wall clock that the node's processes see."""
        path = self._node(host).directory / CLOCK
        was = struct.unpack("d", path.read_bytes())[0]
        with path.open("r+b") as file:
            file.write(struct.pack("d", was + by if abs(was + by) < 3 * 86400 else 0.0))


def prepare_clock(node: Node) -> None:
    """Let the node's processes see a wall clock that can be set."""
    node.directory.mkdir(parents=True, exist_ok=True)
    path = node.directory / CLOCK
    path.write_bytes(struct.pack("d", 0.0))
    here = Path(__file__).parent / "wall"
    node.extra |= {"CHAOS_CLOCK": str(path), "PYTHONPATH": str(here)}
