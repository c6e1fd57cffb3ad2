"""Faults of the gate: who lets changes through, and when."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from tests.simulation.host import WEB, Host
from tests.simulation.journal import Change, Refused
from tests.simulation.mutants.registry import Patch, mutant, swap


@mutant(
    "The fence is a hint: a change commits whatever has happened since it looked at the gate.",
    breaks="I1 I8 rule8",
    kinds="switch_over force slow_line",
)
def no_fence() -> Iterable[Patch]:
    def write(host: Host, work: Callable[[Change], None]) -> None:
        if not host.awake or not host.lease_open():
            return

        def commit() -> None:
            change = Change(host.disk.tables, host.name, WEB, host.world.loop.now)
            try:
                work(change)
            except Refused:
                change.take_back()
            made = host.disk.commit(change, host.disk.fence_term)
            if made:
                host.world.checker.accepted(host, made)
                host.report(host._ring)

        host.life.later(min(host._random.expovariate(1 / 0.02), 0.3), commit)

    return [swap(Host, "write", write)]


@mutant(
    "The lease never runs out: requests are let through while the runtime stands still.",
    breaks="I1",
    kinds="runtime_pause",
)
def lease_without_end() -> Iterable[Patch]:
    def is_open(host: Host) -> bool:
        return host.life.running and host.member.gate_open

    return [swap(Host, "lease_open", is_open)]


@mutant(
    "Stepping down leaves the fence open.",
    breaks="I1 I4 I8",
    kinds="switch_over cut",
)
def fence_left_open() -> Iterable[Patch]:
    def closed(host: Host) -> None:
        head = host.disk.head
        host.report(lambda: host._closed(head))

    return [swap(Host, "_commit_close", closed)]
