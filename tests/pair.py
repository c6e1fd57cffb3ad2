"""A real pair for tests: two nodes with all their processes on 127.0.0.1 and 127.0.0.2."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx

from standby.lease import Lease, LeaseReader, boot_time
from tests import namespaces

ROOT = Path(__file__).resolve().parent.parent
SECRET = "a pair secret of the tests, long enough"
PASSWORD = "Pair-Test-Password-1"
PATIENCE = 30.0
T = TypeVar("T")


def eventually(look: Callable[[], T], what: str | Callable[[], str], within: float = PATIENCE) -> T:
    """Poll ``look`` until it gives something true; fails naming ``what``, a text or its maker."""
    deadline = time.monotonic() + within
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > deadline:
            text = what if isinstance(what, str) else what()
            raise AssertionError(f"not within {within:g} s: {text}")
        time.sleep(0.01)


def free_ports(count: int, addresses: tuple[str, ...]) -> list[int]:
    """Ports that are free on all addresses, TCP and UDP."""
    found: list[int] = []
    while len(found) < count:
        with socket.socket() as probe:
            probe.bind((addresses[0], 0))
            port = probe.getsockname()[1]
        if port not in found and all(_is_free(address, port) for address in addresses):
            found.append(port)
    return found


def _is_free(address: str, port: int) -> bool:
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(type=kind) as probe:
            try:
                probe.bind((address, port))
            except OSError:
                return False
    return True


def begin_in(network: str) -> Callable[[], None]:
    """What a new process does first: it ends with its parent, and moves into a namespace."""

    def begin() -> None:
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)
        if network:
            namespaces.enter(network)

    return begin


@dataclass
class Node:
    """One OMM: its directory, its processes, and how to look at it."""

    name: str
    address: str
    peer: str
    web_port: int
    rfp_port: int
    link_port: int
    directory: Path
    extra: dict[str, str] = field(default_factory=dict)
    network: str = ""
    """The network namespace that its processes live in; empty: that of the tests."""
    process: subprocess.Popen[bytes] | None = None
    _token: str = ""
    _reader: LeaseReader = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._reader = LeaseReader(self.data / "run" / "lease", 0.1)

    @property
    def data(self) -> Path:
        return self.directory / "data"

    @property
    def url(self) -> str:
        return f"http://{self.address}:{self.web_port}"

    def environment(self) -> dict[str, str]:
        own = {
            "OMM_ADDRESS": self.address,
            "OMM_PEER_ADDRESS": self.peer,
            "OMM_PAIR_SECRET": SECRET,
            "OMM_DATA_DIR": str(self.data),
            "OMM_WEB_PORT": str(self.web_port),
            "OMM_RFP_PORT": str(self.rfp_port),
            "OMM_LINK_PORT": str(self.link_port),
            "OMM_ADMIN_PASSWORD": PASSWORD,
            **self.extra,
        }
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("OMM_")}
        return {**inherited, "OMM_ENV_FILE": str(self.directory / "env"), **own}

    # --- life -----------------------------------------------------------------------------------

    def launch(self) -> None:
        """Start all processes; returns at once."""
        self.directory.mkdir(parents=True, exist_ok=True)
        (self.directory / "env").touch()
        out = (self.directory / "out").open("ab")
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "omm", "--quiet"],
            cwd=ROOT,
            env=self.environment(),
            stdout=out,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=begin_in(self.network),  # noqa: PLW1509
        )
        out.close()

    def start(self) -> Node:
        """Start all processes and wait for the first answer."""
        self.launch()
        return self.wait_answer()

    def wait_answer(self) -> Node:
        eventually(self.status, lambda: f"{self.name} answers\n{self.output()}")
        eventually(lambda: self.role() in ("active", "standby"), f"{self.name} has a role")
        return self

    def output(self) -> str:
        path = self.directory / "out"
        return path.read_text(errors="replace")[-3000:] if path.exists() else ""

    def pids(self) -> dict[str, int]:
        """The node's processes by name; the supervisor is ``supervisor``."""
        with contextlib.suppress(OSError, ValueError):
            listed = json.loads((self.data / "run" / "pids.json").read_text())
            return {item["name"]: item["pid"] for item in listed}
        return {}

    def send(self, sig: signal.Signals, *names: str) -> None:
        """Send a signal to processes of the node, to all of them when none is named."""
        for name, pid in self.pids().items():
            if not names or name in names:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, sig)

    def kill(self) -> None:
        """SIGKILL everything and wait until it is gone."""
        pids = self.pids()
        self.send(signal.SIGKILL)
        self._reap()
        eventually(lambda: not any(alive(pid) for pid in pids.values()), f"{self.name} is gone")

    def terminate(self, within: float = PATIENCE) -> None:
        """SIGTERM to the supervisor, then wait for its end."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(within)

    def _reap(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait(PATIENCE)

    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    # --- looking at it --------------------------------------------------------------------------

    def status(self) -> dict[str, Any]:
        """The status document; empty when the node does not answer."""
        try:
            answer = httpx.get(f"{self.url}/api/v1/status/", timeout=2.0, verify=False)
            found: dict[str, Any] = answer.json()
        except (httpx.HTTPError, ValueError):
            return {}
        return found

    def role(self) -> str:
        status = self.status()
        return str(status["node"]["role"]) if status else ""

    def lease(self) -> Lease | None:
        """The role lease when it is valid."""
        view = self._reader.read()
        return view.lease if view.valid else None

    def warnings(self) -> set[str]:
        return {warning["code"] for warning in self.status().get("warnings", [])}

    def wait(self, role: str, within: float = PATIENCE) -> Node:
        """Wait until the lease shows ``role``."""

        def has_role() -> bool:
            lease = self.lease()
            return lease is not None and lease.role.value == role

        eventually(has_role, lambda: f"{self.name} is {role}: {self.status()}", within)
        return self

    def wait_gate(self, within: float = PATIENCE) -> Node:
        """Wait until changes are accepted."""

        def is_open() -> bool:
            lease = self.lease()
            return lease is not None and lease.gate_open

        eventually(is_open, lambda: f"{self.name} accepts changes: {self.status()}", within)
        return self

    def wait_synchronised(self, within: float = PATIENCE) -> Node:
        def holds() -> bool:
            status = self.status()
            if not status:
                return False
            journal = status["journal"]
            return status["node"]["synchronised"] and journal["unsafe"] == 0 and journal["seq"] > 0

        eventually(holds, lambda: f"{self.name} is synchronised: {self.status()}", within)
        return self

    # --- using it -------------------------------------------------------------------------------

    def api(self) -> httpx.Client:
        """A signed-in REST client."""
        if not self._token:
            self._token = self.new_token()
        headers = {"Authorization": f"Token {self._token}"}
        return httpx.Client(
            base_url=f"{self.url}/api/v1", headers=headers, timeout=20.0, verify=False
        )

    def signed_in(self, timeout: float = PATIENCE) -> httpx.Client:
        """A client of the pages with a session of the administrator."""
        client = httpx.Client(base_url=self.url, timeout=timeout, follow_redirects=True)
        found = re.search(r'csrfmiddlewaretoken" value="(\w+)"', client.get("/login/").text)
        assert found is not None
        form = {"csrfmiddlewaretoken": found[1], "username": "admin", "password": PASSWORD}
        client.post("/login/", data=form).raise_for_status()
        return client

    def new_token(self) -> str:
        answer = httpx.post(
            f"{self.url}/api/v1/tokens/",
            json={"username": "admin", "password": PASSWORD},
            timeout=10.0,
        )
        assert answer.status_code == 201, answer.text
        return str(answer.json()["token"])

    def manage(self, *arguments: str, timeout: float = 60.0) -> subprocess.CompletedProcess[str]:
        """Run a management command with this node's environment."""
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            preexec_fn=begin_in(self.network),
        )


def alive(pid: int) -> bool:
    """True until the last thread of a process has ended: till then its locks are held."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        threads = len(list(Path(f"/proc/{pid}/task").iterdir()))
    except (OSError, IndexError):
        return False
    return state != "Z" or threads > 1


@dataclass
class Pair:
    """Two nodes."""

    a: Node
    b: Node

    @classmethod
    def make(cls, directory: Path, **extra: str) -> Pair:
        """Two nodes that do not run yet; ``extra`` is added to both environments."""
        web, rfp, link = free_ports(3, ("127.0.0.1", "127.0.0.2"))
        one, two = "127.0.0.1", "127.0.0.2"
        return cls(
            Node("a", one, two, web, rfp, link, directory / "a", dict(extra)),
            Node("b", two, one, web, rfp, link, directory / "b", dict(extra)),
        )

    @property
    def nodes(self) -> tuple[Node, Node]:
        return (self.a, self.b)

    def start(self) -> Pair:
        """Start both; returns when one is active, the other standby, and both synchronised."""
        for node in self.nodes:
            if not node.running():
                node.launch()
        return self.wait_healthy()

    def heal(self) -> Pair:
        """Whatever a test left behind: continue, restart, wait until all is well."""
        for node in self.nodes:
            node.send(signal.SIGCONT)
        return self.start()

    def wait_healthy(self) -> Pair:
        def is_healthy() -> bool:
            found = [node.status() for node in self.nodes]
            seen = [status["peer"]["role"] for status in found if status and status["peer"]]
            roles = ["active", "standby"]
            return all(found) and self._roles() == roles and sorted(map(str, seen)) == roles

        eventually(is_healthy, lambda: f"the pair is up: {self.describe()}")
        for node in self.nodes:
            node.wait_synchronised()
        self.active.wait_gate()
        return self

    def _roles(self) -> list[str]:
        return sorted(node.role() for node in self.nodes)

    def describe(self) -> str:
        return "\n".join(f"{n.name}: {n.status() or n.output()}" for n in self.nodes)

    @property
    def active(self) -> Node:
        """The node that is active now."""
        return self._with("active")

    @property
    def standby(self) -> Node:
        return self._with("standby")

    def _with(self, role: str) -> Node:
        def find() -> Node | None:
            found = [n for n in self.nodes if (held := n.lease()) and held.role.value == role]
            return found[0] if len(found) == 1 else None

        return eventually(find, lambda: f"exactly one node is {role}: {self.describe()}")

    def stop(self) -> None:
        """End everything, whatever state it is in."""
        for node in self.nodes:
            node.send(signal.SIGCONT)
            node.kill()


@contextlib.contextmanager
def running_pair(directory: Path, **extra: str) -> Iterator[Pair]:
    """A pair that runs for the length of the block."""
    pair = Pair.make(directory, **extra)
    try:
        yield pair.start()
    finally:
        pair.stop()


def takeover_after(victim: Node, heir: Node, strike: Callable[[], None]) -> float:
    """Seconds from just before ``strike`` to the role stamp in the heir's lease."""
    started = boot_time()
    strike()
    deadline = started + PATIENCE
    while boot_time() < deadline:
        held = heir._reader.read().lease
        if held is not None and held.role.value == "active":
            return held.role_since - started
        time.sleep(0.0005)
    raise AssertionError(f"{heir.name} did not take over from {victim.name}: {heir.status()}")
