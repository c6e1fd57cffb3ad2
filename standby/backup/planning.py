"""What a restore would do: every difference between a back-up and the rows as they are.

A plan is made without any lock, of one moment of the tables. It is refused later when the rows
that it is about changed since (``is_current``), so what is carried out is what was shown.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

from standby.backup.errors import BackupError
from standby.backup.format import BackupReader, Header, Row
from standby.backup.making import backed_up
from standby.backup.secrets import secrets_sealed
from standby.backup.upgrading import upgraded_header, upgraded_row
from standby.backup.wishes import Built, Refused, as_it_is, built
from standby.backup.world import World
from standby.domain.facts import Head
from standby.domain.merge import VERSION, same
from standby.domain.sentence import say, say_count
from standby.journal import registry
from standby.journal.database import ALIAS, consistent_read, fetch_one, read_head
from standby.journal.rows import Fields, table
from standby.keyring import Unreadable

CREATE, UPDATE, DELETE = "create", "update", "delete"
NO_KEY = say("This OMM has no key that it can read; the secrets of the file are left out.")
OWN = say("This is your own account or token: it stays as it is.")


@dataclass(frozen=True, slots=True)
class Choice:
    """What somebody wants restored. ``models`` None: all that need no agreement.

    ``remove``: also remove what the file does not have. ``keep``: keys of rows that stay as they
    are, whatever the file says (the account of whoever asks).
    """

    models: frozenset[str] | None = None
    remove: bool = False
    keep: frozenset[str] = frozenset()

    def takes(self, label: str) -> bool:
        """True when rows of this model are to be restored."""
        if self.models is not None:
            return label in self.models
        found = registry.find(label)
        return found is not None and not found.backup.asks


@dataclass(frozen=True, slots=True)
class Difference:
    """One row that a restore would write; ``before`` and ``after`` name altered fields only."""

    model: str
    key: str
    operation: str
    before: Fields | None
    after: Fields | None


@dataclass(slots=True)
class ModelPlan:
    """What would happen to the rows of one model."""

    label: str
    count: int
    """Rows in the file; -1 when it does not speak of this model."""
    is_chosen: bool
    asks: str = ""
    notes: list[str] = field(default_factory=list)
    unchanged: int = 0
    differences: list[Difference] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    built: dict[str, Built] = field(default_factory=dict)

    def of(self, operation: str) -> list[Difference]:
        """The differences of one kind."""
        return [each for each in self.differences if each.operation == operation]


@dataclass(slots=True)
class Plan:
    """All that a restore would do, and of which moment of the tables and of which file it is."""

    header: Header
    choice: Choice
    models: list[ModelPlan]
    notes: list[str]
    head: Head
    digest: str

    @property
    def seen(self) -> str:
        """Names this plan: what is given back when somebody agrees to what was shown."""
        return f"{self.head.seq}.{self.head.hash[:16]}.{self.digest}"

    @property
    def is_empty(self) -> bool:
        """True when nothing would be written."""
        return not any(model.differences for model in self.models)


def make_plan(reader: BackupReader, choice: Choice, *, using: str = ALIAS) -> Plan:
    """Read the whole file and compare it; raises BackupError and then nothing has happened."""
    with consistent_read(using) as connection:
        comparison = _Comparison(connection, reader.header, choice)
        digest = hashlib.sha256(repr(_asked(choice)).encode())
        for row in reader.rows():
            comparison.take(row)
        digest.update(reader.digest.encode())
        found = comparison.finish()
        head = read_head(connection)
    return Plan(reader.header, choice, found, comparison.notes, head, digest.hexdigest()[:32])


def look_for_doubts(plan: Plan) -> None:
    """Note what somebody should know before agreeing to ``plan``; may take seconds."""
    for model in plan.models:
        found = registry.find(model.label)
        if found is None:
            continue
        if found.backup.note and model.of(UPDATE):
            model.notes.append(found.backup.note)
        for made in model.built.values():
            before = None if made.was is None else as_it_is(model.label, str(made.row.pk), made.was)
            model.notes.extend(found.rules.doubts(made.row, before).values())


def is_current(seen: str, digest: str, labels: Iterable[str], connection: Any) -> bool:
    """True when the plan that ``seen`` names is still what would be done.

    The journal tells: no entry about these models, or those that they refer to, came since.
    """
    seq, _, rest = seen.partition(".")
    mark, _, wanted = rest.partition(".")
    if wanted != digest or not seq.isdecimal() or len(seq) > 18:
        return False
    sql = "SELECT hash FROM standby_journalentry WHERE seq = %s"
    row = fetch_one(connection, sql, (int(seq),))
    if row is None or row[0][:16] != mark:
        return False
    names = sorted(_involved(labels)) or [""]
    marks = ", ".join(["%s"] * len(names))
    sql = f"SELECT 1 FROM standby_journalentry WHERE seq > %s AND model IN ({marks}) LIMIT 1"  # noqa: S608
    return fetch_one(connection, sql, (int(seq), *names)) is None


def _asked(choice: Choice) -> tuple[Any, ...]:
    wanted = None if choice.models is None else sorted(choice.models)
    return wanted, choice.remove, sorted(choice.keep)


def _involved(labels: Iterable[str]) -> set[str]:
    """The models, those that they refer to, and those that refer to them."""
    wanted = set(labels)
    found = {*wanted}
    for model in registry.all_models():
        targets = {target._meta.label_lower for target in registry.foreign_targets(model)}
        if model._meta.label_lower in wanted:
            found |= targets
        elif targets & wanted:
            found.add(model._meta.label_lower)
    return found


class _Comparison:
    """Takes the rows of a file one by one and keeps only what differs."""

    def __init__(self, connection: BaseDatabaseWrapper, header: Header, choice: Choice) -> None:
        self.notes: list[str] = []
        self._connection = connection
        self._choice = choice
        self._original = header
        self._header = upgraded_header(header)
        self._world = World(connection)
        self._seen: dict[str, set[str]] = {}
        self._plans = {label: self._plan(label) for label in backed_up()}
        self._note_unknown()

    def _plan(self, label: str) -> ModelPlan:
        told = self._header.models.get(label)
        found = registry.find(label)
        rules = found.backup if found else registry.BackupRules()
        count = -1 if told is None else int(told["count"])
        plan = ModelPlan(label, count, told is not None and self._choice.takes(label), rules.asks)
        if told is not None:
            self._seen[label] = set()
            self._note_fields(plan, told["fields"])
        if plan.is_chosen:
            self._world.load(label)
        return plan

    def _note_fields(self, plan: ModelPlan, names: Iterable[str]) -> None:
        one = table(plan.label, self._connection)
        unknown = sorted(set(names) - one.by_name.keys())
        if unknown:
            text = say(
                "This version does not know these fields of the file; they are left out: "
                "%(fields)s.",
                fields=", ".join(unknown),
            )
            plan.notes.append(text)
        missing = sorted(registry.secret_fields(plan.label) - set(names))
        if missing:
            text = say(
                "The file has no secrets (%(fields)s): those that are here stay.",
                fields=", ".join(missing),
            )
            plan.notes.append(text)

    def _note_unknown(self) -> None:
        known = set(backed_up())
        for label, told in self._header.models.items():
            if label not in known:
                text = say_count(
                    "This version does not restore %(model)s: %(count)s row is left out.",
                    "This version does not restore %(model)s: %(count)s rows are left out.",
                    int(told["count"]),
                    model=label,
                )
                self.notes.append(text)

    def take(self, row: Row) -> None:
        """One row of the file."""
        row = upgraded_row(self._original, row)
        plan = self._plans.get(row.model)
        if plan is None or not plan.is_chosen:
            return
        if row.key in self._seen[row.model]:
            raise BackupError(say("The file has the row %(key)s twice.", key=row.key))
        self._seen[row.model].add(row.key)
        before = self._world.rows[row.model].get(row.key)
        fields = self._comparable(plan, row)
        if before is not None:
            fields = {name: new for name, new in fields.items() if not same(before[name], new)}
            if not fields:
                plan.unchanged += 1
                return
        if row.key in self._choice.keep:
            plan.refused.append(Refused(row.key, OWN, before))
            return
        self._world.wish(row.model, row.key, fields)

    def _comparable(self, plan: ModelPlan, row: Row) -> Fields:
        """The values that a restore looks at, secrets sealed as this pair does."""
        found = registry.find(row.model)
        aside = found.rules.aside if found else frozenset()
        known = table(row.model, self._connection).by_name.keys() - aside - {VERSION}
        told = {name: value for name, value in row.fields.items() if name in known}
        try:
            return secrets_sealed(row.model, row.key, told)
        except Unreadable:
            plan.notes.append(NO_KEY)
            hidden = registry.secret_fields(row.model)
            return {name: value for name, value in told.items() if name not in hidden}

    def finish(self) -> list[ModelPlan]:
        """What would be done, once every row was taken."""
        for plan in self._plans.values():
            if plan.is_chosen and self._choice.remove:
                self._wish_removals(plan)
        for plan in self._plans.values():
            for key, wanted in list(self._world.wishes.get(plan.label, {}).items()):
                self._build(plan, key, wanted)
        for label, refused in self._world.settle():
            self._plans[label].refused.append(refused)
        for plan in self._plans.values():
            self._differences(plan)
        return list(self._plans.values())

    def _wish_removals(self, plan: ModelPlan) -> None:
        here = self._world.rows[plan.label]
        for key in here.keys() - self._seen[plan.label]:
            if key in self._choice.keep:
                plan.refused.append(Refused(key, OWN, here[key]))
            else:
                self._world.removals.setdefault(plan.label, set()).add(key)

    def _build(self, plan: ModelPlan, key: str, wanted: Fields) -> None:
        one = table(plan.label, self._connection)
        before = self._world.rows[plan.label].get(key)
        made = built(one, key, before, wanted)
        if isinstance(made, Refused):
            self._world.forget(plan.label, key)
            plan.refused.append(made)
            return
        if not made.fields:  # the same, once its texts were tidied
            self._world.forget(plan.label, key)
            plan.unchanged += 1
            return
        plan.built[key] = made
        self._world.wish(plan.label, key, made.fields)

    def _differences(self, plan: ModelPlan) -> None:
        here = self._world.rows.get(plan.label, {})
        for key, after in self._world.wishes.get(plan.label, {}).items():
            before = here.get(key)
            if before is None:
                plan.differences.append(Difference(plan.label, key, CREATE, None, after))
            else:
                was = {name: before[name] for name in after}
                plan.differences.append(Difference(plan.label, key, UPDATE, was, after))
        for key in sorted(self._world.removals.get(plan.label, ())):
            plan.differences.append(Difference(plan.label, key, DELETE, here[key], None))
