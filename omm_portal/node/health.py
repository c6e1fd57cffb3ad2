"""Whether a child that runs also works: one probe of each kind, and a patient judge of them."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from omm_portal.node import children
from omm_portal.node.env import NodeEnvironment
from omm_portal.node.process import boot_time
from standby.lease import LeaseReader
from standby.link.control import ControlError, acall

Probe = Callable[[], Awaitable[bool]]
PROBE_SECONDS = 1.0
CHECK_SECONDS = 1.0
OWN_GAP_SECONDS = 2.5
LEASE_HUNG_SECONDS = 10.0
START_SECONDS = 30.0
KILLED_WITHIN_GRACE = 2 / 3
"""A hung child is killed early enough to be back before its absence counts as an OMM error."""
UNSPECIFIED = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 (compared with, never bound)


@dataclass(slots=True)
class Judge:
    """Tells when a child has hung: bad answers for ``patience`` seconds, all of them seen by us.

    A gap in our own checks (this host or process stood still) proves nothing about the child, so
    the count starts anew.
    """

    patience: float
    bad_since: float | None = None
    last_check: float | None = None

    def hung(self, *, good: bool, now: float) -> bool:
        """Take one answer at boot time ``now``; True when the child should be killed."""
        if self.last_check is not None and now - self.last_check > OWN_GAP_SECONDS:
            self.bad_since = None
        self.last_check = now
        if good:
            self.bad_since = None
            return False
        if self.bad_since is None:
            self.bad_since = now
        return now - self.bad_since >= self.patience

    def reset(self) -> None:
        """The child was started anew."""
        self.bad_since = self.last_check = None


async def _exchange(
    opening: Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]],
    request: bytes,
    expected: bytes,
) -> bool:
    """Send a request and compare how the answer begins."""
    try:
        async with asyncio.timeout(PROBE_SECONDS):
            reader, writer = await opening
            with contextlib.closing(writer):
                writer.write(request)
                return (await reader.readexactly(len(expected))) == expected
    except (OSError, TimeoutError, asyncio.IncompleteReadError):
        return False


def web_probe(node: NodeEnvironment) -> Probe:
    """The web service answers ``/health/live``."""
    host = UNSPECIFIED.get(node.bind, node.bind)
    request = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"

    async def probe() -> bool:
        opening = asyncio.open_connection(host, node.web_port)
        return await _exchange(opening, request, b"HTTP/1.1 200")

    return probe


def redis_probe(socket: Path) -> Probe:
    """Redis answers PING."""

    async def probe() -> bool:
        return await _exchange(asyncio.open_unix_connection(socket), b"PING\r\n", b"+PONG")

    return probe


def lease_probe(node: NodeEnvironment) -> Probe:
    """The pair runtime renewed its lease lately."""
    reader = LeaseReader(node.lease_path, node.heartbeat_interval)

    async def probe() -> bool:
        lease = reader.read().lease
        return lease is not None and boot_time() - lease.renewed_at < PROBE_SECONDS

    return probe


def control_probe(socket: Path) -> Probe:
    """A process answers on its control line."""

    async def probe() -> bool:
        try:
            answer = await acall(socket, {"command": "ping"}, PROBE_SECONDS)
        except ControlError:
            return False
        return bool(answer.get("ok"))

    return probe


def node_probes(node: NodeEnvironment) -> dict[str, tuple[Probe, Judge]]:
    """The probe and the judge of every child that has one."""
    grace = node.error_grace * KILLED_WITHIN_GRACE
    probes = {
        children.WEB: (web_probe(node), Judge(grace)),
        children.STANDBY: (lease_probe(node), Judge(LEASE_HUNG_SECONDS)),
        children.RFP: (control_probe(node.run_dir / "rfp.sock"), Judge(grace)),
    }
    if node.redis_url is None:
        probes[children.REDIS] = (redis_probe(node.redis_socket), Judge(grace))
    return probes
