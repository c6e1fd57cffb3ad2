"""One simulated base station: tries its OMMs in turn and stays with the one that serves it."""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from rfps.simulator import radio

CONNECT = 3.0
"""Seconds for a connection, and for each answer before the welcome."""
COME_BACK = 3.0
"""Seconds that a base station waits after it was told to restart."""
RESETS = 5
"""Restarts in a row after which it tries the other OMM."""
PAUSE = (0.2, 1.0)
"""Seconds between two rounds over all addresses when none serves it."""


class Fault(StrEnum):
    """What a base station may do wrong."""

    NO_HEARTBEAT = "no-heartbeat"
    WRONG_KEY = "wrong-key"
    GARBAGE = "garbage"
    SLOW = "slow"


class Ended(Exception):
    """The connection is over; the text says why, ``pause`` how long to wait before the next."""

    def __init__(self, why: str, pause: float = 0.0, *, stay: bool = False) -> None:
        super().__init__(why)
        self.why = why
        self.pause = pause
        self.stay = stay
        """Try the same OMM again."""


@dataclass(frozen=True)
class Plan:
    """What all base stations of a run have in common."""

    omms: tuple[str, ...]
    port: int
    tell: Callable[[dict[str, Any]], None]
    """Called with every change."""
    gate: asyncio.Semaphore
    """So many handshakes at once: an OMM limits those of one address."""
    source: str | None = None
    software: str = "SIP-DECT 8.1-SIM"


@dataclass
class Station:
    """A base station and what it remembers."""

    mac: str
    plan: Plan
    key: bytes | None = None
    fault: Fault | None = None
    begun: float = field(default_factory=time.monotonic)
    omm: str | None = None
    """The OMM that serves it."""
    _resets: int = 0
    _enrolled: bool = False

    async def run(self) -> None:
        """Go on until cancelled."""
        at = 0
        failures = 0
        while True:
            omm = self.plan.omms[at % len(self.plan.omms)]
            try:
                await self._once(omm)
            except Ended as end:
                was_served, self.omm = self.omm is not None, None
                self._tell("lost" if was_served else "refused", omm, why=end.why)
                failures = 0 if was_served else failures + 1
                if not end.stay:
                    at += 1
                    self._resets = 0
                pause = end.pause
                if failures and not end.stay and failures % len(self.plan.omms) == 0:
                    pause = max(pause, random.uniform(*PAUSE))  # noqa: S311
                await asyncio.sleep(pause)

    async def _once(self, omm: str) -> None:
        local = (self.plan.source, 0) if self.plan.source else None
        async with self.plan.gate:
            try:
                async with asyncio.timeout(CONNECT):
                    connection = asyncio.open_connection(omm, self.plan.port, local_addr=local)
                    reader, writer = await connection
            except TimeoutError:
                raise Ended("no connection in time") from None
            except OSError as problem:
                raise Ended(problem.strerror or str(problem)) from None
            talk = Talk(self, reader, writer)
            try:
                interval = await talk.handshake()
            except BaseException:
                writer.close()
                raise
        self.omm = omm
        self._resets = 0
        self._tell("connected", omm, enrolled=talk.enrolled)
        try:
            await talk.stay(interval)
        finally:
            writer.close()

    def told_to_restart(self) -> Ended:
        """The OMM does not let it in for now."""
        self._resets += 1
        if self._resets < RESETS:
            return Ended("told to come back", COME_BACK, stay=True)
        return Ended("told to come back too often", COME_BACK)

    def _tell(self, event: str, omm: str, **more: Any) -> None:
        self.plan.tell({"at": time.time(), "mac": self.mac, "event": event, "omm": omm, **more})


class Talk:
    """One connection."""

    def __init__(
        self, station: Station, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._station = station
        self._reader = reader
        self._writer = writer
        self._challenge = b""
        self.enrolled = False

    async def handshake(self) -> float:
        """From the challenge to the welcome; the seconds between two heartbeats."""
        kind, self._challenge = await self._clear()
        if kind != radio.CHALLENGE or len(self._challenge) != 32:
            raise Ended("no challenge")
        await self._introduce()
        while (answer := await self._clear())[0] != radio.ACK:
            self._take(*answer)
        key = self._station.key
        if key is None:
            raise Ended("let in without a key", 1.0)
        if self._station.fault is Fault.WRONG_KEY:
            key = bytes(octet ^ 0xFF for octet in key)
        self._mouth = radio.Mouth(key, self._challenge)
        self._ear = radio.Ear(key, self._challenge)
        self._writer.write(self._mouth.say(radio.CONFIRM, filler=os.urandom(1)))
        while (answer := await self._sealed(CONNECT))[0] != radio.INTERVAL:
            pass
        return float(answer[1][0])

    async def _introduce(self) -> None:
        mac = bytes.fromhex(self._station.mac.replace(":", ""))
        said = radio.introduction(mac, self._station.plan.software)
        if self._station.fault is Fault.GARBAGE:
            said = os.urandom(len(said))
        if self._station.fault is Fault.SLOW:
            for at in range(len(said)):
                self._writer.write(said[at : at + 1])
                await asyncio.sleep(0.02)
            return
        self._writer.write(said)

    def _take(self, kind: int, body: bytes) -> None:
        """What may come before the ACK."""
        if kind == radio.KEY_TOLD and len(body) == 64:
            if body != self._station.key:
                self.enrolled = True
                self._station.key = body
        elif kind == radio.RESET:
            raise self._station.told_to_restart()
        elif kind == radio.NACK:
            raise Ended("told to stay away", 30.0)

    async def stay(self, interval: float) -> None:
        """Report until the connection ends."""
        listening = asyncio.create_task(self._listen())
        try:
            while not listening.done():
                done, _ = await asyncio.wait({listening}, timeout=interval)
                if not done and self._station.fault is not Fault.NO_HEARTBEAT:
                    up = time.monotonic() - self._station.begun
                    self._writer.write(self._mouth.say(radio.HEARTBEAT, radio.uptime(up)))
            listening.result()
        finally:
            listening.cancel()

    async def _listen(self) -> None:
        while True:
            await self._sealed(None)

    async def _clear(self) -> tuple[int, bytes]:
        head = await self._read(4, CONNECT)
        return int.from_bytes(head[:2], "big"), await self._read(
            int.from_bytes(head[2:], "big"), CONNECT
        )

    async def _sealed(self, patience: float | None) -> tuple[int, bytes]:
        first = self._ear.open(await self._read(8, patience))
        kind, length, rest = radio.rest_of(first)
        body = first[4:] + (self._ear.open(await self._read(rest, patience)) if rest else b"")
        return kind, body[:length]

    async def _read(self, count: int, patience: float | None) -> bytes:
        try:
            async with asyncio.timeout(patience):
                return await self._reader.readexactly(count)
        except TimeoutError:
            raise Ended("no answer in time") from None
        except (asyncio.IncompleteReadError, OSError):
            raise Ended("the connection was closed") from None
