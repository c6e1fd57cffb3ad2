"""Where every change is: I2, I3 and I8, looked at after every commit that could break them.

What is looked at is what the commit touched, so a look costs as much as the commit itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from standby.domain.aside import BEGINNINGS, MERGE, SET_ASIDE, SPLIT, Lost, consistent, lost_as
from standby.domain.merge import KEPT, MERGED, OPEN, REPLACED, VERSION
from tests.simulation.disk import Disk
from tests.simulation.journal import Entry
from tests.simulation.merging import unaccounted
from tests.simulation.violation import Violation

if TYPE_CHECKING:
    from tests.simulation.host import Host
    from tests.simulation.world import World

CLASSES = {OPEN, MERGED, KEPT, REPLACED}


class Accounting:
    """Knows every accepted change by its identity, and every safe entry by its hash."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.accepted: dict[str, Entry] = {}
        self.safe: dict[str, str] = {}
        """Hash of a safe entry: the OMM that accepted it."""
        self._digests: dict[str, int] = {}
        self._transactions: dict[str, list[Entry]] = {}
        self._places: dict[tuple[str, int, int], str] = {}
        self._orphans: set[str] = set()
        self.synchronised_since_loss = True
        self.lost_disks = 0
        self.merges: Counter[str] = Counter()
        self.decisions = 0

    # --- reports --------------------------------------------------------------------------------

    def committed(self, host: Host, made: list[Entry]) -> None:
        """A change of ``host`` itself is in its journal."""
        last = host.disk.term_at(made[0].seq - 1) if made else 0
        for entry in made:
            if entry.term < last:
                raise Violation("I7", f"an entry of term {entry.term} follows one of {last}")
            last = entry.term
            if lost_as(entry.model, entry.operation, entry.source) is Lost.CHANGE:
                self._accept(entry)
            if entry.source == MERGE:
                self._check_merge(entry)
            elif entry.model == SET_ASIDE:
                self.decisions += 1
        self._look_at(host.disk, made)

    def _accept(self, entry: Entry) -> None:
        self.accepted[entry.identity] = entry
        transaction = entry.body["transaction"]
        self._transactions.setdefault(transaction, []).append(entry)
        self._places[entry.node, entry.term, entry.seq] = transaction

    def rolled_back(self, disk: Disk) -> None:
        """I8: a roll-back restores exactly the rows as they were."""
        if disk.entries and self._digests[disk.head.hash] != disk.tables.digest:
            raise Violation("I8", f"the roll-back to {disk.head.seq} left other rows")
        if not disk.entries and disk.tables.rows:
            raise Violation("I8", "the roll-back of everything left rows")

    def applied(self, host: Host, dropped: list[Entry], took: list[Entry]) -> None:
        """``host`` took entries of its peer; ``dropped`` are own ones that it took back."""
        if host.disk.fence_open:
            raise Violation("I8", f"{host.name} follows with an open fence")
        self._look_at(host.disk, took)
        for entry in dropped:
            if entry.hash in self.safe:
                raise Violation("I2", f"the safe change {entry.seq} leaves {host.name}'s journal")
            self._must_be_somewhere(entry)
        for entry in took:
            if entry.operation == "create" and entry.model == SET_ASIDE:
                self._check_held(entry.object)

    def acknowledged(self, host: Host, seq: int, digest: str) -> None:
        """``host`` counts everything up to (seq, digest) as safe."""
        disk, other = host.disk, host.peer.disk
        if disk.hash_at(seq) != digest:
            raise Violation("I2", f"{host.name} counts as safe up to {seq} what it does not hold")
        for entry in reversed(disk.entries[:seq]):
            if entry.hash in self.safe:
                break
            if entry.source == BEGINNINGS:
                continue
            if entry.hash not in other.hashes:
                raise Violation("I2", f"{entry.seq} counts as safe and only {host.name} has it")
            self.safe[entry.hash] = entry.node

    def disk_replaced(self, host: Host) -> None:
        """What only that disk held is gone, and what only the other one holds is unsafe again."""
        left = host.peer.disk
        for digest in self.safe:
            if self.synchronised_since_loss and digest not in left.hashes:
                raise Violation("I2", f"a safe change is lost with the disk of {host.name}")
        both = host.disk.hashes & left.hashes
        self.safe = {digest: node for digest, node in self.safe.items() if digest in both}
        self._orphans |= {key for key, entry in self.accepted.items() if entry.node == host.name}
        for key, entry in list(self.accepted.items()):
            if not self._is_somewhere(key, entry):
                if key not in self._orphans:
                    raise Violation("I3", f"{key} was on the disk of {host.name} alone")
                del self.accepted[key]
        self.synchronised_since_loss = False
        self.lost_disks += 1

    # --- looks ----------------------------------------------------------------------------------

    def _look_at(self, disk: Disk, new: Iterable[Entry]) -> None:
        """I8: equal journals mean equal rows; I3: nothing is in two places of one OMM."""
        head = disk.head
        if self._digests.setdefault(head.hash, disk.tables.digest) != disk.tables.digest:
            raise Violation("I8", f"the rows are not what the journal up to {head.seq} makes")
        if disk.entries and not disk.entries[-1].is_last:
            raise Violation("I8", f"the journal ends within a transaction, at {head.seq}")
        splits: set[str] = set()
        for entry in new:
            if entry.model == SET_ASIDE:
                self._look_at_row(disk, entry, splits)
            elif entry.model == SPLIT:
                splits.add(entry.object)
            elif not _harmless(disk.tables.rows.get((SET_ASIDE, entry.identity))):
                raise Violation("I3", f"{entry.identity} is in the journal and set aside")
        for split in splits:
            self._count(disk, split)

    def _look_at_row(self, disk: Disk, entry: Entry, splits: set[str]) -> None:
        row = disk.tables.rows.get((SET_ASIDE, entry.object))
        if row is None:
            raise Violation("I3", f"the set-aside change {entry.object} was removed")
        if row["split"] is not None:
            splits.add(row["split"])
        if row["hash"] in disk.hashes and not _harmless(row):
            raise Violation("I3", f"{entry.object} is set aside and in the journal")
        check_class(entry.object, row)

    def _count(self, disk: Disk, split: str) -> None:
        found = disk.tables.rows.get((SPLIT, split))
        here = sum(row["split"] == split for _, row in disk.tables.of(SET_ASIDE))
        if found is not None and here > found["loser_changes"]:
            raise Violation("I3", f"{here} changes of a split that lost {found['loser_changes']}")

    def _check_merge(self, entry: Entry) -> None:
        """No merge overwrites what the winner touched: each value was what the change found."""
        self.merges[entry.operation] += 1
        origin = entry.body["original"]
        if origin is None:
            return
        if entry.model == SET_ASIDE and "judged" in (entry.after or {}):
            if (entry.before or {}).get("judged"):
                raise Violation("I3", f"{entry.object} was judged twice")
            return
        for name, value in (entry.before or {}).items():
            found = self._found(entry, origin, name)
            if name != VERSION and value not in found:
                what = f"{entry.operation} of {entry.object}"
                raise Violation("I3", f"the merge's {what} overwrote {name} {value!r}, not {found}")

    def _found(self, entry: Entry, origin: Any, name: str) -> list[Any]:
        """What the lost changes of one transaction had found in this field of the object."""
        place = origin["node"], origin["term"], origin["seq"]
        lost = self._transactions.get(self._places.get(place, ""), [])
        of_it = [each for each in lost if (each.model, each.object) == (entry.model, entry.object)]
        return [each.before[name] for each in of_it if each.before and name in each.before]

    def transaction(self, node: str, term: int, seq: int) -> list[Entry]:
        """The accepted changes of the transaction that an entry belongs to."""
        return self._transactions.get(self._places.get((node, term, seq), ""), [])

    # --- where a change is ----------------------------------------------------------------------

    def _must_be_somewhere(self, entry: Entry) -> None:
        if entry.operation == "create" and entry.model == SET_ASIDE:
            self._check_held(entry.object)
        elif entry.identity in self.accepted and not self._is_somewhere(entry.identity, entry):
            raise Violation("I3", f"the accepted change {entry.identity} is nowhere")

    def _check_held(self, key: str) -> None:
        entry = self.accepted.get(key)
        if entry is not None and not self._is_somewhere(key, entry):
            raise Violation("I3", f"the accepted change {key} is nowhere")

    def _is_somewhere(self, key: str, entry: Entry) -> bool:
        return any(
            entry.hash in disk.hashes or key in disk.pending or (SET_ASIDE, key) in disk.tables.rows
            for disk in (host.disk for host in self._world.hosts)
        )

    # --- at the end -----------------------------------------------------------------------------

    def unsettled(self, disk: Disk) -> str:
        """What is not yet as it will be on the active OMM; empty when all is in its class."""
        if disk.pending or disk.pending_splits:
            return "changes wait to be listed"
        if any(not row["judged"] for _, row in disk.tables.of(SET_ASIDE)):
            return "changes wait to be judged"
        return "the counts of the splits are not right" if unaccounted(disk) else ""

    def settle(self, host: Host) -> None:
        """I2 and I3 in full, once the repairs are done; ``host`` stands for both."""
        disk = host.disk
        if disk.tables.digest != host.peer.disk.tables.digest:
            raise Violation("I4", "the rows differ")
        listed = dict(disk.tables.of(SET_ASIDE))
        for key, row in listed.items():
            check_class(key, row)
        for key, entry in self.accepted.items():
            present = entry.hash in disk.hashes
            if present == (key in listed) and not (present and _harmless(listed[key])):
                where = "in two places" if key in listed else "nowhere"
                raise Violation("I3", f"the accepted change {key} is {where}")
        for digest in self.safe:
            if digest not in disk.hashes:
                raise Violation("I2", f"the safe change {digest} is not in the journal")
        self._replay(disk)

    def _replay(self, disk: Disk) -> None:
        """The rows are what the journal makes from nothing, value by value."""
        fresh = Disk()
        fresh.apply(list(disk.entries))
        if fresh.tables.rows != disk.tables.rows:
            raise Violation("I8", "the rows are not what the journal makes")


def check_class(key: str, row: dict[str, Any]) -> None:
    """A set-aside change is in exactly one class, and its fields say the same."""
    if row["state"] not in CLASSES:
        raise Violation("I3", f"{key} is in no class")
    if not row["judged"] and row["state"] != OPEN:
        raise Violation("I3", f"{key} is {row['state']} and was never judged")
    if not consistent(row["state"], row["fields"]):
        raise Violation("I3", f"{key} is {row['state']} and its fields are {row['fields']}")


def _harmless(row: dict[str, Any] | None) -> bool:
    """An older disk put back brings a change into the journal that the list holds: done is done."""
    return row is None or row["state"] == MERGED or not row["judged"]
