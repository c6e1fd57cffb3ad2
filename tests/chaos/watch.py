"""Watching both OMMs all the time: their leases, and their status as HTTP answers it.

The lease is read from the disk, so no cut blinds the watch. The endpoint is asked within each
OMM's own namespace: what it says must come soon, whatever goes on.
"""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Self

from standby.lease import Lease, boot_time
from tests import namespaces
from tests.bench.watch import lease_reader, punctual, valid
from tests.pair import Node

STEP = 0.003
ENDPOINT_STEP = 0.05
HANG = 2.0
"""Seconds that a status answer may take at most."""


@dataclass(frozen=True)
class Seen:
    """One OMM at one look."""

    role: str = ""
    term: int = 0
    gate: bool = False
    contact: bool = False

    @classmethod
    def of(cls, lease: Lease | None) -> Seen:
        if lease is None:
            return cls()
        return cls(lease.role.value, lease.term, lease.gate_open, lease.peer_in_contact)


@dataclass(frozen=True)
class Moment:
    """Both OMMs from ``at`` on (boot time), until the next moment."""

    at: float
    nodes: tuple[Seen, Seen]

    @property
    def active(self) -> int:
        return sum(1 for seen in self.nodes if seen.role == "active")

    @property
    def gates(self) -> int:
        return sum(1 for seen in self.nodes if seen.gate)

    @property
    def both_in_contact(self) -> bool:
        return all(seen.gate and seen.contact for seen in self.nodes)


@dataclass(frozen=True)
class Takeover:
    """An OMM became active; ``reason`` is its own sentence."""

    at: float
    node: str
    term: int
    reason: str


@dataclass
class Endpoint:
    """How one OMM's status endpoint answered."""

    answers: int = 0
    none: int = 0
    """Requests without an answer."""
    hung: list[float] = field(default_factory=list)
    """When it answered neither yes nor no within HANG seconds (boot time)."""
    slowest: float = 0.0


class Watch:
    """Looks while the block runs; afterwards ``moments``, ``takeovers`` and ``endpoints`` tell."""

    def __init__(self, nodes: Sequence[Node]) -> None:
        self.moments: list[Moment] = []
        self.takeovers: list[Takeover] = []
        self.endpoints = {node.name: Endpoint() for node in nodes}
        self.longest_pause = 0.0
        """Seconds between two looks, at most: what is shorter was perhaps not seen."""
        self._nodes = list(nodes)
        self._readers = [lease_reader(node) for node in nodes]
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._look, daemon=True)] + [
            threading.Thread(target=self._ask, args=(node,), daemon=True) for node in nodes
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    # --- leases ---------------------------------------------------------------------------------

    def _look(self) -> None:
        punctual()
        reigns = {self._key(n, lease) for n, lease in self._active()}
        looked = boot_time()
        while not self._over.is_set():
            leases = [valid(reader) for reader in self._readers]
            now = boot_time()
            self.longest_pause, looked = max(self.longest_pause, now - looked), now
            seen = (Seen.of(leases[0]), Seen.of(leases[1]))
            if not self.moments or seen != self.moments[-1].nodes:
                self.moments.append(Moment(now, seen))
            for number, lease in self._active():
                if (key := self._key(number, lease)) not in reigns:
                    reigns.add(key)
                    self.takeovers.append(self._takeover(number, lease))
            time.sleep(STEP)

    def _active(self) -> Iterator[tuple[int, Lease]]:
        for number, reader in enumerate(self._readers):
            lease = valid(reader)
            if lease is not None and lease.role.value == "active":
                yield number, lease

    @staticmethod
    def _key(number: int, lease: Lease) -> tuple[int, float]:
        return number, lease.role_since

    def _takeover(self, number: int, lease: Lease) -> Takeover:
        reason = str(json.loads(lease.document).get("reason", ""))
        return Takeover(lease.role_since, self._nodes[number].name, lease.term, reason)

    def both_accepting(self) -> float:
        """Seconds in which both accepted changes while each heard the other (I1)."""
        return self._sum(lambda moment: moment.both_in_contact)

    def nobody(self) -> float:
        """Seconds in which no OMM accepted changes."""
        return self._sum(lambda moment: not moment.gates)

    def without(self, longer: float) -> list[tuple[float, float]]:
        """Begin (boot time) and length of the times in which nobody accepted changes."""
        found = [span for span in self._spans(lambda moment: not moment.gates) if span[1] > longer]
        return [(round(begin, 3), round(length, 3)) for begin, length in found]

    def two_active(self) -> float:
        """Seconds in which both were active."""
        return self._sum(lambda moment: moment.active == 2)

    def _sum(self, which: Callable[[Moment], bool]) -> float:
        return sum(length for _, length in self._spans(which))

    def _spans(self, which: Callable[[Moment], bool]) -> Iterator[tuple[float, float]]:
        """Begin and length of every unbroken time for which it holds."""
        last = Moment(boot_time(), self.moments[-1].nodes)
        for holds, moments in groupby([*self.moments, last], which):
            group = list(moments)
            if holds:
                after = [m.at for m in self.moments if m.at > group[-1].at]
                yield group[0].at, min([*after, last.at]) - group[0].at

    def settled_after(self, back: float, until: float) -> float | None:
        """Seconds from ``back`` until one OMM was active and stayed it; None: not by ``until``."""
        state = [m for m in self.moments if m.at <= back][-1:]
        later = [m for m in self.moments if back < m.at < until]
        settled: float | None = None
        for moment in [*state, *later]:
            if moment.active == 1:
                settled = max(0.0, moment.at - back) if settled is None else settled
            else:
                settled = None
        return settled

    # --- the endpoint ---------------------------------------------------------------------------

    def _ask(self, node: Node) -> None:
        namespaces.enter(node.network)
        found, line = self.endpoints[node.name], None
        while not self._over.wait(ENDPOINT_STEP):
            began = boot_time()
            try:
                line = line or http.client.HTTPConnection(node.address, node.web_port, timeout=HANG)
                line.request("GET", "/api/v1/status/")
                json.loads(line.getresponse().read())
                found.answers += 1
            except TimeoutError:
                found.hung.append(began)
                line = None
            except (OSError, ValueError, http.client.HTTPException):
                found.none += 1
                line = None
            found.slowest = max(found.slowest, boot_time() - began)
