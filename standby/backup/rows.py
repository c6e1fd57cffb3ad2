"""A restore's preview in people's words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from django.utils.functional import Promise

from standby.backup.planning import CREATE, DELETE, UPDATE, ModelPlan, Plan
from standby.backup.presenting import model_document
from standby.rows import OBJECTS, OPERATIONS, Difference, differences_of, object_names
from standby.texts import local

MOST_SHOWN: Final = 50
"""Rows of each model on the page; the counts are of all."""
KINDS = {"added": CREATE, "changed": UPDATE, "removed": DELETE}


@dataclass(frozen=True, slots=True)
class PlanRow:
    """One row that would be written."""

    name: str
    operation: str | Promise
    differences: list[Difference]


@dataclass(frozen=True, slots=True)
class ModelRows:
    """What would happen to the rows of one model."""

    what: str | Promise
    counts: dict[str, int]
    unchanged: int
    rows: list[PlanRow]
    more: int
    refused: list[dict[str, str]]
    more_refused: int
    notes: list[str]

    @property
    def is_calm(self) -> bool:
        """True when nothing of it needs to be shown."""
        return not (self.rows or self.refused)


def model_rows(plan: Plan) -> list[ModelRows]:
    """The chosen models, in the order in which they refer to each other."""
    return [_model_rows(model) for model in plan.models if model.is_chosen]


def _model_rows(model: ModelPlan) -> ModelRows:
    document = model_document(model)
    rows = list(_documents(model.label, document))
    shown = rows[:MOST_SHOWN]
    names = object_names(shown)
    refused = [{**each, "reason": local(each["reason"])} for each in document["refused"]]
    counts: dict[str, int] = document["counts"]
    return ModelRows(
        OBJECTS.get(model.label, model.label),
        counts,
        model.unchanged,
        [
            PlanRow(each["name"], OPERATIONS[each["operation"]], differences_of(each, names))
            for each in shown
        ],
        len(model.differences) - len(shown),
        refused[:MOST_SHOWN],
        max(0, counts["refused"] - MOST_SHOWN),
        [local(note) for note in document["notes"]],
    )


def _documents(label: str, document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for kind, operation in KINDS.items():
        for row in document[kind]:
            yield {**row, "model": label, "object": row["id"], "operation": operation}
