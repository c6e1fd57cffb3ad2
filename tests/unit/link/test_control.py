"""The control line: one answer a request, bounded in time, for the owner alone."""

import asyncio
import json
import os
import socket
import stat
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from standby.link import control
from standby.link.control import (
    ControlError,
    ControlServer,
    ControlTimeout,
    ControlUnavailable,
    acall,
    call,
    notify,
)


async def echo(message: dict[str, Any]) -> dict[str, Any]:
    if message.get("command") == "fail":
        raise RuntimeError("on purpose")
    if message.get("command") == "nonsense":
        return {"ok": object()}
    if message.get("command") == "hang":
        await asyncio.sleep(60)
    return {"ok": True, "got": message}


@asynccontextmanager
async def served(path: Path, handler: control.Handler = echo) -> AsyncIterator[ControlServer]:
    server = ControlServer(path, handler)
    await server.start()
    try:
        yield server
    finally:
        await server.close()


def mode_of(path: Path) -> int | None:
    return stat.S_IMODE(path.stat().st_mode) if path.exists() else None


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run" / "control.sock"


@pytest.mark.asyncio
async def test_a_request_gets_its_answer(path: Path) -> None:
    async with served(path):
        assert await acall(path, {"command": "status", "text": "ü\n"}, 5) == {
            "ok": True,
            "got": {"command": "status", "text": "ü\n"},
        }
        assert mode_of(path) == 0o600
    assert mode_of(path) is None


@pytest.mark.asyncio
async def test_a_path_of_any_length(tmp_path: Path) -> None:
    path = tmp_path / ("x" * 100) / ("y" * 100) / "control.sock"
    async with served(path):
        assert await asyncio.to_thread(notify, path, {})
        assert (await acall(path, {}, 5))["ok"]


@pytest.mark.asyncio
async def test_what_an_earlier_process_left_is_replaced(path: Path) -> None:
    path.parent.mkdir()
    stale = socket.socket(socket.AF_UNIX)
    stale.bind(str(path))
    stale.close()
    with pytest.raises(ControlUnavailable):
        call(path, {}, 1)
    async with served(path):
        assert (await acall(path, {}, 5))["ok"]


@pytest.mark.asyncio
@pytest.mark.parametrize("command", ["fail", "nonsense"])
async def test_a_handlers_failure_is_an_answer(path: Path, command: str) -> None:
    async with served(path):
        answer = await acall(path, {"command": command}, 5)
        assert answer == {"ok": False, "reason": "internal error, see the log"}
        assert (await acall(path, {}, 5))["ok"]


@pytest.mark.asyncio
async def test_no_answer_in_time(path: Path) -> None:
    async with served(path):
        start = time.monotonic()
        with pytest.raises(ControlTimeout):
            await acall(path, {"command": "hang"}, 0.1)
        assert time.monotonic() - start < 1


def test_nobody_there(path: Path) -> None:
    with pytest.raises(ControlUnavailable):
        call(path, {}, 1)
    path.parent.mkdir()
    with pytest.raises(ControlUnavailable):
        call(path, {}, 1)
    assert not notify(path, {})


@pytest.mark.asyncio
async def test_nonsense_is_counted_and_answered(path: Path) -> None:
    async with served(path) as server:
        for line in (b"{\n", b"[]\n", b"\xff\n", b"[" * 5000 + b"\n"):
            reader, writer = await asyncio.open_unix_connection(path)
            writer.write(line)
            assert json.loads(await reader.readline())["ok"] is False
            writer.close()
        assert server.bad_requests == 4
        reader, writer = await asyncio.open_unix_connection(path)
        with suppress(ConnectionError):
            writer.write(b"x" * (control.MAX_LINE + 1))
            await writer.drain()
            assert await reader.read() == b""
        writer.close()
        assert server.bad_requests == 5
        assert (await acall(path, {}, 5))["ok"]


@pytest.mark.asyncio
async def test_several_requests_of_one_connection_keep_their_order(path: Path) -> None:
    async with served(path) as server:
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(b"".join(b'{"n": %d}\n' % n for n in range(5)))
        writer.write_eof()
        lines = (await reader.read()).splitlines()
        assert [json.loads(line)["got"]["n"] for line in lines] == list(range(5))
        writer.close()
        assert not server.connections


@pytest.mark.asyncio
async def test_a_request_is_carried_out_though_its_sender_has_gone(path: Path) -> None:
    done = asyncio.Event()

    async def handler(message: dict[str, Any]) -> dict[str, Any]:
        await asyncio.sleep(0.02)
        done.set()
        return {}

    async with served(path, handler):
        assert await asyncio.to_thread(notify, path, {"command": "ring"})
        await asyncio.wait_for(done.wait(), 5)


@pytest.mark.asyncio
async def test_many_short_connections(path: Path) -> None:
    """Every change of the configuration rings; a burst of them loses none."""
    rings = 0

    async def handler(message: dict[str, Any]) -> dict[str, Any]:
        nonlocal rings
        rings += 1
        return {}

    def burst() -> int:
        return sum(notify(path, {"command": "ring"}, 5) for _ in range(250))

    async with served(path, handler) as server:
        sent = await asyncio.gather(*(asyncio.to_thread(burst) for _ in range(4)))
        assert sum(sent) == 1000
        while rings < 1000 or server.connections:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


def test_a_notification_never_waits_for_a_server_that_stands_still(path: Path) -> None:
    """Not even when its queue of connections is full."""
    path.parent.mkdir()
    with socket.socket(socket.AF_UNIX) as frozen:
        frozen.bind(str(path))
        frozen.listen(1)
        longest, results = 0.0, []
        for _ in range(6):
            start = time.monotonic()
            results.append(notify(path, {"command": "ring"}))
            longest = max(longest, time.monotonic() - start)
        assert results[0]
        assert not results[-1]
        assert longest < 0.05 + 0.3
        with pytest.raises(ControlTimeout):
            call(path, {}, 0.1)


def test_an_answer_that_is_cut_off_or_nonsense_is_an_error(path: Path) -> None:
    path.parent.mkdir()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen(5)

        def answer(*answers: bytes) -> None:
            for data in answers:
                connection, _ = listener.accept()
                with connection:
                    connection.recv(100)
                    connection.sendall(data)

        thread = threading.Thread(target=answer, args=(b'{"ok"', b"[]\n", b"\xff\n"))
        thread.start()
        for _ in range(3):
            with pytest.raises(ControlError):
                call(path, {}, 5)
        thread.join()


def test_the_socket_is_not_inherited(path: Path) -> None:
    async def flags() -> bool:
        async with served(path) as server:
            assert server._server is not None
            return os.get_inheritable(server._server.sockets[0].fileno())

    assert asyncio.run(flags()) is False
