"""A machine: its disk, clocks and way to the SIP proxy, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING

from tests.simulation.disk import Disk
from tests.simulation.loop import Clock
from tests.simulation.process import Database, Life
from tests.simulation.sip import Proxy

if TYPE_CHECKING:
    from tests.simulation.world import World


class Machine:
    """What stays when the OMM on it ends; faults and people alter the plain attributes."""

    def __init__(
        self,
        world: World,
        name: str,
        address: str,
        random: Random,
        cut_off: Callable[[], None],
    ) -> None:
        self.world = world
        self.name = name
        self.address = address
        self.disk = Disk()
        self.backup: Disk | None = None
        self.proxy = Proxy()
        self.healthy = True
        self.disk_full = False
        self.term_works = True
        self.wall_offset = 0.0
        self.maintenance = False
        self.error_budget = True
        self.rfps = 0
        self.sync_term = random.random() < 0.5
        drift = random.choice((2e-4, 2e-3))
        rate = 1 + random.uniform(-drift, drift)
        self.clock = Clock(world.loop, rate, random.uniform(10, 1000))
        self.life = Life(world.loop, self.clock, random, cut_off)
        self.database = Database(self.life, random)
        self._random = random

    @property
    def now(self) -> float:
        return self.clock.read()

    @property
    def wall(self) -> float:
        """For people only."""
        return self.wall_offset + self.now

    @property
    def awake(self) -> bool:
        return self.life.running and self.life.paused is None
