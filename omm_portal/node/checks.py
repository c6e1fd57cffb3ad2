"""What this machine must have before anything is installed or started: one line each.

Run as a plain script by the Makefile, so it uses the standard library only, and nothing that an
old Python would stumble over: ``python3 omm_portal/node/checks.py [--pair]``.
"""

import argparse
import importlib.util
import shutil
import socket
import sys

OLDEST_PYTHON = (3, 11)
DISK_MEGABYTES = 600
ADDRESSES = ("127.0.0.1", "127.0.0.2")
TCP_PORTS = {8000: "web", 16321: "base stations", 16322: "peer link"}
SIP_ADDRESS, SIP_PORT = "127.0.0.1", 15060
TCP, UDP = socket.SOCK_STREAM, socket.SOCK_DGRAM


class Checks:
    """Prints each verdict and remembers whether one was bad."""

    def __init__(self) -> None:
        self.failed = False

    def say(self, good: bool, text: str, advice: str = "") -> None:  # noqa: FBT001
        """One line; ``advice`` is added to a bad one."""
        self.failed = self.failed or not good
        ending = "" if good or not advice else ": " + advice
        sys.stdout.write(("ok      " if good else "FAILED  ") + text + ending + "\n")
        sys.stdout.flush()

    def python(self) -> None:
        """The version, and whether it can make a virtual environment."""
        version = ".".join(str(part) for part in sys.version_info[:3])
        good = sys.version_info[:2] >= OLDEST_PYTHON
        self.say(
            good, "Python " + version, "3.11 or newer is needed, as in: make PYTHON=python3.12"
        )
        good = all(importlib.util.find_spec(name) for name in ("venv", "ensurepip"))
        self.say(good, "venv and ensurepip", "install the package python3-venv")

    def disk(self) -> None:
        """Room for the packages and the data."""
        free = shutil.disk_usage(".").free // 1000000
        self.say(free >= DISK_MEGABYTES, f"{free} MB free here", f"{DISK_MEGABYTES} MB are needed")

    def addresses(self) -> None:
        """Both addresses of the pair belong to this machine."""
        for address in ADDRESSES:
            problem = cannot_bind(TCP, address, 0)
            self.say(not problem, f"address {address} can be bound", problem)

    def ports(self) -> None:
        """Nothing else listens where the pair wants to."""
        wanted = [(TCP, a, port, what) for a in ADDRESSES for port, what in TCP_PORTS.items()]
        wanted += [(UDP, a, 16322, "heartbeats") for a in ADDRESSES]
        wanted += [(kind, SIP_ADDRESS, SIP_PORT, "SIP responder") for kind in (TCP, UDP)]
        busy = False
        for kind, address, port, what in wanted:
            problem = cannot_bind(kind, address, port)
            if problem:
                busy = True
                name = "TCP" if kind == TCP else "UDP"
                self.say(False, f"{name} port {port} of {address} ({what})", problem)
        if not busy:
            numbers = ", ".join(str(port) for port in [*TCP_PORTS, SIP_PORT])
            self.say(True, f"ports {numbers} are free on both addresses")


def cannot_bind(kind: socket.SocketKind, address: str, port: int) -> str:
    """Why an address and port cannot be used, or "" when they can."""
    with socket.socket(socket.AF_INET, kind) as probe:
        if kind == TCP:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError as problem:
            return str(problem.strerror or problem)
    return ""


def main() -> int:
    """Run the checks; the exit code is 1 when one is bad."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--pair", action="store_true", help="the ports of a pair as well")
    options = parser.parse_args()
    checks = Checks()
    checks.python()
    checks.disk()
    checks.addresses()
    if options.pair:
        checks.ports()
    return 1 if checks.failed else 0


if __name__ == "__main__":
    sys.exit(main())
