"""The two nodes of the demo on disk: ``.demo/a`` and ``.demo/b``, each with env, data and logs."""

import contextlib
import os
import secrets
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from omm_portal.node.env import BASE_DIR
from omm_portal.node.process import start_ticks
from omm_portal.node.runfiles import read_process_list

ROOT = BASE_DIR / ".demo"
SOCKET = ROOT / "demo.sock"
WEB_PORT = 8000
USER, PASSWORD = "admin", "omm-demo-2026"  # shown to everybody: it protects nothing
KILL_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class DemoNode:
    """One of the two nodes."""

    name: str
    address: str
    peer_address: str

    @property
    def directory(self) -> Path:
        """Everything this node keeps."""
        return ROOT / self.name

    @property
    def env_file(self) -> Path:
        """Its environment."""
        return self.directory / "env"

    @property
    def pids_path(self) -> Path:
        """Its process list."""
        return self.directory / "data" / "run" / "pids.json"

    @property
    def url(self) -> str:
        """Its web address."""
        return f"http://{self.address}:{WEB_PORT}"

    @property
    def title(self) -> str:
        """How people call it."""
        return f"OMM {self.name.upper()}"


NODES = {
    "a": DemoNode("a", "127.0.0.1", "127.0.0.2"),
    "b": DemoNode("b", "127.0.0.2", "127.0.0.1"),
}


def write_environments() -> None:
    """Make both nodes' directories and environments; what exists stays as it is."""
    secret = secrets.token_urlsafe(32)
    if all(node.env_file.exists() for node in NODES.values()):
        return
    for node in NODES.values():
        for part in ("data", "logs"):
            (node.directory / part).mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = node.env_file.with_suffix(".tmp")
        draft.touch(mode=0o600)
        draft.write_text(_environment(node, secret), encoding="utf-8")
        draft.replace(node.env_file)


def _environment(node: DemoNode, secret: str) -> str:
    return (
        f"# {node.title} of the demo; directories count from this file\n"
        f"OMM_ADDRESS={node.address}\n"
        f"OMM_PEER_ADDRESS={node.peer_address}\n"
        f"OMM_PAIR_SECRET={secret}\n"
        f"OMM_ADMIN_PASSWORD={PASSWORD}\n"
        "OMM_DATA_DIR=data\n"
        "OMM_LOG_DIR=logs\n"
        f"OMM_WEB_PORT={WEB_PORT}\n"
    )


def node_environment(node: DemoNode) -> dict[str, str]:
    """The environment of the node's supervisor: the file alone decides."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("OMM_")}
    for name in ("DATABASE_URL", "DATABASE_URL_FILE", "REDIS_URL", "REDIS_URL_FILE"):
        clean.pop(name, None)
    return {**clean, "OMM_ENV_FILE": str(node.env_file)}


def running_pids(node: DemoNode) -> list[int]:
    """The node's processes that still run, the supervisor first."""
    rows = read_process_list(node.pids_path)
    rows.sort(key=lambda row: row.get("name") != "supervisor")
    return [row["pid"] for row in rows if start_ticks(row["pid"]) == row["start_ticks"]]


def kill_node(node: DemoNode) -> int:
    """SIGKILL every process of a node and wait for their end; how many there were."""
    pids = running_pids(node)
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + KILL_SECONDS
    while any(start_ticks(pid) is not None for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.01)
    return len(pids)
