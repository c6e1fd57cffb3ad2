"""The OMM's side of the witnesses: asks each of them at every beat, hears what they answer."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from standby.domain.sentence import join, say
from standby.domain.witnessing import UNREACHABLE_AFTER
from standby.link.sealed import BadDatagram
from standby.link.witness import answer_sealer, ask_sealer

if TYPE_CHECKING:
    from standby.runtime.core import PairRuntime

log = logging.getLogger(__name__)

RECEIVE_SIZE = 2048
AT_ONCE = 16
NEVER = float("-inf")


class WitnessLink:
    """One socket for each witness, so that an answer proves whose it is by where it arrives."""

    def __init__(self, runtime: PairRuntime) -> None:
        config = runtime.config
        self.counters: Counter[str] = Counter()
        self._runtime = runtime
        self._asks, self._answers = ask_sealer(config.secrets), answer_sealer(config.secrets)
        self._sockets: list[socket.socket | None] = [None] * len(config.witnesses)
        self._opened_at = runtime.clock()
        self._mark = ArmedMark(config.data_dir / "witness-armed")
        self._kept = self._mark.read()
        self._wanted = False

    @property
    def armed_before(self) -> bool:
        """The policy was in force when this OMM ended."""
        return self._kept

    # --- asking and hearing ---------------------------------------------------------------------

    def beat(self) -> None:
        """Ask every witness; keep on disk whether the policy is in force."""
        for number in range(len(self._sockets)):
            self._ask(number)
        armed = self._runtime.member.witnessing.armed
        if armed != self._kept:
            self._kept = armed
            self._runtime.in_loop(asyncio.to_thread(self._mark.write, armed=armed))

    def poke(self) -> None:
        """Ask at once when this OMM begins to want the right."""
        wants = self._runtime.member.witnessing.wants_since is not None
        if wants and not self._wanted:
            for number in range(len(self._sockets)):
                self._ask(number)
        self._wanted = wants

    def _ask(self, number: int) -> None:
        runtime = self._runtime
        question = runtime.member.ask(number, runtime.clock())
        sock = self._sockets[number] or self._open(number)
        if sock is None:
            return
        try:
            sock.send(self._asks.seal(question))
        except OSError as error:
            self.counters[f"send {error.errno}"] += 1

    def _open(self, number: int) -> socket.socket | None:
        """A connected socket; None while this host has no way to the witness."""
        address, port = self._runtime.config.witnesses[number]
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_DGRAM)
        try:
            sock.setblocking(False)
            own = self._runtime.config.address
            if (":" in own) == (":" in address):
                sock.bind((own, 0))
            sock.connect((address, port))
        except OSError as error:
            sock.close()
            self.counters[f"connect {error.errno}"] += 1
            return None
        asyncio.get_running_loop().add_reader(sock.fileno(), self._readable, number)
        self._sockets[number] = sock
        return sock

    def _readable(self, number: int) -> None:
        sock, runtime = self._sockets[number], self._runtime
        if sock is None:
            return
        if runtime.member.overslept(runtime.clock()):
            runtime.step()
        heard = False
        for _ in range(AT_ONCE):
            try:
                data = sock.recv(RECEIVE_SIZE)
            except OSError:
                break
            heard = self._take(number, data) or heard
        if heard:
            runtime.step()

    def _take(self, number: int, data: bytes) -> bool:
        try:
            answer = self._answers.open(data)
            self._asks.secret = self._answers.secret
        except BadDatagram as bad:
            self.counters[bad.kind] += 1
            return False
        if answer.node != self._runtime.config.node:
            self.counters["other"] += 1
            return False
        return self._runtime.member.witnessing.witnesses[number].hear(answer)

    def close(self) -> None:
        """Close every socket."""
        for number, sock in enumerate(self._sockets):
            if sock is not None:
                asyncio.get_running_loop().remove_reader(sock.fileno())
                sock.close()
            self._sockets[number] = None

    # --- for people -----------------------------------------------------------------------------

    def row(self, now: float) -> dict[str, Any] | None:
        """The part of the status document; None without a witness."""
        member = self._runtime.member
        witnessing = member.witnessing
        if not witnessing.configured:
            return None
        view = witnessing.view(now, member.timing, member.ear.proved_at, member.ear.echoed_at)
        return {
            "armed": witnessing.armed,
            "answering": view.answering,
            "holds": witnessing.holds(now, member.timing),
            "waived": witnessing.waived,
            "witnesses": [
                {
                    "address": each.address,
                    "answers": now - each.asked_at < UNREACHABLE_AFTER,
                    "last_answer_ms": None if each.asked_at == NEVER else _ms(now - each.asked_at),
                    "hears_peer_ms": None
                    if each.last is None or each.last.peer_age is None
                    else _ms(now - each.asked_at + each.last.peer_age),
                }
                for each in witnessing.witnesses
            ],
        }

    def unreachable(self, now: float) -> str:
        """The witnesses that have not answered for a while; empty when all do."""
        since = self._opened_at
        witnesses = self._runtime.member.witnessing.witnesses
        silent = [
            each.address
            for each in witnesses
            if now - max(each.asked_at, since) >= UNREACHABLE_AFTER
        ]
        if not silent:
            return ""
        names = join(*silent, by=", ")
        if self._runtime.member.witnessing.armed:
            return say("The witness %(names)s does not answer this OMM.", names=names)
        return say(
            "The witness %(names)s answers neither OMM: if contact between the two is lost, both "
            "may be active.",
            names=names,
        )


class ArmedMark:
    """A file that is there while the policy is in force, so that a restart does not forget it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> bool:
        """Whether the policy was in force."""
        return self._path.exists()

    def write(self, *, armed: bool) -> None:
        """Make or remove the file, durably; a disk that fails is an OMM error of its own."""
        with contextlib.suppress(OSError):
            if armed:
                self._path.touch()
            else:
                self._path.unlink(missing_ok=True)
            directory = os.open(self._path.parent, os.O_RDONLY)
            try:
                os.fsync(directory)
            finally:
                os.close(directory)


def _ms(seconds: float) -> int:
    return max(0, round(seconds * 1000))
