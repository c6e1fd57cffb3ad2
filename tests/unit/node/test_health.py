"""When a child counts as hung, and what each probe takes for an answer."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from omm_portal.node import health
from omm_portal.node.health import Judge
from standby.link.control import ControlServer


def verdicts(judge: Judge, *answers: tuple[float, bool]) -> list[bool]:
    return [judge.hung(good=good, now=now) for now, good in answers]


def test_a_child_has_hung_after_bad_answers_for_its_patience() -> None:
    judge = Judge(patience=3)
    assert verdicts(judge, (0, True), (1, False), (2, False), (3, False), (4, False)) == [
        *[False] * 4,
        True,
    ]


def test_one_good_answer_starts_the_count_anew() -> None:
    assert not any(verdicts(Judge(3), (0, False), (2, False), (4, True), (6, False), (8, False)))


def test_a_gap_in_our_own_checks_accuses_nobody() -> None:
    judge = Judge(patience=10)
    assert verdicts(judge, (0, True), (1, False), (60, False), (61, False)) == [False] * 4


@contextlib.asynccontextmanager
async def server(answer: bytes | None, path: Path) -> AsyncIterator[Path]:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        if answer is not None:
            writer.write(answer)
            await writer.drain()
        else:
            await asyncio.sleep(30)
        writer.close()

    async with await asyncio.start_unix_server(handle, path):
        yield path


async def test_redis_answers_ping_or_it_is_bad(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(health, "PROBE_SECONDS", 0.2)
    assert not await health.redis_probe(tmp_path / "none")()
    async with server(b"+PONG\r\n", tmp_path / "good") as path:
        assert await health.redis_probe(path)()
    async with server(b"-LOADING\r\n", tmp_path / "loading") as path:
        assert not await health.redis_probe(path)()
    async with server(None, tmp_path / "hung") as path:
        assert not await health.redis_probe(path)()


async def test_the_web_service_answers_200_or_it_is_bad(settings: Any) -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n" if b"GET /health/live " in request else b"HTTP/1.1 404")
        writer.close()

    listener = await asyncio.start_server(handle, "127.0.0.1", 0)
    node = replace(settings.OMM, web_port=listener.sockets[0].getsockname()[1])
    async with listener:
        assert await health.web_probe(node)()
    assert not await health.web_probe(node)()


async def test_a_process_answers_on_its_control_line(tmp_path: Path) -> None:
    async def answer(message: dict[str, Any]) -> dict[str, Any]:
        return {"ok": message == {"command": "ping"}}

    server = ControlServer(tmp_path / "one.sock", answer)
    await server.start()
    assert await health.control_probe(tmp_path / "one.sock")()
    await server.close()
    assert not await health.control_probe(tmp_path / "one.sock")()
