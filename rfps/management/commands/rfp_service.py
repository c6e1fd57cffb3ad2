"""``manage.py rfp_service``: the port for base stations, open on the active OMM only."""

import asyncio
import contextlib
import logging
import signal
import socket
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from omm_portal.node.env import NodeEnvironment
from standby.lease import LeaseReader
from standby.link.control import ControlServer

log = logging.getLogger("rfps.service")

POLL_SECONDS = 0.02
RETRY_SECONDS = 0.5


class RfpPort:
    """Listens exactly while the role lease says so; whoever connects is let go at once."""

    def __init__(self, address: str, port: int) -> None:
        self._address = address
        self._port = port
        self._listener: socket.socket | None = None
        self._retry_at = 0.0

    @property
    def is_open(self) -> bool:
        """True while base stations can connect."""
        return self._listener is not None

    def follow(self, *, wanted: bool) -> None:
        """Open or close the port; an address that cannot be bound is tried again later."""
        loop = asyncio.get_running_loop()
        if wanted and self._listener is None and loop.time() >= self._retry_at:
            self._open(loop)
        elif not wanted and self._listener is not None:
            self.close()

    def _open(self, loop: asyncio.AbstractEventLoop) -> None:
        family = socket.AF_INET6 if ":" in self._address else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_STREAM)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.setblocking(False)
            listener.bind((self._address, self._port))
            listener.listen(128)
        except OSError as problem:
            listener.close()
            self._retry_at = loop.time() + RETRY_SECONDS
            log.warning("port %d of %s: %s", self._port, self._address, problem)
            return
        self._listener = listener
        loop.add_reader(listener, self._let_go)
        log.info("base stations may connect to %s:%d", self._address, self._port)

    def _let_go(self) -> None:
        """Base stations are not served yet: close every connection."""
        with contextlib.suppress(OSError):
            while self._listener is not None:
                self._listener.accept()[0].close()

    def close(self) -> None:
        """Close the port; connections that wait are refused."""
        if self._listener is None:
            return
        asyncio.get_running_loop().remove_reader(self._listener)
        self._listener.close()
        self._listener = None
        log.info("the port for base stations is closed")


async def serve(node: NodeEnvironment) -> None:
    """Follow the lease until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    port = RfpPort(node.bind, node.rfp_port)
    reader = LeaseReader(node.lease_path, node.heartbeat_interval)

    async def answer(message: dict[str, Any]) -> dict[str, Any]:
        return {"ok": message.get("command") == "ping", "open": port.is_open}

    control = ControlServer(node.run_dir / "rfp.sock", answer)
    with contextlib.suppress(OSError):
        await control.start()
    while not stop.is_set():
        view = reader.read()
        port.follow(wanted=view.valid and view.lease is not None and view.lease.rfp_open)
        await asyncio.sleep(POLL_SECONDS)
    port.close()
    await control.close()


class Command(BaseCommand):
    """The base stations' side of this node."""

    help = "Serve base stations while this OMM is active (started by manage.py omm)."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        """Run until told to stop."""
        asyncio.run(serve(settings.OMM))
