"""The base stations' server on real sockets: who is served, who is let go, and why."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from rfps.link import wire
from rfps.link.server import Limits, Link, Refusal, RfpServer
from rfps.link.session import Admission
from tests.unit.rfplink.clients import LetGo, Station, introduction

HOST = "127.0.0.1"
KEY = bytes(range(64))
PATIENCE = 5.0


class Desk:
    """Admits by MAC from a table; keeps what it is told, and wakes who waits for it."""

    def __init__(self) -> None:
        self.known: dict[str, Admission | Refusal] = {}
        self.told: list[tuple[str, str, str]] = []
        self.keeping: asyncio.Event | None = None
        self._news = asyncio.Condition()

    async def admission(self, introduction: wire.Introduction, address: str) -> Any:
        return self.known.get(introduction.mac, Refusal("unknown"))

    async def proved(self, link: Link) -> wire.Welcome:
        if self.keeping is not None:
            await self.keeping.wait()
        return wire.Welcome(interval=15)

    def connected(self, link: Link) -> None:
        self._note("connected", link, "")

    def heard(self, link: Link) -> None:
        self._note("heard", link, "")

    def lost(self, link: Link, reason: str) -> None:
        self._note("lost", link, reason)

    def refused(self, link: Link, reason: str) -> None:
        self._note("refused", link, reason)

    def _note(self, what: str, link: Link, reason: str) -> None:
        self.told.append((what, link.mac, reason))
        asyncio.get_running_loop().create_task(self._wake())

    async def _wake(self) -> None:
        async with self._news:
            self._news.notify_all()

    async def until(self, what: str, count: int = 1) -> tuple[str, str, str]:
        """Wait until ``what`` was told so often; the last of them."""
        async with self._news, asyncio.timeout(PATIENCE):
            await self._news.wait_for(lambda: sum(each[0] == what for each in self.told) >= count)
        return [each for each in self.told if each[0] == what][-1]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def serving(**limits: Any) -> AsyncIterator[tuple[RfpServer, Desk, int]]:
    desk, port = Desk(), free_port()
    desk.known["00:30:42:00:00:01"] = Admission((KEY,))
    server = RfpServer(desk, Limits(**{"interval": 15, **limits}))
    await server.open(HOST, port)
    try:
        yield server, desk, port
    finally:
        server.close()


async def test_a_known_base_station_is_served_and_heard() -> None:
    async with serving() as (server, desk, port):
        station = Station(key=KEY)
        await station.connect(HOST, port)
        await station.introduce()
        station.prove()
        kinds = [(await station.frame())[0] for _ in range(7)]
        assert kinds == [0x010C, 0x0101, 0x0105, 0x0123, 0x0102, 0x0107, 0x0134]
        assert all(kind != 0x0124 for kind, _ in station.said), "the key must not be told again"
        station.beat()
        await desk.until("heard")
        connection = server.find("00:30:42:00:00:01")
        assert connection is not None
        assert connection.link.uptime == pytest.approx(15.0005)
        assert server.half_open == 0


async def test_a_new_one_gets_its_key() -> None:
    async with serving() as (_, desk, port):
        desk.known["00:30:42:00:00:02"] = Admission((KEY,), give=True)
        station = Station("003042000002")
        await station.join(HOST, port)
        assert station.key == KEY
        await desk.until("connected")


async def test_nothing_is_said_before_the_proof_is_kept() -> None:
    async with serving() as (_, desk, port):
        desk.keeping = asyncio.Event()
        station = Station(key=KEY)
        await station.connect(HOST, port)
        await station.introduce()
        station.prove()
        waiting = asyncio.create_task(station.frame())
        done, _ = await asyncio.wait({waiting}, timeout=0.1)
        assert not done
        desk.keeping.set()
        assert (await waiting)[0] == 0x010C


async def test_an_unknown_one_is_told_to_come_back() -> None:
    async with serving() as (_, desk, port):
        station = Station("003042000009")
        await station.connect(HOST, port)
        with pytest.raises(LetGo) as let_go:
            await station.introduce()
        assert let_go.value.said[-1] == (0x0121, bytes.fromhex("02000000"))
        assert await desk.until("refused") == ("refused", "00:30:42:00:00:09", "unknown")


async def test_one_that_is_too_old_is_told_to_stay_away() -> None:
    async with serving() as (_, desk, port):
        desk.known["00:30:42:00:00:01"] = Refusal("too_old", for_good=True)
        station = Station(key=KEY)
        await station.connect(HOST, port)
        with pytest.raises(LetGo) as let_go:
            await station.introduce()
        assert let_go.value.said[-1][0] == 0x0002


async def test_one_with_another_key_is_let_go_on_its_first_block() -> None:
    async with serving() as (_, desk, port):
        station = Station(key=bytes(range(1, 65)))
        await station.connect(HOST, port)
        await station.introduce()
        station.prove()
        await station.ended()
        assert (await desk.until("refused"))[2] == "no_proof"


async def test_garbage_ends_its_own_connection_only() -> None:
    async with serving() as (_, desk, port):
        good, bad = Station(key=KEY), Station()
        await good.join(HOST, port)
        await bad.connect(HOST, port)
        bad.writer.write(b"GET / HTTP/1.1\r\n\r\n")
        await bad.ended()
        assert (await desk.until("refused"))[2].startswith("bad_frame: type 0x4745")
        good.beat()
        await desk.until("heard")


async def test_the_newer_connection_of_a_base_station_counts() -> None:
    async with serving() as (server, desk, port):
        first, second = Station(key=KEY), Station(key=KEY)
        await first.join(HOST, port)
        await second.join(HOST, port)
        await first.ended()
        assert (await desk.until("lost"))[2] == "replaced"
        second.beat()
        await desk.until("heard")
        assert server.served == 1


async def test_who_does_not_introduce_itself_is_let_go() -> None:
    async with serving(handshake=0.2) as (_, desk, port):
        station = Station()
        await station.connect(HOST, port)
        await station.ended()
        assert (await desk.until("refused"))[2] == "too_slow"


async def test_who_never_proves_its_key_is_let_go() -> None:
    async with serving(handshake=0.2) as (_, desk, port):
        station = Station(key=KEY)
        await station.connect(HOST, port)
        await station.introduce()
        await station.ended()
        assert (await desk.until("refused"))[2] == "too_slow"


async def test_who_falls_silent_is_let_go() -> None:
    async with serving(interval=0.1) as (server, desk, port):
        server.limits = Limits(interval=1)
        station = Station(key=KEY)
        await station.join(HOST, port)
        server.limits = Limits(interval=0)
        await station.ended()
        assert (await desk.until("lost"))[2] == "silent"


async def test_too_many_half_open_connections_of_one_address() -> None:
    async with serving(half_open=3) as (server, desk, port):
        waiting = [Station() for _ in range(3)]
        for station in waiting:
            await station.connect(HOST, port)
        with pytest.raises(LetGo):
            await Station().connect(HOST, port)
        assert (await desk.until("refused"))[2] == "half_open"
        waiting[0].writer.close()
        await desk.until("refused", 2)
        served = Station(key=KEY)
        await served.join(HOST, port)
        assert server.half_open == 2


async def test_closing_ends_everything_at_once() -> None:
    async with serving() as (server, desk, port):
        served, half_open = Station(key=KEY), Station()
        await served.join(HOST, port)
        await half_open.connect(HOST, port)
        server.close()
        await served.ended()
        await half_open.ended()
        assert (await desk.until("lost"))[2] == "role_lost"
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(HOST, port)


async def test_an_introduction_in_single_bytes() -> None:
    async with serving() as (_, _, port):
        station = Station(key=KEY)
        await station.connect(HOST, port)
        data = b"\x01\x20\x01\x10" + introduction()
        for i in range(len(data)):
            station.writer.write(data[i : i + 1])
            await station.writer.drain()
        assert (await station.clear_frame())[0] == 0x0001
