"""A pair of bare runtimes: real processes, disks and sockets, without web, Redis and Celery.

For everything that is decided between the two runtimes. A start takes milliseconds, so each test
begins with empty disks. The processes of a whole node are tests/pair.py's business.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from standby.lease import Lease, LeaseReader
from standby.link import control
from tests.pair import PASSWORD, ROOT, SECRET, alive, eventually, free_ports

STARTUP_WAIT = 1.0
Message = dict[str, Any]


def stays(look: Callable[[], bool], what: str, seconds: float) -> None:
    """Fails as soon as ``look`` is false within the next ``seconds``."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert look(), f"no longer: {what}"
        time.sleep(0.01)


class HostError(AssertionError):
    """A command of the host failed."""


@dataclass
class BareNode:
    """One runtime: its directory, its process, and how to look at it."""

    name: str
    address: str
    peer: str
    link_port: int
    directory: Path
    extra: dict[str, str] = field(default_factory=dict)
    pid: int = 0
    starts: Message = field(default_factory=dict)
    _host: subprocess.Popen[str] | None = None
    _reader: LeaseReader = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._reader = LeaseReader(self.data / "run" / "lease", 0.1)

    @property
    def data(self) -> Path:
        return self.directory / "data"

    def environment(self) -> dict[str, str]:
        own = {
            "OMM_ADDRESS": self.address,
            "OMM_PEER_ADDRESS": self.peer,
            "OMM_PAIR_SECRET": SECRET,
            "OMM_DATA_DIR": str(self.data),
            "OMM_LINK_PORT": str(self.link_port),
            "OMM_ADMIN_PASSWORD": PASSWORD,
            "OMM_STARTUP_WAIT": str(STARTUP_WAIT),
            "OMM_ENV_FILE": str(self.directory / "env"),
            **self.extra,
        }
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("OMM_")}
        return {**inherited, **own}

    # --- the host -------------------------------------------------------------------------------

    def open(self) -> None:
        """Start the host; returns at once."""
        self.directory.mkdir(parents=True)
        (self.directory / "env").touch()
        with (self.directory / "out").open("ab") as out:
            self._host = subprocess.Popen(
                [sys.executable, "-m", "tests.runtime_host"],
                cwd=ROOT,
                env=self.environment(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=out,
                text=True,
                bufsize=1,
            )

    def close(self) -> None:
        """End the host and with it the runtime."""
        if self._host is not None:
            self._host.kill()
            self._host.communicate()

    def ask(self, do: str, **parameters: Any) -> Message:
        """Have the host do something and wait for it; raises HostError."""
        self.tell(do, **parameters)
        return self.answer()

    def tell(self, do: str, **parameters: Any) -> None:
        """Like ask(), without waiting."""
        assert self._host is not None
        assert self._host.stdin is not None
        self._host.stdin.write(json.dumps({"do": do, **parameters}) + "\n")

    def answer(self) -> Message:
        """What the host says next."""
        assert self._host is not None
        assert self._host.stdout is not None
        line = self._host.stdout.readline()
        if not line:
            raise HostError(f"the host of {self.name} ended\n{self.output()}")
        found: Message = json.loads(line)
        if not found["ok"]:
            raise HostError(f"{self.name}: {found['error']}\n{self.output()}")
        return found

    def output(self) -> str:
        return (self.directory / "out").read_text(errors="replace")[-4000:]

    # --- life -----------------------------------------------------------------------------------

    def empty(self) -> None:
        """An empty disk, prepared; nothing runs."""
        self.kill()
        shutil.rmtree(self.data)
        shutil.copytree(self.directory / "template", self.data)
        self.starts = {}

    def start(self, **changes: Any) -> BareNode:
        """Run the runtime; ``changes`` hold until the disk is emptied."""
        self.starts |= changes
        self.pid = self.ask("start", **self.starts)["pid"]
        return self

    def kill(self) -> None:
        """SIGKILL the runtime and wait until it is gone."""
        if self.pid and alive(self.pid):
            os.kill(self.pid, signal.SIGKILL)
            eventually(lambda: not alive(self.pid), f"{self.name} is gone")
        self.pid = 0

    def send(self, sig: signal.Signals) -> None:
        os.kill(self.pid, sig)

    def save_disk(self) -> Path:
        """Copy the disk of a node that does not run."""
        assert not self.pid
        kept = self.directory / "kept"
        shutil.rmtree(kept, ignore_errors=True)
        shutil.copytree(self.data, kept, ignore=shutil.ignore_patterns("*.sock"))
        return kept

    def put_back(self, kept: Path) -> None:
        """Put such a copy in place of the disk."""
        self.kill()
        shutil.rmtree(self.data)
        shutil.copytree(kept, self.data)

    # --- looking at it --------------------------------------------------------------------------

    def lease(self) -> Lease | None:
        """The role lease when it is valid."""
        view = self._reader.read()
        return view.lease if view.valid else None

    def last_lease(self) -> Lease | None:
        """The last lease, valid or not."""
        return self._reader.read().lease

    def document(self) -> Message:
        """The status document; empty while there is none."""
        lease = self.lease()
        return dict(json.loads(lease.document)) if lease is not None else {}

    def role(self) -> str:
        lease = self.lease()
        return lease.role.value if lease is not None else ""

    def accepts_changes(self) -> bool:
        lease = self.lease()
        return lease is not None and lease.gate_open

    def warnings(self) -> dict[str, str]:
        """Code to text."""
        return {w["code"]: w["message"] for w in self.document().get("warnings", [])}

    def look(self) -> Message:
        return self.ask("look")

    def wait_for(self, look: Callable[[], Any], what: str, within: float = 15.0) -> Any:
        """Poll; a failure shows this node's document."""
        return eventually(look, lambda: f"{self.name} {what}\n{self.describe()}", within)

    def describe(self) -> str:
        return json.dumps(self.document()) if self.lease() else self.output()

    def wait(self, role: str, within: float = 15.0) -> BareNode:
        self.wait_for(lambda: self.role() == role, f"is {role}", within)
        return self

    def wait_gate(self) -> BareNode:
        self.wait_for(self.accepts_changes, "accepts changes")
        return self

    def wait_warning(self, code: str) -> str:
        """The text of a warning, once it is shown."""
        return str(self.wait_for(lambda: self.warnings().get(code), f"warns: {code}"))

    def wait_no_warning(self, code: str) -> None:
        self.wait_for(lambda: code not in self.warnings(), f"warns no more: {code}")

    def reason(self) -> str:
        return str(self.document().get("reason", ""))

    # --- using it -------------------------------------------------------------------------------

    def command(self, command: str, **parameters: Any) -> Message:
        """A command of its control socket."""
        path = self.data / "run" / "control.sock"
        return dict(control.call(path, {"command": command, **parameters}, 15.0))

    def sites(self, *names: str) -> list[str]:
        """Make sites; for each the word safe or unsafe."""
        return list(self.ask("sites", names=list(names))["words"])


@dataclass
class BarePair:
    """Two bare runtimes; ``low`` has the lower address."""

    low: BareNode
    high: BareNode

    @property
    def nodes(self) -> tuple[BareNode, BareNode]:
        return (self.low, self.high)

    def start(self, **changes: Any) -> BarePair:
        """Start both; returns when one is active, the other standby, and both synchronised."""
        for node in self.nodes:
            node.start(**changes)
        return self.wait_healthy()

    def wait_healthy(self, within: float = 20.0) -> BarePair:
        eventually(self.is_healthy, lambda: f"the pair is well: {self.describe()}", within)
        return self

    def wait_contact(self) -> None:
        """Both hear each other and the standby may take over."""

        def is_eligible() -> bool:
            found = self.active.document()
            return bool(found and found["peer"]["eligible"])

        eventually(is_eligible, lambda: f"the standby is eligible: {self.describe()}")

    def is_healthy(self) -> bool:
        found = [node.document() for node in self.nodes]
        if not all(found):
            return False
        roles = sorted(each["node"]["role"] for each in found)
        hashes = {each["journal"]["hash"] for each in found}
        synchronised = all(each["node"]["synchronised"] for each in found)
        opened = sum(each["node"]["accepts_changes"] for each in found)
        return roles == ["active", "standby"] and len(hashes) == 1 and synchronised and opened == 1

    def describe(self) -> str:
        return "\n".join(f"{n.name}: {n.describe()}" for n in self.nodes)

    @property
    def active(self) -> BareNode:
        return self._with("active")

    @property
    def standby(self) -> BareNode:
        return self._with("standby")

    def _with(self, role: str) -> BareNode:
        found = [node for node in self.nodes if node.role() == role]
        assert len(found) == 1, self.describe()
        return found[0]

    def check_same_data(self) -> Message:
        """Both hold the same journal and the same tables; what the first one holds."""
        self.wait_healthy()
        seen: list[Message] = []

        def is_settled() -> bool:
            """Nothing was added while we looked: set-aside changes arrive as new entries."""
            seen[:] = [node.look() for node in self.nodes]
            ends = {(each["head"]["hash"], *each["hashes"][-1:]) for each in seen}
            return (
                len(ends) == 1
                and len({*ends.pop()}) == 1
                and not any(each["pending"] for each in seen)
            )

        eventually(is_settled, lambda: f"the journals are the same: {self.describe()}")
        mine, theirs = seen
        assert mine["hashes"] == theirs["hashes"]
        assert mine["digest"] == theirs["digest"]
        return mine

    def empty(self) -> None:
        for node in self.nodes:
            node.empty()


@contextlib.contextmanager
def bare_pair(directory: Path) -> Iterator[BarePair]:
    """Two hosts with empty prepared disks; no runtime runs yet."""
    low, high = "127.0.0.1", "127.0.0.2"
    (port,) = free_ports(1, (low, high))
    pair = BarePair(
        BareNode("low", low, high, port, directory / "low"),
        BareNode("high", high, low, port, directory / "high"),
    )
    try:
        for node in pair.nodes:
            node.open()
        for node in pair.nodes:
            node.answer()
            node.tell("prepare")
        for node in pair.nodes:
            node.answer()
        yield pair
    finally:
        for node in pair.nodes:
            node.close()
