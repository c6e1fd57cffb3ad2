"""Carries a plan out in one transaction of the journal: whole or not at all, on both OMMs.

Everything that takes time was done by then; under the lock rows are only written.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass

from django.db import connections, models

from standby import journal
from standby.backup.format import BackupReader
from standby.backup.making import backed_up
from standby.backup.planning import (
    CREATE,
    DELETE,
    UPDATE,
    Choice,
    Difference,
    ModelPlan,
    Plan,
    is_current,
    make_plan,
)
from standby.backup.wishes import as_it_is
from standby.backup.world import referrers, unique_sets
from standby.domain.sentence import say
from standby.journal import Change, registry
from standby.journal.database import ALIAS
from standby.journal.rows import Fields
from standby.written import Conflict, Written

SOURCE = "restore"


@dataclass(frozen=True, slots=True)
class Restored:
    """How many rows were written, and the plan that was carried out."""

    plan: Plan
    created: int
    changed: int
    removed: int


class Outdated(Conflict):
    """What was shown is not what would be done now; ``plan`` is. Nothing was done."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(
            "outdated",
            say("Something was changed since the differences were shown. Nothing was restored."),
        )
        self.plan = plan


def restore(
    reader: BackupReader, choice: Choice, *, seen: str | None, actor: str
) -> Written[Restored]:
    """Restore what ``choice`` says, as it was shown under ``seen`` (None: whatever it is).

    Raises BackupError, Outdated, and whatever the journal raises when this OMM takes no change.
    """
    plan = make_plan(reader, choice)
    if seen is not None and not _is_current(seen, plan):
        raise Outdated(plan)
    done = _counted(plan)
    if plan.is_empty:
        return Written(done, None)
    with journal.change(actor=actor, source=SOURCE) as change:
        if not _is_current(plan.seen, plan):
            raise Outdated(plan)
        for step in _steps(plan):
            step.carry_out(change)
    return Written(done, change.receipt)


def _is_current(seen: str, plan: Plan) -> bool:
    chosen = [model.label for model in plan.models if model.is_chosen]
    return is_current(seen, plan.digest, chosen, connections[ALIAS])


def _counted(plan: Plan) -> Restored:
    created, changed, removed = (
        sum(len(model.of(kind)) for model in plan.models) for kind in (CREATE, UPDATE, DELETE)
    )
    return Restored(plan, created, changed, removed)


@dataclass(frozen=True, slots=True)
class _Step:
    """Rows of one model to save, or to remove."""

    rows: list[models.Model]
    removes: bool = False

    def carry_out(self, change: Change) -> None:
        if self.removes:
            change.delete_all(self.rows)
        else:
            change.save_all(self.rows)


def _steps(plan: Plan) -> Iterator[_Step]:
    """In an order in which no reference dangles and no unique value is there twice."""
    order = [model for label in backed_up() for model in plan.models if model.label == label]
    leaves = [model for model in order if not referrers(model.label)]
    for model in reversed(leaves):
        yield _Step(_removed(model), removes=True)
    for model in order:
        yield _Step(list(_stepping_aside(model, gone=model in leaves)))
    for model in order:
        yield _Step(list(_saved(model)))
    for model in reversed(order):
        if model not in leaves:
            yield _Step(_removed(model), removes=True)


def _removed(model: ModelPlan) -> list[models.Model]:
    return [_bare(model.label, each.key) for each in model.of(DELETE)]


def _bare(label: str, key: str) -> models.Model:
    found = registry.find(label)
    if found is None:
        raise KeyError(label)
    return found.model(pk=uuid.UUID(key))


def _saved(model: ModelPlan) -> Iterator[models.Model]:
    found = registry.find(model.label)
    for each in model.differences:
        if each.operation != DELETE and found is not None:
            made = model.built[each.key]
            before = None if made.was is None else as_it_is(model.label, each.key, made.was)
            found.backup.prepare(made.row, before)
            yield made.row


def _stepping_aside(model: ModelPlan, *, gone: bool) -> Iterator[models.Model]:
    """Rows whose unique value another row is about to get, with another value meanwhile.

    ``gone``: removed rows are not there any more.
    """
    for names in unique_sets(model.label):
        wanted = {
            tuple((each.after or {}).get(name) for name in names)
            for each in model.differences
            if each.operation != DELETE
        }
        for each in model.differences:
            if each.operation == CREATE or (each.operation == DELETE and gone):
                continue
            was = tuple((each.before or {}).get(name) for name in names)
            if was in wanted:
                row = as_it_is(model.label, each.key, _before(model, each))
                _rename(row, names)
                yield row


def _before(model: ModelPlan, difference: Difference) -> Fields:
    """All fields of a row that is there."""
    made = model.built.get(difference.key)
    return (made.was if made else difference.before) or {}


def _rename(row: models.Model, names: tuple[str, ...]) -> None:
    """Give the first text among the fields a value that nobody else has."""
    for name in names:
        field = row._meta.get_field(name)
        if isinstance(field, models.CharField):
            setattr(row, name, uuid.uuid4().hex[: field.max_length])
            return
