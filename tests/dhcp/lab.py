"""Two network namespaces with a cable: a DHCP server in one, base stations in the other."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from tests import namespaces
from tests.dhcp.client import Client

Result = TypeVar("Result")
SERVER, CLIENT = "dhcp", "rfp"
CABLE = ("srv", "cli")
ADDRESS = "10.77.0.1/24"
PROGRAMS = ("dhcpd", "dnsmasq", "kea-dhcp4")


def program(name: str) -> str | None:
    """Where a server's program is; system programs are not in everybody's PATH."""
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")


@dataclass
class Lab:
    """The two namespaces."""

    server: str
    client: str
    directory: Path

    def run(self, work: Callable[[], Result]) -> Result:
        """Do something in the client's namespace (in a thread of its own)."""
        found: list[Result] = []
        failed: list[BaseException] = []

        def inside() -> None:
            try:
                namespaces.enter(self.client)
                found.append(work())
            except BaseException as error:
                failed.append(error)

        thread = threading.Thread(target=inside)
        thread.start()
        thread.join()
        if failed:
            raise failed[0]
        return found[0]

    def with_client(self, mac: str, vendor_class: str, work: Callable[[Client], Result]) -> Result:
        """Let a device do something."""

        def inside() -> Result:
            client = Client(CABLE[1], mac, vendor_class)
            try:
                return work(client)
            finally:
                client.close()

        return self.run(inside)

    @contextmanager
    def serving(self, code: str, content: str) -> Iterator[None]:
        """Run a server with a configuration until the end of the block."""
        path = self.directory / f"{code}.conf"
        path.write_text(content.replace(*self._leases_of_kea()))
        log = (self.directory / f"{code}.log").open("wb")
        process = subprocess.Popen(
            ["ip", "netns", "exec", self.server, *self._command(code, path)],
            stdout=log,
            stderr=log,
            env={
                **os.environ,
                "KEA_PIDFILE_DIR": str(self.directory),
                "KEA_LOCKFILE_DIR": str(self.directory),
            },
        )
        try:
            yield
            assert process.poll() is None, (self.directory / f"{code}.log").read_text()
        finally:
            process.terminate()
            process.wait(10)
            log.close()

    def _leases_of_kea(self) -> tuple[str, str]:
        """Kea alone takes no other place for its leases on the command line."""
        usual = '"type": "memfile"'
        return usual, f'{usual}, "name": "{self.directory}/kea.leases"'

    def _command(self, code: str, path: Path) -> list[str]:
        if code == "dhcpd":
            leases = self.directory / "dhcpd.leases"
            leases.touch()
            own = ["-lf", str(leases), "-pf", str(self.directory / "dhcpd.pid")]
            return [str(program("dhcpd")), "-4", "-f", "-d", "-cf", str(path), *own, CABLE[0]]
        if code == "dnsmasq":
            leases = self.directory / "dnsmasq.leases"
            own = ["--keep-in-foreground", "--user=root", f"--dhcp-leasefile={leases}"]
            return [str(program("dnsmasq")), f"--conf-file={path}", "--pid-file", *own]
        return [str(program("kea-dhcp4")), "-c", str(path)]


@contextmanager
def laboratory(directory: Path) -> Iterator[Lab]:
    """Make the namespaces; they are gone at the end, whatever happened."""
    names = [namespaces.name(SERVER), namespaces.name(CLIENT)]
    namespaces.remove(*names)
    try:
        for each in names:
            namespaces.ip("netns", "add", each)
        left, right = CABLE
        namespaces.ip(
            "-n", names[0], "link", "add", left, "type", "veth", "peer", "name", right,
            "netns", names[1],
        )  # fmt: skip
        namespaces.ip("-n", names[0], "addr", "add", ADDRESS, "dev", left)
        for each, end in zip(names, CABLE, strict=True):
            namespaces.ip("-n", each, "link", "set", end, "up")
            namespaces.ip("-n", each, "link", "set", "lo", "up")
        yield Lab(names[0], names[1], directory)
    finally:
        namespaces.remove(*names)
