"""Many open pages on one OMM: how long a change needs to the last of them, and what they cost."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import resource
import time
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
from websockets import WebSocketException
from websockets.asyncio.client import ClientConnection, connect

from tests.bench.node import pss_mb
from tests.bench.stats import summary
from tests.pair import PASSWORD, Node, running_pair

SOCKETS = 1000
AT_ONCE = 20
TRIES = 5
IDLE = 20.0
"""Seconds of watching what open pages cost while nothing changes."""
PAUSE = 0.4
"""Seconds between two changes."""
PATIENCE = 20.0


class Client:
    """An open page: keeps the state as the page's script does, and when it learned of changes."""

    def __init__(self, line: ClientConnection) -> None:
        self.line = line
        self.seq = 0
        self.document: dict[str, Any] = {}
        self.events: list[Any] = []
        self.heard: dict[int, float] = {}
        """Journal sequence number to the moment at which this client knew of it."""
        self.gaps = 0
        self.messages = 0
        self.was_right = False
        self.compared = asyncio.Event()
        self.known = asyncio.Event()

    async def follow(self) -> None:
        async for text in self.line:
            self.take(json.loads(text))

    def take(self, message: dict[str, Any]) -> None:
        self.messages += 1
        kind = message["type"]
        if kind == "snapshot":
            state = (message["document"], message["events"])
            if self.seq:
                self.was_right = state == (self.document, self.events)
                self.compared.set()
            self.document, self.events = state
        elif kind == "delta":
            self.gaps += message["seq"] != self.seq + 1
            self.document = {**self.document, **message.get("document", {})}
            for key in message.get("removed", ()):
                self.document.pop(key, None)
            self.events = message.get("events", self.events)
        self.seq = message.get("seq", self.seq)
        self.heard.setdefault(self.document["journal"]["seq"], time.monotonic())
        self.known.set()

    async def knows(self, seq: int) -> float:
        """The moment at which this client knew of journal entry ``seq``."""
        while not (times := [at for each, at in self.heard.items() if each >= seq]):
            self.known.clear()
            await self.known.wait()
        return min(times)


def signed_in(node: Node) -> str:
    """The cookie header of a person's browser."""
    with httpx.Client(base_url=node.url) as browser:
        page = browser.get("/login/").text
        found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
        assert found
        sent = {"username": "admin", "password": PASSWORD, "csrfmiddlewaretoken": found[1]}
        assert browser.post("/login/", data=sent, headers={"origin": node.url}).status_code == 302
        return "; ".join(f"{name}={value}" for name, value in browser.cookies.items())


async def opened(node: Node, count: int) -> list[Client]:
    """As many open pages as asked for, each with its first snapshot."""
    headers = {"Cookie": signed_in(node)}
    gate = asyncio.Semaphore(AT_ONCE)
    uri = f"{node.url.replace('http', 'ws')}/ws/status/"

    async def one() -> Client:
        async with gate:
            line = await connect(
                uri,
                origin=node.url,  # type: ignore[arg-type]
                additional_headers=headers,
                subprotocols=["omm.v1"],  # type: ignore[list-item]
                compression=None,
                open_timeout=60,
                ping_interval=None,
            )
            client = Client(line)
            client.take(json.loads(await line.recv()))
            return client

    async def again() -> Client:
        """A page tries again as well, when a busy OMM does not let it in at once."""
        for _ in range(TRIES):
            with contextlib.suppress(WebSocketException, OSError):
                return await one()
        return await one()

    return list(await asyncio.gather(*(again() for _ in range(count))))


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def one_change(api: httpx.AsyncClient, clients: list[Client], name: str) -> dict[str, float]:
    """Make a change; seconds until clients knew, from the request and from the commit on."""
    began, clock = time.monotonic(), time.time()
    answer = await api.post("/sites/", json={"name": name})
    answered = time.monotonic()
    seq = int(answer.headers["OMM-Journal-Seq"])
    try:
        async with asyncio.timeout(PATIENCE):
            times = sorted(await asyncio.gather(*(client.knows(seq) for client in clients)))
    except TimeoutError:
        late = [client for client in clients if max(client.heard) < seq]
        codes = Counter(client.line.close_code for client in late)
        node = late[0].document["node"]
        text = f"{len(late)} pages never knew of {seq}; how they closed: {codes}; {node}"
        raise RuntimeError(text) from None
    entry = (await api.get("/changes/", params={"limit": 1})).json()["results"][0]
    committed = began + datetime.fromisoformat(entry["at"]).timestamp() - clock
    return {
        "last": times[-1] - committed,
        "half": times[len(times) // 2] - committed,
        "first": times[0] - committed,
        "last_from_request": times[-1] - began,
        "answer": answered - began,
    }


async def watch(node: Node, rounds: int) -> dict[str, Any]:
    web = node.pids()["web"]
    before = pss_mb(web)
    began = time.monotonic()
    clients = await opened(node, SOCKETS)
    opening = time.monotonic() - began
    following = [asyncio.create_task(client.follow()) for client in clients]
    cpu, messages, began = cpu_seconds(web), sum(c.messages for c in clients), time.monotonic()
    await asyncio.sleep(IDLE)
    passed = time.monotonic() - began
    idle = (cpu_seconds(web) - cpu) / passed
    rate = (sum(c.messages for c in clients) - messages) / passed
    found = []
    with node.api() as one:
        headers = dict(one.headers)
    async with httpx.AsyncClient(base_url=f"{node.url}/api/v1", headers=headers, timeout=20) as api:
        cpu, began = cpu_seconds(web), time.monotonic()
        for number in range(rounds):
            found.append(await one_change(api, clients, f"Site {number}"))
            await asyncio.sleep(PAUSE)
        busy = (cpu_seconds(web) - cpu) / (time.monotonic() - began)
    same = await compared(node, clients)
    after = pss_mb(web)
    for task in following:
        task.cancel()
    await asyncio.gather(*(client.line.close() for client in clients))
    return {
        "sockets": len(clients),
        "opened_s": round(opening, 1),
        **{name: summary([each[name] for each in found]) for name in found[0]},
        "same_state": same,
        "gaps": sum(client.gaps for client in clients),
        "web_mb": {"before": before, "with_sockets": after},
        "web_cpu_cores": {"idle": round(idle, 2), "changing": round(busy, 2)},
        "messages_per_s": round(rate),
        "samples_ms": [round(1000 * each["last"], 1) for each in found],
    }


async def compared(node: Node, clients: list[Client]) -> int:
    """How many clients hold exactly what the server last sent, and what a new one is shown."""
    for client in clients:
        await client.line.send('{"type":"snapshot"}')
    (fresh,) = await opened(node, 1)
    async with asyncio.timeout(PATIENCE):
        await asyncio.gather(*(client.compared.wait() for client in clients))
    lasting = ("node", "journal", "rfps", "warnings", "reason")
    await fresh.line.close()
    return sum(
        client.was_right
        and client.events == fresh.events
        and all(client.document[key] == fresh.document[key] for key in lasting)
        for client in clients
    )


def sockets(directory: Path, rounds: int) -> dict[str, Any]:
    """A pair whose active has a thousand open pages."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
    try:
        with running_pair(directory) as pair:
            return asyncio.run(watch(pair.active, rounds))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
