"""Two hosts and the cable between them, as network namespaces of this process (needs root)."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

V4 = ("10.77.0.1", "10.77.0.2")
V6 = ("fd00:77::1", "fd00:77::2")


def skip_unless_possible() -> None:
    """Namespaces need root and the ip command."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        pytest.skip("network namespaces need root and iproute2")
    if subprocess.run(["ip", "netns", "add", _name("probe")], check=False).returncode:
        pytest.skip("this machine allows no network namespaces")
    _ip("netns", "del", _name("probe"))


def _name(part: str) -> str:
    return f"omm-{os.getpid()}-{part}"


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, text=True)


@dataclass(frozen=True)
class Network:
    """Host 0 and host 1 hang on a bridge in a third namespace, where their cables are pulled."""

    hosts: tuple[str, str]
    hub: str

    def build(self) -> None:
        for name in (*self.hosts, self.hub):
            _ip("netns", "add", name)
            _ip("-n", name, "link", "set", "lo", "up")
        _ip("-n", self.hub, "link", "add", "hub", "type", "bridge")
        _ip("-n", self.hub, "link", "set", "hub", "up")
        for number, host in enumerate(self.hosts):
            self._attach(number, host)

    def _attach(self, number: int, host: str) -> None:
        port = f"port{number}"
        _ip("-n", self.hub, "link", "add", port, "type", "veth", "peer", "eth0", "netns", host)
        _ip("-n", self.hub, "link", "set", port, "master", "hub", "up")
        _ip("-n", host, "address", "add", f"{V4[number]}/24", "dev", "eth0")
        _ip("-n", host, "-6", "address", "add", f"{V6[number]}/64", "dev", "eth0", "nodad")
        _ip("-n", host, "link", "set", "eth0", "up")

    def cut(self) -> None:
        """Pull the cable of host 1."""
        _ip("-n", self.hub, "link", "set", "port1", "down")

    def mend(self) -> None:
        """Plug it in again."""
        _ip("-n", self.hub, "link", "set", "port1", "up")

    def mute(self, number: int) -> None:
        """What this host sends to the other one is lost; it still hears."""
        _ip("-n", self.hosts[number], "route", "add", "blackhole", V4[1 - number])

    def unmute(self, number: int) -> None:
        _ip("-n", self.hosts[number], "route", "del", "blackhole", V4[1 - number])

    def heal(self) -> None:
        """Whatever a test left behind."""
        self.mend()
        for number in (0, 1):
            with contextlib.suppress(subprocess.CalledProcessError):
                self.unmute(number)

    def remove(self) -> None:
        for name in (*self.hosts, self.hub):
            if (Path("/run/netns") / name).exists():
                _ip("netns", "del", name)


@contextlib.contextmanager
def network() -> Iterator[Network]:
    """Two connected hosts for the length of the block."""
    built = Network((_name("a"), _name("b")), _name("hub"))
    try:
        built.build()
        yield built
    finally:
        built.remove()
