"""Two hosts and the cable between them, as network namespaces of this process (needs root)."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.namespaces import ip, name, remove, why_impossible

V4 = ("10.77.0.1", "10.77.0.2")
V6 = ("fd00:77::1", "fd00:77::2")


def skip_unless_possible() -> None:
    """Namespaces need root and the ip command."""
    if why := why_impossible():
        pytest.skip(why)


@dataclass(frozen=True)
class Network:
    """Host 0 and host 1 hang on a bridge in a third namespace, where their cables are pulled."""

    hosts: tuple[str, str]
    hub: str

    def build(self) -> None:
        for each in (*self.hosts, self.hub):
            ip("netns", "add", each)
            ip("-n", each, "link", "set", "lo", "up")
        ip("-n", self.hub, "link", "add", "hub", "type", "bridge")
        ip("-n", self.hub, "link", "set", "hub", "up")
        for number, host in enumerate(self.hosts):
            self._attach(number, host)

    def _attach(self, number: int, host: str) -> None:
        port = f"port{number}"
        ip("-n", self.hub, "link", "add", port, "type", "veth", "peer", "eth0", "netns", host)
        ip("-n", self.hub, "link", "set", port, "master", "hub", "up")
        ip("-n", host, "address", "add", f"{V4[number]}/24", "dev", "eth0")
        ip("-n", host, "-6", "address", "add", f"{V6[number]}/64", "dev", "eth0", "nodad")
        ip("-n", host, "link", "set", "eth0", "up")

    def cut(self) -> None:
        """Pull the cable of host 1."""
        ip("-n", self.hub, "link", "set", "port1", "down")

    def mend(self) -> None:
        """Plug it in again."""
        ip("-n", self.hub, "link", "set", "port1", "up")

    def mute(self, number: int) -> None:
        """What this host sends to the other one is lost; it still hears."""
        ip("-n", self.hosts[number], "route", "add", "blackhole", V4[1 - number])

    def unmute(self, number: int) -> None:
        ip("-n", self.hosts[number], "route", "del", "blackhole", V4[1 - number])

    def heal(self) -> None:
        """Whatever a test left behind."""
        self.mend()
        for number in (0, 1):
            with contextlib.suppress(subprocess.CalledProcessError):
                self.unmute(number)

    def remove(self) -> None:
        remove(*self.hosts, self.hub)


@contextlib.contextmanager
def network() -> Iterator[Network]:
    """Two connected hosts for the length of the block."""
    built = Network((name("a"), name("b")), name("hub"))
    try:
        built.build()
        yield built
    finally:
        built.remove()
