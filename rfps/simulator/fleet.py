"""Many simulated base stations in one process."""

from __future__ import annotations

import asyncio
import contextlib
import json
import resource
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rfps.simulator.station import Fault, Plan, Station

HANDSHAKES = 32
"""At once; an OMM lets 64 unfinished ones of one address wait."""


def macs(first: str, count: int) -> list[str]:
    """``count`` MAC addresses from ``first`` on; raises ValueError."""
    digits = first.replace(":", "").replace("-", "").replace(".", "")
    if len(digits) != 12:
        raise ValueError(f"{first} is no MAC address")
    start = int(digits, 16)
    if start + count > 1 << 48:
        raise ValueError(f"{count} MAC addresses from {first} on are too many")
    return [(start + at).to_bytes(6, "big").hex(":").upper() for at in range(count)]


class Keys:
    """What base stations remember over a restart of this process; nothing without a file."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._known: dict[str, str] = {}
        if path is not None and path.exists():
            self._known = dict(json.loads(path.read_text()))

    def of(self, mac: str) -> bytes | None:
        """The key of a base station."""
        found = self._known.get(mac)
        return bytes.fromhex(found) if found else None

    def keep(self, stations: Sequence[Station]) -> None:
        """Write the keys of all; only this user can read them."""
        if self._path is None:
            return
        known = {each.mac: each.key.hex() for each in stations if each.key is not None}
        part = self._path.with_suffix(".part")
        part.touch(mode=0o600)
        part.write_text(json.dumps(known))
        part.replace(self._path)


async def run(
    *,
    omms: Sequence[str],
    port: int,
    addresses: Sequence[str],
    tell: Callable[[dict[str, Any]], None],
    keys: Keys,
    faults: dict[int, Fault] | None = None,
    source: str | None = None,
    handshakes: int = HANDSHAKES,
) -> None:
    """Run base stations until SIGTERM or SIGINT."""
    _raise_file_limit(len(addresses))
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    plan = Plan(tuple(omms), port, tell, asyncio.Semaphore(handshakes), source)
    stations = [
        Station(mac, plan, keys.of(mac), (faults or {}).get(at)) for at, mac in enumerate(addresses)
    ]
    tasks = [asyncio.create_task(station.run()) for station in stations]
    try:
        while not stop.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), 1.0)
            keys.keep(stations)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _raise_file_limit(connections: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + 256
    if soft < wanted and (hard == resource.RLIM_INFINITY or hard >= wanted):
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
