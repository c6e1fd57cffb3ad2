"""The link's process: the port is open exactly while the role lease says so."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import resource
import signal
from typing import Any

from django.db import DatabaseError

from omm_portal.node.env import NodeEnvironment
from rfps.link.desk import JournalDesk
from rfps.link.live import LiveStates
from rfps.link.server import Limits, RfpServer
from standby.lease import LeaseReader
from standby.link.control import ControlServer

log = logging.getLogger("rfps.link")

POLL_SECONDS = 0.02
RETRY_SECONDS = 0.5
FILES = 16_384
"""Open files: a connection each, and room for as many that are about to end."""


def raise_file_limit() -> None:
    """As many open files as the system permits, up to what is ever needed."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


class Port:
    """Opens and closes the server; an address that cannot be bound is tried again later."""

    def __init__(self, node: NodeEnvironment, server: RfpServer) -> None:
        self._node = node
        self._server = server
        self._retry_at = 0.0

    async def follow(self, *, wanted: bool) -> None:
        """Do as the lease says."""
        now = asyncio.get_running_loop().time()
        if wanted and not self._server.is_open and now >= self._retry_at:
            await self._open(now)
        elif not wanted and self._server.is_open:
            count = self._server.served
            self._server.close()
            log.info("the port for base stations is closed; %d were connected", count)

    async def _open(self, now: float) -> None:
        address, port = self._node.bind, self._node.rfp_port
        try:
            await self._server.open(address, port)
        except OSError as problem:
            self._retry_at = now + RETRY_SECONDS
            log.warning("port %d of %s: %s", port, address, problem)
        else:
            log.info("base stations may connect to %s:%d", address, port)


async def serve(node: NodeEnvironment) -> None:
    """Follow the lease until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    raise_file_limit()
    live = LiveStates()
    desk = JournalDesk(node, live)
    server = RfpServer(desk, Limits(interval=max(1, round(node.rfp_heartbeat))))
    port = Port(node, server)
    reader = LeaseReader(node.lease_path, node.heartbeat_interval)

    async def answer(message: dict[str, Any]) -> dict[str, Any]:
        return {
            "ok": message.get("command") == "ping",
            "open": server.is_open,
            "served": server.served,
        }

    control = ControlServer(node.run_dir / "rfp.sock", answer)
    with contextlib.suppress(OSError):
        await control.start()
    with contextlib.suppress(DatabaseError):
        await live.nobody()
    helpers = [asyncio.create_task(desk.follow()), asyncio.create_task(live.work())]
    while not stop.is_set():
        view = reader.read()
        await port.follow(wanted=view.valid and view.lease is not None and view.lease.rfp_open)
        await asyncio.sleep(POLL_SECONDS)
    server.close()
    for helper in helpers:
        helper.cancel()
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(live.flush(), 0.5)
    await control.close()
    desk.close()
    live.close()
