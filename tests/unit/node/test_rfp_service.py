"""The port for base stations is open exactly while the lease says so."""

import asyncio
import socket
import time
from dataclasses import replace
from typing import Any

import pytest

from rfps.link import notes
from rfps.link.service import serve
from standby.domain.facts import Role
from standby.lease import Lease, LeaseWriter, boot_time
from standby.models import Event
from tests.unit.rfplink.clients import LetGo, Station

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "live"])


def lease(*, is_open: bool) -> Lease:
    now = boot_time()
    return Lease(Role.ACTIVE, 1, is_open, is_open, "boot", now, now, 0, "0" * 64, False, b"{}")


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


async def until_open(port: int, wanted: bool) -> float:
    begun = time.monotonic()
    while await asyncio.to_thread(is_open, port) != wanted:
        assert time.monotonic() - begun < 5
        await asyncio.sleep(0.002)
    return time.monotonic() - begun


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number: int = probe.getsockname()[1]
    return number


async def test_it_opens_and_closes_with_the_lease(omm: Any, port: int) -> None:
    service = asyncio.create_task(serve(replace(omm, rfp_port=port)))
    await asyncio.sleep(0.05)
    assert not is_open(port)
    writer = LeaseWriter(omm.lease_path)
    writer.write(lease(is_open=True))
    await until_open(port, True)
    writer.write(lease(is_open=False))
    await until_open(port, False)
    writer.write(lease(is_open=True))
    await until_open(port, True)
    writer.close()  # the runtime dies
    await until_open(port, False)
    service.cancel()
    await asyncio.gather(service, return_exceptions=True)


async def test_a_stranger_is_told_to_come_back_and_noted_once(
    open_gate: Any, omm: Any, port: int
) -> None:
    service = asyncio.create_task(serve(replace(omm, rfp_port=port)))
    await until_open(port, True)
    for _ in range(2):
        station = Station("003042000009")
        await station.connect("127.0.0.1", port)
        with pytest.raises(LetGo) as let_go:
            await station.introduce()
        assert let_go.value.said[-1][0] == 0x0121
    noted = Event.objects.filter(code=notes.REFUSED)
    begun = time.monotonic()
    while not await noted.aexists():
        assert time.monotonic() - begun < 5
        await asyncio.sleep(0.02)
    service.cancel()
    await asyncio.gather(service, return_exceptions=True)
    assert [event.message async for event in noted] == [
        "Base station 00:30:42:00:00:09 was refused: it is not configured."
    ]
