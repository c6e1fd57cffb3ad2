"""Makes changes on one OMM, in a process of its own with that OMM's environment.

``python -m tests.bench.writer fill RFPS CHANGES``  base stations, then changes, as fast as it goes
``python -m tests.bench.writer pages RFPS CHANGES``  a full system of all that pages show
``python -m tests.bench.writer split RFPS CHANGES CONFLICTS SIDE``  what one side does in a split
``python -m tests.bench.writer steady SECONDS_APART``  short changes until its input ends; prints
                                                      when each was committed
``python -m tests.bench.writer latency COUNT``  change after change, each waiting for its
                                                acknowledgement; prints what each took
Every line of output is one JSON value.
"""

from __future__ import annotations

import contextlib
import json
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import django

BULK = 128
PATIENCE = 5.0
STEP = 0.0002
PAUSE = 0.005
"""Seconds between two measured changes, so that each one travels alone."""


def show(value: Any) -> None:
    print(json.dumps(value), flush=True)


def site(name: str) -> Any:
    """A site that is changed again and again."""
    from rfps.models import Site
    from standby import journal

    found = Site.objects.filter(name__startswith=f"{name} ").first()
    if found is not None:
        return found
    made = Site(name=f"{name} 0")
    with journal.change(actor="bench", source="cli") as change:
        change.save(made)
    return made


def fill(rfps: int, changes: int) -> None:
    """Base stations by the hundred, then one change after the other."""
    from rfps.models import Rfp
    from standby import journal
    from standby.lease import boot_time

    began = boot_time()
    for start in range(0, rfps, BULK):
        made = [
            Rfp(mac=f"02:00:00:{n >> 16:02X}:{n >> 8 & 255:02X}:{n & 255:02X}", name=f"RFP {n}")
            for n in range(start, min(start + BULK, rfps))
        ]
        with journal.change(actor="bench", source="cli") as change:
            change.save_all(made)
    target = site("Filled")
    for number in range(changes):
        target.name = f"Filled {number + 1}"
        with journal.change(actor="bench", source="cli") as change:
            change.save(target)
    show({"seq": journal.head().seq, "seconds": boot_time() - began})


def pages(rfps: int, changes: int) -> None:
    """A full system for pages: sites, base stations with reports, changes, events, samples."""
    from django.utils import timezone

    from standby import journal
    from tests import plenty

    sites = plenty.sites(range(250))
    _save(sites)
    made = [plenty.rfp(number, sites) for number in range(rfps)]
    for start in range(0, rfps, BULK):
        _save(made[start : start + BULK])
    for number in range(changes):
        made[number % rfps].room = f"{number}"
        _save([made[number % rfps]])
    plenty.add_live_rows(made, timezone.now())
    show({"seq": journal.head().seq, "site": str(sites[7].pk), "rfp": str(made[77].pk)})


def split(rfps: int, changes: int, conflicts: int, side: int) -> None:
    """Change after change: each side has its own field; of every hundred some are the same."""
    from rfps.models import Rfp
    from standby import journal

    made = list(Rfp.objects.order_by("mac")[:rfps])
    run = time.time()
    for number in range(changes):
        rfp = made[number % len(made)]
        name = "name" if number % 100 < conflicts else ("room", "floor")[side]
        setattr(rfp, name, f"{number} of {side} at {run:.0f}")
        _save([rfp])
    show({"seq": journal.head().seq})


def _save(rows: Sequence[Any]) -> None:
    """Save rows in one change; on a busy machine the gate may be closed for a moment."""
    from standby import gate, journal

    while True:
        gate.wait_open(PATIENCE)
        with contextlib.suppress(gate.GateClosed):
            with journal.change(actor="bench", source="cli") as change:
                change.save_all(rows)
            return


def steady(apart: float) -> None:
    """Short changes whenever this OMM accepts them."""
    from standby import journal
    from standby.gate import GateClosed
    from standby.lease import boot_time

    ended = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
    target, number = None, 0
    while not ended.wait(apart):
        try:
            target = target or site("Steady")
            number += 1
            target.name = f"Steady {number} {boot_time()}"
            with journal.change(actor="bench", source="cli") as change:
                change.save(target)
            show(boot_time())
        except (GateClosed, journal.JournalError):
            continue


def latency(count: int) -> None:
    """From the COMMIT, and from the beginning of the change, to the acknowledgement."""
    target = site("Latency")
    for number in range(count):
        target.name = f"Latency {number + 1} {time.time()}"
        show(_one_change(target))
        time.sleep(PAUSE)


def _one_change(target: Any) -> dict[str, float | None]:
    from django.db import transaction

    from standby import gate, journal
    from standby.lease import boot_time

    stamps: list[float] = []
    began = boot_time()
    with journal.change(actor="bench", source="cli") as change:
        change.save(target)
        transaction.on_commit(lambda: stamps.append(boot_time()))
    receipt = change.receipt
    deadline = began + PATIENCE
    while boot_time() < deadline:
        if gate.is_safe(gate.lease(), receipt.seq, receipt.hash):
            now = boot_time()
            return {"commit": now - stamps[0], "change": now - began}
        time.sleep(STEP)
    return {"commit": None, "change": None}


COMMANDS: dict[str, tuple[Callable[..., None], tuple[type, ...]]] = {
    "fill": (fill, (int, int)),
    "pages": (pages, (int, int)),
    "split": (split, (int, int, int, int)),
    "steady": (steady, (float,)),
    "latency": (latency, (int,)),
}


def main() -> None:
    django.setup()
    work, kinds = COMMANDS[sys.argv[1]]
    work(*(kind(text) for kind, text in zip(kinds, sys.argv[2:], strict=True)))


if __name__ == "__main__":
    main()
