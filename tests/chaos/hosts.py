"""The hosts of a chaos run: two OMMs, a client and a SIP server, each in a namespace of its own.

Their cables end in a fifth namespace, where ``tests.chaos.switch`` passes frames on. Everything
is named after this process and goes with it.
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import Any

from tests import namespaces
from tests.namespaces import ip
from tests.pair import ROOT, Node, Pair, begin_in, eventually

CLONE_NEWNS = 0x00020000
SIOCETHTOOL, ETHTOOL_STXCSUM = 0x8946, 0x17
WEB_PORT, RFP_PORT, LINK_PORT, SIP_PORT = 8000, 16321, 16322, 5060
BUSY_STARTS = 3
SMALL_DISK = "96m"


class At(IntEnum):
    """The hosts, as the numbers of their ports."""

    A = 0
    B = 1
    CLIENT = 2
    SIP = 3

    @property
    def address(self) -> str:
        return f"10.78.0.{self + 1}"

    @property
    def network(self) -> str:
        return namespaces.name(self.name.lower())


HUB = "hub"


def private_mounts() -> None:
    """What this process mounts from now on is seen by it and its children only."""
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNS):
        raise OSError(ctypes.get_errno(), "cannot have mounts of its own")
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)


def small_disk(path: Path, size: str = SMALL_DISK) -> None:
    """Mount an empty disk of that size, for this process and its children."""
    path.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(path)], check=True)


@dataclass
class Cable:
    """The other end of the switch's line of commands."""

    process: subprocess.Popen[str]

    @classmethod
    def plug(cls) -> Cable:
        """Start the switch between ports that exist."""
        ports = [f"port{host:d}" for host in At]
        return cls(
            subprocess.Popen(
                [sys.executable, "-m", "tests.chaos.switch", *ports],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                bufsize=1,
                preexec_fn=begin_in(namespaces.name(HUB)),  # noqa: PLW1509
            )
        )

    def ask(self, do: str, **parameters: Any) -> dict[str, Any]:
        """Have the switch do something; the answer tells when (``at``, boot time)."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({"do": do, **parameters}) + "\n")
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        return answer


@dataclass
class Hosts:
    """Namespaces, cables, the pair and the SIP server."""

    directory: Path
    pair: Pair = field(init=False)
    cable: Cable = field(init=False)
    _helpers: list[subprocess.Popen[Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.pair = Pair(self._node(At.A, At.B), self._node(At.B, At.A))

    def _node(self, own: At, peer: At) -> Node:
        return Node(
            own.name.lower(),
            own.address,
            peer.address,
            WEB_PORT,
            RFP_PORT,
            LINK_PORT,
            self.directory / own.name.lower(),
            network=own.network,
        )

    def build(self) -> None:
        """Make namespaces and cables; this process moves to the client's host."""
        namespaces.sweep()
        hub = namespaces.name(HUB)
        ip("netns", "add", hub)
        for host in At:
            ip("netns", "add", host.network)
            ip("-n", host.network, "link", "set", "lo", "up")
            self._attach(hub, host)
        self.cable = Cable.plug()
        self._helpers.append(self.cable.process)
        namespaces.enter(At.CLIENT.network)
        self.run_aside(
            At.SIP,
            *("standby.link.sip_responder", "--address", At.SIP.address, "--port", str(SIP_PORT)),
        )

    def _attach(self, hub: str, host: At) -> None:
        port, inside = f"port{host:d}", ("-n", host.network)
        mac = f"02:00:00:00:78:{host + 1:02x}"
        peer = ("peer", "name", "eth0", "address", mac, "netns", host.network)
        ip("-n", hub, "link", "add", port, "type", "veth", *peer)
        ip("-n", hub, "link", "set", port, "up")
        ip(*inside, "address", "add", f"{host.address}/24", "dev", "eth0")
        ip(*inside, "link", "set", "eth0", "up")
        _inside(host, _whole_checksums)

    def run_aside(self, host: At, module: str, *arguments: str) -> subprocess.Popen[bytes]:
        """Run a module on one of the hosts, until the end of it all."""
        with (self.directory / f"{module}.out").open("ab") as out:
            process = subprocess.Popen(
                [sys.executable, "-m", module, *arguments],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=subprocess.STDOUT,
                preexec_fn=begin_in(host.network),  # noqa: PLW1509
            )
        self._helpers.append(process)
        return process

    def start(self) -> None:
        """Start the pair and tell it about the SIP server."""
        self.become_whole()
        proxy = {"proxy_server": At.SIP.address, "proxy_port": SIP_PORT}
        with self.pair.active.api() as api:
            answer = api.patch("/settings/sip/", json=proxy)
        assert answer.status_code == 200, answer.text
        self.pair.wait_healthy()
        for node in self.pair.nodes:
            eventually(
                lambda node=node: node.status()["sip"]["reachable"], "the SIP server answers"
            )

    def become_whole(self) -> None:
        """Start what does not run and wait until the pair is healthy, on a busy machine longer."""
        for attempt in range(BUSY_STARTS):
            try:
                self.pair.start()
            except AssertionError:
                if attempt == BUSY_STARTS - 1:
                    raise
            else:
                return

    def link(self, host: At, state: str) -> None:
        """Set a host's own interface ``up`` or ``down``."""
        ip("-n", host.network, "link", "set", "eth0", state)

    def remove(self) -> None:
        """End every process and remove every namespace and disk, whatever state they are in."""
        self.pair.stop()
        for process in reversed(self._helpers):
            process.kill()
            process.wait()
        namespaces.remove(namespaces.name(HUB), *(host.network for host in At))
        for node in self.pair.nodes:
            if node.data.is_mount():
                shutil.copytree(node.data / "logs", node.directory / "logs", dirs_exist_ok=True)
                subprocess.run(["umount", "-l", str(node.data)], check=False)


def _inside(host: At, do: Callable[[], None]) -> None:
    """Do something in a host's namespace, in a thread that ends with it."""
    failure: list[Exception] = []

    def work() -> None:
        try:
            namespaces.enter(host.network)
            do()
        except Exception as error:
            failure.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    if failure:
        raise failure[0]


def _whole_checksums() -> None:
    """Frames leave with checksums and no longer than the cable permits: nobody completes them."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        value = ctypes.create_string_buffer(struct.pack("II", ETHTOOL_STXCSUM, 0), 8)
        request = struct.pack("16sP", b"eth0", ctypes.addressof(value))
        fcntl.ioctl(sock, SIOCETHTOOL, request.ljust(40, b"\0"))


def busy_cores() -> list[subprocess.Popen[bytes]]:
    """Keep every core busy, until these processes are killed."""
    loop = [sys.executable, "-c", "while True: pass"]
    begin = begin_in("")
    return [
        subprocess.Popen(loop, start_new_session=True, preexec_fn=begin)  # noqa: PLW1509
        for _ in range(os.cpu_count() or 1)
    ]
