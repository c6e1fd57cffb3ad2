"""One cell from beginning to end: a fresh pair, writers, faults, peace, the books."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from standby.lease import boot_time
from tests.chaos.books import Account, Ledger, read, settle
from tests.chaos.cells import Cell, plan_of
from tests.chaos.faults import Faults, prepare_clock
from tests.chaos.hosts import LINK_PORT, At, Hosts, busy_cores, small_disk
from tests.chaos.watch import HANG, Takeover, Watch
from tests.pair import eventually

BACK_WITHIN = 1.0
"""Seconds after contact is back in which one OMM must be active (target)."""
LONG_WITHOUT = 1.0
PEACE = 60.0
"""Seconds after the last fault in which the pair must be whole again, at most."""


@dataclass
class Result:
    """What one cell showed; ``faults`` is empty when everything held."""

    cell: str
    seed: int
    seconds: float
    busy: bool
    takeovers: list[Takeover] = field(default_factory=list)
    false_takeovers: int = 0
    both_accepting_ms: float = 0.0
    two_active_ms: float = 0.0
    nobody_ms: float = 0.0
    without: list[tuple[float, float]] = field(default_factory=list)
    """When nobody accepted changes for longer than LONG_WITHOUT: begin and seconds."""
    back_ms: list[float] = field(default_factory=list)
    """After each time that contact came back: until one OMM was active."""
    whole_after: float = 0.0
    """Seconds from the end of the faults until both were synchronised and all was classed."""
    account: Account = field(default_factory=Account)
    cable: dict[str, Any] = field(default_factory=dict)
    endpoints: dict[str, Any] = field(default_factory=dict)
    longest_look_ms: float = 0.0
    faults: list[str] = field(default_factory=list)

    @property
    def held(self) -> bool:
        return not self.faults

    def document(self) -> dict[str, Any]:
        """All of it, for a line of JSON."""
        return asdict(self)


def run_cell(
    cell: Cell, seed: int, seconds: float, pause: float, directory: Path, *, busy: bool
) -> Result:
    """Run it; raises nothing for what the pair does wrong, that is in the result."""
    result = Result(cell.name, seed, seconds, busy)
    hosts = Hosts(directory)
    hogs: list[Any] = []
    try:
        for node in hosts.pair.nodes:
            if cell.clocks:
                prepare_clock(node)
            if cell.small_disks:
                small_disk(node.data)
        hosts.build()
        hosts.start()
        if busy:
            hogs = busy_cores()
        _live(hosts, cell, result, pause, directory)
    except Exception as error:
        result.faults.append(f"{type(error).__name__}: {error}")
    finally:
        for hog in hogs:
            hog.kill()
            hog.wait()
        hosts.remove()
    return result


def _live(hosts: Hosts, cell: Cell, result: Result, pause: float, directory: Path) -> None:
    pair, book = hosts.pair, directory / "book.jsonl"
    addresses = (pair.active.address, pair.standby.address)
    token = pair.active.new_token()
    writer = hosts.run_aside(
        At.CLIENT,
        *("tests.chaos.writer", str(book), str(result.seed), str(pause), token, *addresses),
    )
    eventually(lambda: book.exists() and book.stat().st_size, "the administrators write")
    hosts.cable.ask("begin", seed=result.seed, heartbeat_port=LINK_PORT)
    faults = Faults(hosts)
    with Watch(pair.nodes) as watch:
        faults.run(plan_of(cell, result.seed, result.seconds), result.seconds)
        result.cable = hosts.cable.ask("count")
        faults.end()
        ended = boot_time()
        writer.communicate(timeout=PEACE)
        books = _wait_whole(hosts, result)
        result.whole_after = boot_time() - ended
    (directory / "faults.log").write_text("\n".join(faults.log) + "\n")
    result.account = settle(book, *books)
    _judge(result, cell, watch, faults)


def _wait_whole(hosts: Hosts, result: Result) -> tuple[Ledger, Ledger]:
    """Wait until nothing moves any more: both synchronised, all set-aside changes classed."""
    pair, found = hosts.pair, (Ledger(), Ledger())

    def is_whole() -> bool:
        nonlocal found
        found = (read(pair.a), read(pair.b))
        return found[0].hashes == found[1].hashes and not any(each.waiting for each in found)

    try:
        hosts.become_whole()
        eventually(_at_leisure(is_whole), "equal journals, everything classed", PEACE)
        pair.wait_healthy()
        eventually(_at_leisure(is_whole), "equal journals, everything classed", PEACE)
    except AssertionError as error:
        is_whole()
        result.faults.append(f"not whole again: {error}")
    return found


def _at_leisure(look: Callable[[], bool]) -> Callable[[], bool]:
    def slowly() -> bool:
        time.sleep(0.2)
        return look()

    return slowly


def _judge(result: Result, cell: Cell, watch: Watch, faults: Faults) -> None:
    result.takeovers = watch.takeovers
    result.both_accepting_ms = round(1000 * watch.both_accepting(), 1)
    result.two_active_ms = round(1000 * watch.two_active(), 1)
    result.nobody_ms = round(1000 * watch.nobody(), 1)
    result.without = watch.without(LONG_WITHOUT)
    result.longest_look_ms = round(1000 * watch.longest_pause, 1)
    result.endpoints = {name: asdict(each) for name, each in watch.endpoints.items()}
    result.faults += result.account.faults
    if result.both_accepting_ms:
        result.faults.append(f"both accepted changes in contact for {result.both_accepting_ms} ms")
    if cell.calm:
        result.false_takeovers = len(watch.takeovers)
        result.faults += [f"false takeover: {takeover}" for takeover in watch.takeovers]
        hung = sum(len(endpoint.hung) for endpoint in watch.endpoints.values())
        if hung:
            result.faults.append(f"{hung} times no status within {HANG} s")
    if cell.safe and result.account.unsafe > result.account.safe:
        result.faults.append(f"{result.account.unsafe} unsafe, {result.account.safe} safe")
    if cell.outages:
        _judge_outages(result, watch, faults)


def _judge_outages(result: Result, watch: Watch, faults: Faults) -> None:
    """At most one takeover per outage, one active at most BACK_WITHIN after contact is back."""
    ends = faults.ended[:-1]
    for number, back in enumerate(ends):
        until = (ends[number + 1] - 2.5) if number + 1 < len(ends) else faults.ended[-1]
        settled = watch.settled_after(back, until)
        if settled is None:
            result.faults.append(f"not one active OMM after the outage that ended at {back:.3f}")
        else:
            result.back_ms.append(round(1000 * settled, 1))
            if settled > BACK_WITHIN:
                result.faults.append(f"one active OMM only {settled:.2f} s after {back:.3f}")
        begin = ends[number - 1] if number else 0.0
        taken = [t for t in watch.takeovers if begin + 2.5 < t.at <= back + 2.5]
        if len(taken) > 1:
            result.faults.append(f"{len(taken)} takeovers in one outage: {taken}")
    if len(watch.takeovers) > len(ends):
        result.faults.append(f"{len(watch.takeovers)} takeovers in {len(ends)} outages")
