"""``manage.py omm_witness``: the witness of a pair, on any third host (docs/pair.md).

Needs the environment (``witness_env``) and this repository; no database, no Redis, no Django.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import logging
import signal
import socket
import sys
from dataclasses import asdict
from secrets import token_hex

from omm_portal.node.env import EXIT_BAD_ENVIRONMENT
from omm_portal.node.reader import EnvironmentProblem
from omm_portal.node.witness_env import WitnessEnvironment, load_witness
from standby.domain.witness import Desk, Visitor
from standby.lease import boot_time
from standby.link.sealed import BadDatagram
from standby.link.witness import (
    LOOKER,
    Look,
    Report,
    Seen,
    answer_sealer,
    ask_sealer,
    look_sealer,
    report_sealer,
)

log = logging.getLogger("omm_witness")

RECEIVE_SIZE = 2048
HEARD = 1.0
"""Seconds after which an OMM counts as silent, for the log and for ``--status``."""
LOOK_PERIOD = 0.5
LOOK_WAIT = 1.0
LOOK_TRIES = 3
EXIT_SILENT = 1


class Witness(asyncio.DatagramProtocol):
    """Answers datagrams; what is not the pair's has no effect but a count."""

    def __init__(self, secrets: tuple[bytes, ...]) -> None:
        self.desk = Desk(token_hex(8), boot_time())
        self.bad = 0
        self._asks, self._answers = ask_sealer(secrets), answer_sealer(secrets)
        self._looks, self._reports = look_sealer(secrets), report_sealer(secrets)
        self._transport: asyncio.DatagramTransport
        self._told: dict[str, str] = {}

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        """asyncio: the socket is open."""
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """asyncio: a datagram came."""
        try:
            answer = self._reported(data) if data[:4] == b"OMML" else self._judged(data)
        except BadDatagram as bad:
            self.bad += 1
            log.debug("a datagram of %s that is not the pair's: %s", addr[0], bad.kind)
            return
        if answer is not None:
            self._transport.sendto(answer, addr)

    def _judged(self, data: bytes) -> bytes | None:
        ask = self._asks.open(data)
        answer = self.desk.hear(ask, boot_time())
        self.tell()
        self._answers.secret = self._asks.secret
        return None if answer is None else self._answers.seal(answer)

    def _reported(self, data: bytes) -> bytes:
        look = self._looks.open(data)
        self._reports.secret = self._looks.secret
        now = boot_time()
        omms = tuple(self._seen(each, now) for each in self.desk.visitors.values())
        up = now - self.desk.started
        return self._reports.seal(Report(LOOKER, look.nonce, up, omms, self.bad))

    def _seen(self, visitor: Visitor, now: float) -> Seen:
        age = None if visitor.heard_at is None else now - visitor.heard_at
        return Seen(visitor.address, visitor.active, self.desk.holder == visitor.node, age)

    def tell(self) -> None:
        """Say in the log whom it hears and who has the right, whenever that changes."""
        now = boot_time()
        for visitor in self.desk.visitors.values():
            seen = self._seen(visitor, now)
            if not seen.address:
                continue
            heard = seen.age is not None and seen.age < HEARD
            active = "active" if seen.active else "not active"
            holds = ", may be active alone" if seen.holds else ""
            text = f"{active}{holds}" if heard else f"silent{holds}"
            if self._told.get(visitor.node) != text:
                self._told[visitor.node] = text
                log.info("OMM %s: %s", seen.address, text)


async def serve(environment: WitnessEnvironment) -> None:
    """Answer until SIGTERM or SIGINT; raises OSError for an address that cannot be bound."""
    loop, over = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, over.set)
    witness = Witness(environment.secrets)
    transport, _ = await loop.create_datagram_endpoint(
        lambda: witness, local_addr=(environment.bind, environment.port)
    )
    log.info("witness on %s, UDP port %d", environment.bind, environment.port)
    try:
        while not over.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_PERIOD):
                    await over.wait()
            witness.tell()
    finally:
        transport.close()


def look(environment: WitnessEnvironment) -> Report | None:
    """Ask the witness that runs with this environment how it is; None: it does not answer."""
    secrets = environment.secrets
    reports, question = report_sealer(secrets), Look(LOOKER, token_hex(16))
    v6 = ":" in environment.bind
    local = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104
    target = (local.get(environment.bind, environment.bind), environment.port)
    with socket.socket(socket.AF_INET6 if v6 else socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(LOOK_WAIT)
        for _ in range(LOOK_TRIES):
            with contextlib.suppress(OSError, BadDatagram):
                sock.sendto(look_sealer(secrets).seal(question), target)
                report: Report = reports.open(sock.recv(RECEIVE_SIZE))
                if report.nonce == question.nonce:
                    return report
    return None


def _show(report: Report | None, *, as_json: bool) -> int:
    """Print it; 0 when the witness answers and hears both OMMs."""
    omms = report.omms if report is not None else ()
    heard = [seen for seen in omms if seen.age is not None and seen.age < HEARD]
    well = len(heard) == 2
    if as_json:
        found = {"running": report is not None, "hears_both": well}
        if report is not None:
            found |= {key: value for key, value in asdict(report).items() if key not in _INNER}
        sys.stdout.write(json.dumps(found) + "\n")
    elif report is None:
        sys.stdout.write("The witness does not answer.\n")
    else:
        sys.stdout.write(f"The witness runs for {report.up:.0f} s and hears {len(heard)} OMMs.\n")
        for seen in report.omms:
            sys.stdout.write(f"  {seen.address or '?'}: {_words(seen)}\n")
    return 0 if well else EXIT_SILENT


_INNER = ("node", "nonce")


def _words(seen: Seen) -> str:
    heard = "never heard" if seen.age is None else f"heard {seen.age:.1f} s ago"
    active = ", active" if seen.active else ""
    return heard + active + (", may be active alone" if seen.holds else "")


def main(arguments: list[str]) -> int:
    """Run the witness, or look at the one that runs."""
    parser = argparse.ArgumentParser(prog="manage.py omm_witness", description=main.__doc__)
    parser.add_argument("--status", action="store_true", help="look at the witness that runs here")
    parser.add_argument("--json", action="store_true", help="the same as one JSON object")
    options = parser.parse_args(arguments)
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s"
    )
    try:
        environment = load_witness()
    except EnvironmentProblem as problem:
        sys.stderr.write(f"{problem}\n")
        return EXIT_BAD_ENVIRONMENT
    if options.status or options.json:
        return _show(look(environment), as_json=options.json)
    try:
        asyncio.run(serve(environment))
    except OSError as error:
        sys.stderr.write(f"OMM_WITNESS_BIND, OMM_WITNESS_PORT: {error}\n")
        return EXIT_BAD_ENVIRONMENT
    return 0
