"""What a merge says of a change is true: it is in force, and a transaction is judged whole."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from standby.domain.aside import MERGE, SET_ASIDE
from standby.domain.merge import MERGED, VERSION
from tests.simulation.disk import Disk
from tests.simulation.journal import Entry, Fields
from tests.simulation.violation import Violation

if TYPE_CHECKING:
    from tests.simulation.world import World


def check_merges(world: World, disk: Disk, made: list[Entry]) -> None:
    """Looks at what one transaction of the active OMM judged."""
    if not made or made[0].source != MERGE:
        return
    judged = list(_judged(disk, made))
    for key, row in judged:
        if row["body"]["source"] == MERGE:
            raise Violation("merge", f"{key} is what a merge made, not anybody's change")
        if row["state"] == MERGED:
            _check_in_force(disk, row, judged)
        if not world.checker.data.lost_disks:
            _check_whole(world, disk, row)


def _judged(disk: Disk, made: list[Entry]) -> Iterator[tuple[str, Fields]]:
    for entry in made:
        if entry.model == SET_ASIDE and entry.operation == "update":
            yield entry.object, disk.tables.rows[SET_ASIDE, entry.object]


def _check_in_force(disk: Disk, row: Fields, judged: list[tuple[str, Fields]]) -> None:
    """The object is as the change made it, or as another one judged with it did."""
    place = row["body"]["model"], row["object"]
    of_it = [
        other["body"] for _, other in judged if (other["body"]["model"], other["object"]) == place
    ]
    here = disk.tables.rows.get(place)
    if here is None:
        if all(body["operation"] != "delete" for body in of_it):
            raise Violation("merge", f"a merged change of {place} is not in force")
        return
    for name in (row["body"]["after"] or {}).keys() - {VERSION}:
        wanted = [body["after"][name] for body in of_it if name in (body["after"] or {})]
        if here[name] not in wanted:
            raise Violation("merge", f"{place} has {name} {here[name]!r}, merged was {wanted}")


def _check_whole(world: World, disk: Disk, row: Fields) -> None:
    """Every change of the same transaction has arrived and is judged."""
    for entry in world.checker.data.transaction(row["node"], row["term"], row["seq"]):
        other = disk.tables.rows.get((SET_ASIDE, entry.identity))
        if other is None or not other["judged"]:
            raise Violation("merge", f"{entry.identity} is judged apart from its transaction")
