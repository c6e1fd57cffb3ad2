"""What a cell does to the pair: a plan of actions in time, worked out from a seed beforehand."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.chaos.hosts import At

PAIR_WAYS = ((At.A, At.B), (At.B, At.A))
PROCESSES = ("supervisor", "web", "web", "standby", "standby", "jobs", "rfp", "redis")
ACTIVE = "active"
"""In place of a host: whichever OMM is active at that moment."""
VICTIMS = (At.A, At.B, ACTIVE)
JUMPS = (-86400.0, -3600.0, -45.0, 45.0, 3600.0)
LEAD, REST = 1.0, 2.0
"""Seconds at the beginning and the end of a cell in which no single fault begins."""


@dataclass(frozen=True)
class Action:
    """At ``at`` seconds of the cell: ``do`` names a method of tests.chaos.faults.Faults."""

    at: float
    do: str
    what: dict[str, Any] = field(default_factory=dict)


Plan = list[Action]
Planner = Callable[[random.Random, float], Plan]


@dataclass(frozen=True)
class Cell:
    """``calm``: no silence over 0.5 s is injected and nothing is hurt, so nobody may take over.

    ``safe``: changes have no reason to be unsafe; more than half of them must not be.
    ``outages``: contact comes back after each ``mend``; one OMM is active within a second then,
    and each outage costs one takeover at most.
    """

    name: str
    plan: Planner
    calm: bool = False
    safe: bool = False
    outages: bool = False
    small_disks: bool = False
    clocks: bool = False


def clean(_chance: random.Random, _seconds: float) -> Plan:
    """Nothing but writes."""
    return []


def loss(_chance: random.Random, _seconds: float) -> Plan:
    """30 % of the frames are lost, each way."""
    return [*_ways(0.0, loss=0.3)]


def jitter(_chance: random.Random, _seconds: float) -> Plan:
    """Each frame takes 0 to 400 ms, so they overtake one another; some arrive twice."""
    return [*_ways(0.0, delay=(0.0, 0.4), double=0.05)]


def blips(_chance: random.Random, _seconds: float) -> Plan:
    """250 ms without the cable every 10 s."""
    return [*_ways(0.0, every=10.0, outage=0.25)]


def outages(chance: random.Random, seconds: float) -> Plan:
    """2 s without the cable every 15 s: between the two only, or all of one host's."""
    plan: Plan = []
    for begin in _times(10.0, 15.0, seconds - 3.0):
        ways = chance.choice((PAIR_WAYS, PAIR_WAYS, _of_host(At.A), _of_host(At.B)))
        plan += _outage(begin, 2.0, ways)
    return plan


def one_way(chance: random.Random, seconds: float) -> Plan:
    """Nothing arrives in one direction for 0.3 to 6 s."""
    plan: Plan = []
    for begin in _times(2.0, 9.0, seconds - REST):
        plan += _outage(begin, chance.uniform(0.3, 6.0), (chance.choice(PAIR_WAYS),))
    return plan


def links(chance: random.Random, seconds: float) -> Plan:
    """A host's interface goes down for 0.1 to 4 s and comes up again."""
    plan: Plan = []
    for begin in _times(2.0, 7.0, seconds - REST):
        host = chance.choice((At.A, At.B))
        plan.append(Action(begin, "link", {"host": host, "state": "down"}))
        end = begin + chance.uniform(0.1, 4.0)
        plan.append(Action(end, "link", {"host": host, "state": "up"}))
    return plan


def mtu(_chance: random.Random, _seconds: float) -> Plan:
    """IP packets over 1300 bytes vanish without a word, each way."""
    return [*_ways(0.0, longest=1300)]


def tight(chance: random.Random, seconds: float) -> Plan:
    """For some seconds at a time packets over 576 bytes vanish: not even heartbeats fit."""
    plan: Plan = []
    for begin in _times(3.0, 12.0, seconds - REST):
        end = begin + chance.uniform(0.2, 6.0)
        plan += [*_ways(begin, longest=576), *_mended(end, PAIR_WAYS)]
    return plan


def kills(chance: random.Random, seconds: float) -> Plan:
    """Processes of either OMM are killed."""
    return [
        Action(at, "kill", {"host": chance.choice(VICTIMS), "name": chance.choice(PROCESSES)})
        for at in _at_random(chance, seconds, 4.0)
    ]


def freezes(chance: random.Random, seconds: float) -> Plan:
    """One process, or all of an OMM, stand still for 0.1 to 5 s."""
    plan: Plan = []
    for at in _at_random(chance, seconds, 6.0):
        name = chance.choice((*PROCESSES, "all", "all"))
        plan.append(Action(at, "stop", {"host": chance.choice(VICTIMS), "name": name}))
        plan.append(Action(at + chance.uniform(0.1, 5.0), "go_on", {"since": at}))
    return plan


def redis(chance: random.Random, seconds: float) -> Plan:
    """Redis is killed or stands still, on one or both."""
    plan: Plan = []
    for at in _at_random(chance, seconds, 6.0):
        for host in chance.choice(([At.A], [At.B], [At.A, At.B])):
            where = {"host": host, "name": "redis"}
            if chance.random() < 0.6:
                plan.append(Action(at, "kill", where))
            else:
                plan.append(Action(at, "stop", where))
                plan.append(Action(at + chance.uniform(0.2, 4.0), "go_on", {"since": at}))
    return plan


def disks(chance: random.Random, seconds: float) -> Plan:
    """The disk of one OMM is full for 2 to 10 s."""
    plan: Plan = []
    for at in _times(3.0, 14.0, seconds - 4.0):
        host = chance.choice((At.A, At.B))
        plan.append(Action(at, "fill", {"host": host}))
        plan.append(Action(at + chance.uniform(2.0, 10.0), "free", {"host": host}))
    return plan


def clocks(chance: random.Random, seconds: float) -> Plan:
    """The wall clock of one OMM is set, mostly back, by up to a day."""
    return [
        Action(at, "clock", {"host": chance.choice((At.A, At.B)), "by": chance.choice(JUMPS)})
        for at in _at_random(chance, seconds, 5.0)
    ]


def short(_chance: random.Random, seconds: float) -> Plan:
    """A little of the worst, for every run of the tests: loss, an outage, a killed runtime."""
    third = seconds / 3
    plan: Plan = [*_ways(0.0, loss=0.3), *_outage(third, 2.0, PAIR_WAYS)]
    return [*plan, Action(2 * third, "kill", {"host": At.A, "name": "standby"})]


def everything(chance: random.Random, seconds: float) -> Plan:
    """Several of these at once."""
    chosen = chance.sample((loss, jitter, outages, one_way, links, kills, freezes, redis, mtu), 3)
    return [action for plan in chosen for action in plan(chance, seconds)]


CELLS = {
    cell.name: cell
    for cell in (
        Cell("clean", clean, calm=True, safe=True),
        Cell("loss", loss, calm=True),
        Cell("jitter", jitter, calm=True),
        Cell("blips", blips, calm=True, safe=True),
        Cell("mtu", mtu, calm=True, safe=True),
        Cell("clock", clocks, calm=True, safe=True, clocks=True),
        Cell("redis", redis, calm=True, safe=True),
        Cell("outages", outages, outages=True),
        Cell("one-way", one_way),
        Cell("links", links),
        Cell("tight", tight),
        Cell("kills", kills),
        Cell("freezes", freezes),
        Cell("disk", disks, small_disks=True),
        Cell("everything", everything),
        Cell("short", short),
    )
}


def plan_of(cell: Cell, seed: int, seconds: float) -> Plan:
    """The actions of a cell, in order; the same for the same seed."""
    chance = random.Random(f"{cell.name} {seed}")
    return sorted(cell.plan(chance, seconds), key=lambda action: action.at)


def _ways(at: float, ways: tuple[tuple[At, At], ...] = PAIR_WAYS, **what: Any) -> Iterator[Action]:
    for source, target in ways:
        yield Action(at, "way", {"source": source, "target": target, **what})


def _mended(at: float, ways: tuple[tuple[At, At], ...]) -> Iterator[Action]:
    yield from _ways(at, ways)
    yield Action(at, "mended")


def _outage(begin: float, lasts: float, ways: tuple[tuple[At, At], ...]) -> Plan:
    return [*_ways(begin, ways, cut=True), *_mended(begin + lasts, ways)]


def _of_host(host: At) -> tuple[tuple[At, At], ...]:
    others = [other for other in At if other is not host]
    return tuple(way for other in others for way in ((host, other), (other, host)))


def _times(first: float, step: float, end: float) -> Iterator[float]:
    at = min(first, end / 2)
    while at < end:
        yield at
        at += step


def _at_random(chance: random.Random, seconds: float, every: float) -> Iterator[float]:
    """About one moment in ``every`` seconds."""
    at = LEAD + chance.uniform(0.0, 1.0)
    while at < seconds - REST:
        yield at
        at += chance.uniform(0.3, 1.7) * every
