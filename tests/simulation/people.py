"""What administrators do: they make, change and remove a handful of objects, and decide."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING

from tests.simulation import merging
from tests.simulation.disk import BEGINNING_ROWS
from tests.simulation.journal import RFP, SITE, Change

if TYPE_CHECKING:
    from tests.simulation.host import Host

MOST = 5
"""Objects of one kind: so few that both sides of a split meet at them."""


def begin(change: Change) -> None:
    """The rows that every pair begins with."""
    change.save(SITE, "first0", {"name": "n0", "note": ""})
    for number in range(1, BEGINNING_ROWS):
        row = {"name": f"n{number}", "room": "", "floor": 0, "site": None}
        change.save(RFP, f"first{number}", row)


def somebody(host: Host, random: Random, number: int) -> Callable[[Change], None]:
    """The work of one request; ``number`` names what is new in it."""

    def work(change: Change) -> None:
        if random.random() < 0.15 and merging.decide(change, host.disk, random, f"admin{number}"):
            return
        for part in range(random.choice((1, 1, 1, 2, 4))):
            _touch(change, random, f"{number}.{part}")

    return work


def _touch(change: Change, random: Random, name: str) -> None:
    model = SITE if random.random() < 0.3 else RFP
    keys = [key for key, _ in change.tables.of(model)]
    dice = random.random()
    if not keys or (dice < 0.2 and len(keys) < MOST):
        change.save(model, f"{model}{name}", _new(change, random, model))
    elif dice < 0.35:
        change.delete(model, random.choice(keys))
    else:
        _edit(change, random, model, random.choice(keys))


def _new(change: Change, random: Random, model: str) -> dict[str, object]:
    if model == SITE:
        return {"name": _name(random), "note": ""}
    return {"name": _name(random), "room": "", "floor": 0, "site": _site(change, random)}


def _name(random: Random) -> str:
    return f"n{random.randrange(2 * MOST)}"


def _site(change: Change, random: Random) -> str | None:
    return random.choice([None, *(key for key, _ in change.tables.of(SITE))])


def _edit(change: Change, random: Random, model: str, key: str) -> None:
    if model == SITE:
        change.save(model, key, random.choice(({"name": _name(random)}, {"note": _word(random)})))
        return
    fields = {
        "name": _name(random),
        "room": _word(random),
        "floor": random.randrange(3),
        "site": _site(change, random),
    }
    chosen = random.sample(sorted(fields), random.choice((1, 1, 2)))
    change.save(model, key, {name: fields[name] for name in chosen})


def _word(random: Random) -> str:
    return random.choice("abc")
