"""What can go wrong: the methods that a plan names (plan.KINDS)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from random import Random
from typing import TYPE_CHECKING

from standby.domain.member import Handover
from tests.simulation.disk import Disk
from tests.simulation.network import Lane
from tests.simulation.plan import Plan, Step
from tests.simulation.process import Scope

if TYPE_CHECKING:
    from tests.simulation.host import Host
    from tests.simulation.world import World

Fault = Callable[[], None]


class Faults:
    """Lets the faults of a plan happen and tells each in words; ``heal`` ends every one."""

    def __init__(self, world: World, plan: Plan) -> None:
        self._world = world
        self._plan = plan
        self._random = plan.source("faults")
        self._stretch = 1.0
        self._words: list[str] | None = None
        self._over = False
        self.told: dict[int, str] = {}

    def begin(self) -> None:
        self._keep_copies(self._plan.source("copies"))
        for step in self._plan.faults:
            self._world.loop.at(step.at, partial(self._strike, step))

    def _strike(self, step: Step) -> None:
        """Let one fault happen; what it leaves open only its own number decides."""
        if self._over:
            return
        self._random, self._stretch = self._plan.details(step), step.stretch
        self._words = []
        method: Fault = getattr(self, step.kind)
        method()
        self.told[step.number] = f"{step.kind.replace('_', ' ')}: {', '.join(self._words)}"
        self._words = None

    def _keep_copies(self, random: Random) -> None:
        """Back-ups of both disks, for the day somebody puts one back."""
        for host in self._world.hosts:
            if random.random() < 0.3:
                host.backup = host.disk.copy()
        self._world.loop.after(1.0, partial(self._keep_copies, random))

    def _tell(self, text: str) -> None:
        """Words for the step that is happening."""
        if self._words is not None:
            self._words.append(text)

    def _victim(self) -> Host:
        victim = self._random.choice(self._world.hosts)
        self._tell(f"on {victim.name}")
        return victim

    def _later(self, low: float, high: float, repair: Fault) -> None:
        """Repair after a time, mostly short."""
        share = self._random.random() ** 2
        lasts = low + (high - low) * share * self._stretch
        self._tell(f"for {lasts:.2f} s")
        self._world.loop.after(lasts, repair)

    def _note(self, host: Host | None, text: str) -> None:
        self._tell(text)
        self._world.note(host, f"* {text}")

    # --- the line -------------------------------------------------------------------------------

    def cut(self) -> None:
        """Both ways; each comes back for itself, in any order."""
        self._cut("line cut", self._world.network.lanes)

    def cut_one_way(self) -> None:
        way = self._random.choice(self._world.network.ways)
        lanes = [path[way] for path in self._world.network.paths]
        self._cut(f"line cut from {way[0]} to {way[1]}", lanes)

    def cut_path(self) -> None:
        """One of two heartbeat paths alone, the other way round or both ways."""
        path = self._random.choice(self._world.network.paths)
        lanes = list(path.values())
        chosen = lanes if self._random.random() < 0.6 else [self._random.choice(lanes)]
        if len(self._world.network.paths) > 1:
            self._cut("one path cut", chosen)

    def split_again(self) -> None:
        """Long enough for both to be active, and cut again before all is reconciled."""
        self._note(None, "line cut again and again")
        at = 0.0
        for _ in range(self._random.randint(2, 4)):
            self._world.loop.after(at, partial(self._set_line, up=False))
            at += self._random.uniform(0.9, 3.0) * self._stretch
            self._world.loop.after(at, partial(self._set_line, up=True))
            at += self._random.choice((0.02, 0.1, 0.3, 1.0)) * self._random.random()

    def _cut(self, what: str, lanes: Iterable[Lane]) -> None:
        self._note(None, what)
        found = list(lanes)
        self._world.network.cut(found, up=False)
        together = self._random.random() < 0.5
        for repaired in [found] if together else [[lane] for lane in found]:
            self._later(0.05, 8.0, partial(self._restore, repaired))

    def _restore(self, lanes: Iterable[Lane]) -> None:
        self._note(None, "line restored")
        self._world.network.cut(lanes, up=True)

    def lossy(self) -> None:
        loss = self._random.choice((0.05, 0.2, 0.5))
        self._note(None, f"loss {loss}")
        for line in self._world.network.lanes:
            line.loss = loss
        self._world.network.changed()
        self._later(0.5, 6.0, self._clean)

    def slow_line(self) -> None:
        delay = self._random.choice((0.02, 0.1, 0.3))
        self._note(None, f"delay {delay}")
        for line in self._world.network.lanes:
            line.delay, line.jitter = delay / 2, delay
        self._world.network.changed()
        self._later(0.5, 6.0, self._clean)

    def late_line(self) -> None:
        """Every statement arrives, but so late that it proves nothing any more."""
        late = self._random.choice((1.5, 4.0))
        self._note(None, f"datagrams {late} s late")
        for line in self._world.network.lanes:
            line.late = late
        self._world.network.changed()
        self._later(0.5, 6.0, self._clean)

    def cable(self) -> None:
        """An OMM's own cable: it reaches neither the other one nor the SIP proxy."""
        host = self._victim()
        self._note(host, "cable pulled")
        self._world.network.cut(self._world.network.lanes, up=False)
        host.proxy.up = False
        self._later(0.3, 8.0, self._plug)

    def _plug(self) -> None:
        self._restore(self._world.network.lanes)
        self._sip_back()

    def copies(self) -> None:
        self._note(None, "copies")
        for line in self._world.network.lanes:
            line.copies, line.jitter = 0.3, 0.05
        self._world.network.changed()
        self._later(0.5, 6.0, self._clean)

    def _clean(self) -> None:
        self._note(None, "line clean")
        for line in self._world.network.lanes:
            line.loss = line.copies = line.late = 0.0
            line.delay = line.jitter = 0.0005
        self._world.network.changed()

    def flapping_line(self) -> None:
        """Up and down faster than any verdict, or just as fast."""
        period = self._random.choice((0.1, 0.4, 0.8))
        self._note(None, f"line flaps every {period} s")
        for n in range(8):
            up = n % 2 == 1
            self._world.loop.after(n * period, partial(self._set_line, up=up))

    def _set_line(self, *, up: bool) -> None:
        self._world.network.cut(self._world.network.lanes, up=up or self._over)

    # --- processes ------------------------------------------------------------------------------

    def crash(self) -> None:
        host = self._victim()
        host.crash(host_up=True)
        self._later(0.15, 5.0, host.start)

    def fast_restart(self) -> None:
        """Back before anybody was refused a connection."""
        host = self._victim()
        host.crash(host_up=False)
        self._later(0.02, 0.5, host.start)

    def crash_between_effects(self) -> None:
        """At one of the next boundaries: an effect, a commit, a message, a term on its way."""
        host = self._victim()
        left = self._random.choice((0, 3, 10, 40))
        host.life.crash_in = self._random.randint(0, left)
        self._note(host, f"crashes after {host.life.crash_in} steps")

    def both_restart(self) -> None:
        self._note(None, "both restart")
        for host in self._world.hosts:
            host.crash(host_up=self._random.random() < 0.5)
            self._world.loop.after(self._random.choice((0.2, 0.2, 1.5)), host.start)

    def power_loss(self) -> None:
        host = self._victim()
        host.crash(host_up=False)
        self._later(1.0, 6.0, host.start)

    def pause(self) -> None:
        self._pause(self._victim(), Scope.HOST, 3.0, hidden=False)

    def hidden_pause(self) -> None:
        self._pause(self._victim(), Scope.HOST, 3.0, hidden=True)

    def runtime_pause(self) -> None:
        self._pause(self._victim(), Scope.RUNTIME, 3.0, hidden=False)

    def short_stall(self) -> None:
        self._pause(self._victim(), Scope.RUNTIME, 1.0, hidden=False)

    def _pause(self, host: Host, scope: Scope, most: float, *, hidden: bool) -> None:
        if not host.awake:
            return
        self._note(host, f"paused: {scope}, hidden: {hidden}")
        keep = self._random.random() < 0.5
        host.life.pause(scope, hidden=hidden, keep_packets=keep)
        self._later(0.1, most, lambda: self._resume(host))

    def _resume(self, host: Host) -> None:
        if host.life.paused is not None:
            self._note(host, "goes on")
            host.life.resume()

    def older_disk(self) -> None:
        host = self._victim()
        if host.backup is not None:
            self._replace_disk(host, host.backup.copy(), "an older disk is put back")

    def new_disk(self) -> None:
        self._replace_disk(self._victim(), Disk(), "the disk is destroyed")

    def _replace_disk(self, host: Host, disk: Disk, what: str) -> None:
        """Again only when the pair was synchronised since the last time."""
        data = self._world.checker.data
        data.synchronised_since_loss = (
            data.synchronised_since_loss or not self._world.checker.settled()
        )
        if not data.synchronised_since_loss:
            return
        self._note(host, what)
        host.crash(host_up=False)
        host.disk = disk
        self._world.checker.put_back(host)
        self._later(0.2, 4.0, host.start)

    # --- around them ----------------------------------------------------------------------------

    def sip_down(self) -> None:
        hosts = self._world.hosts if self._random.random() < 0.4 else (self._victim(),)
        for host in hosts:
            self._note(host, "SIP proxy gone")
            host.proxy.up = False
        self._later(0.2, 12.0, self._sip_back)

    def sip_slow(self) -> None:
        host = self._victim()
        self._note(host, "SIP proxy slow")
        host.proxy.latency = self._random.choice((0.08, 0.25, 0.4))
        self._later(0.5, 6.0, self._sip_back)

    def _sip_back(self) -> None:
        for host in self._world.hosts:
            if not host.proxy.fit:
                self._note(host, "SIP proxy back")
            host.proxy.up = True
            host.proxy.latency = 0.002

    def unhealthy(self) -> None:
        host = self._victim()
        self._note(host, "OMM error")
        host.healthy = False
        self._later(0.3, 6.0, lambda: self._cure(host))

    def _cure(self, host: Host) -> None:
        self._note(host, "healthy")
        host.healthy = host.term_works = True

    def disk_full(self) -> None:
        """Nothing can be committed; the term has its place already."""
        host = self._victim()
        self._note(host, "disk full")
        host.disk_full = True
        self._later(0.3, 6.0, lambda: self._disk_free(host))

    def _disk_free(self, host: Host) -> None:
        host.disk_full = False

    def wall_jump(self) -> None:
        """Somebody sets the clock of the wall."""
        host = self._victim()
        host.wall_offset += self._random.choice((-86400.0, -5.0, -0.5, 3.0, 3600.0))
        self._note(host, f"wall clock {host.wall_offset:+} s")

    def slow_disk(self) -> None:
        host = self._victim()
        host.database.slowness = self._random.choice((10.0, 60.0))
        self._note(host, f"disk {host.database.slowness} times slower")
        self._later(0.3, 4.0, lambda: self._fast_disk(host))

    def _fast_disk(self, host: Host) -> None:
        host.database.slowness = 1.0

    def term_trouble(self) -> None:
        """The term cannot be kept for a while: no role can be taken on it."""
        host = self._victim()
        self._note(host, "terms cannot be kept")
        host.term_works = False
        self._later(0.2, 2.0, lambda: self._cure(host))

    # --- people ---------------------------------------------------------------------------------

    def switch_over(self) -> None:
        self._victim().hand_over(Handover.SWITCHOVER)

    def reboot(self) -> None:
        self._victim().hand_over(Handover.REBOOT)

    def shutdown(self) -> None:
        self._victim().hand_over(Handover.SHUTDOWN)

    def force(self) -> None:
        self._victim().force()

    def maintenance(self) -> None:
        """Both learn of it as the journal arrives, or one does not; each ends it by its clock."""
        late = self._random.choice((0.0, 0.02, 1.0))
        lasts = self._random.uniform(0.5, 5.0) * self._stretch
        for host in self._world.hosts:
            begins = self._random.uniform(0.0, late)
            self._world.loop.after(begins, partial(self._set_maintenance, host, on=True))
            ends = begins + lasts + self._random.uniform(0.0, 0.3)
            self._world.loop.after(ends, partial(self._set_maintenance, host, on=False))

    def _set_maintenance(self, host: Host, *, on: bool) -> None:
        self._note(host, f"maintenance: {on}")
        host.maintenance = on and not self._over

    def budget_spent(self) -> None:
        """Too many hand-overs for errors: an active OMM with an error keeps its role."""
        host = self._victim()
        self._note(host, "no budget for hand-overs")
        host.error_budget = False
        self._later(1.0, 6.0, lambda: self._budget_back(host))

    def _budget_back(self, host: Host) -> None:
        host.error_budget = True

    def heal(self) -> None:
        """No more faults: everything works, everyone runs."""
        self._over = True
        self._note(None, "peace")
        self._restore(self._world.network.lanes)
        self._clean()
        self._sip_back()
        for host in self._world.hosts:
            self._set_maintenance(host, on=False)
            self._budget_back(host)
            self._resume(host)
            self._cure(host)
            self._fast_disk(host)
            self._disk_free(host)
            host.life.crash_in = None
            host.start()
