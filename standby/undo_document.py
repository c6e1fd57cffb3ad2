"""An undo's plan as JSON for programs and as rows for pages; secrets never leave."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from standby.document import Document
from standby.domain.merge import VERSION, same
from standby.journal import registry
from standby.journal.rows import Fields
from standby.models import JournalEntry
from standby.rows import (
    HIDDEN,
    OBJECTS,
    ChangeRow,
    Difference,
    FieldWords,
    change_rows,
    object_names,
    own_name,
)
from standby.selectors import MASK, masked
from standby.texts import local
from standby.undo_plan import Obstacle, Outcome, Undo

SHOWN = 200
"""Objects that a page shows one by one; of the others it tells how many there are."""
BECOMES: dict[str, str | Promise] = {
    "create": _("comes back"),
    "update": _("changes"),
    "delete": _("is removed"),
    "nothing": _("stays as it is"),
}


def undo_document(plan: Undo) -> Document:
    """The whole plan for programs: of each object the fields that are different afterwards."""
    return {
        "seen": plan.seen,
        "changes": [entry.seq for entry in plan.entries],
        "objects": [_object_document(each) for each in plan.outcomes],
        "conflicts": [_conflict_document(each) for each in plan.obstacles],
    }


def later_document(entry: JournalEntry) -> Document:
    """Who made a change that stands in the way."""
    return {"seq": entry.seq, "actor": entry.actor, "at": entry.at}


def _object_document(outcome: Outcome) -> Document:
    label, pk = outcome.key
    now, then = _differing(outcome)
    return {
        "model": label,
        "object": pk,
        "name": own_name({"after": outcome.then, "before": outcome.now}),
        "becomes": _becomes(outcome),
        "now": now,
        "then": then,
    }


def _differing(outcome: Outcome) -> tuple[Document | None, Document | None]:
    """The fields that differ, masked; all of an object that comes or goes."""
    label, now, then = outcome.key[0], outcome.now, outcome.then
    shown_now, shown_then = masked(label, now), masked(label, then)
    if now is None or then is None or shown_now is None or shown_then is None:
        return _without_version(shown_now), _without_version(shown_then)
    names = [name for name in then if name != VERSION and not same(now[name], then[name])]
    return {name: shown_now[name] for name in names}, {name: shown_then[name] for name in names}


def _without_version(fields: Fields | None) -> Document | None:
    if fields is None:
        return None
    return {name: value for name, value in fields.items() if name != VERSION}


def _becomes(outcome: Outcome) -> str:
    if not outcome.differs:
        return "nothing"
    if outcome.now is None:
        return "create"
    return "delete" if outcome.then is None else "update"


def _conflict_document(obstacle: Obstacle) -> Document:
    label, pk = obstacle.key
    against = obstacle.objection
    return {
        "id": obstacle.id,
        "seq": obstacle.seq,
        "model": label,
        "object": pk,
        "field": against.field or None,
        "kind": against.kind.value,
        "reason": str(against.reason),
        "may_overrule": against.kind.may_overrule,
        "overruled": against.overruled,
        "now": _secret_safe(obstacle, obstacle.ours),
        "former": _secret_safe(obstacle, obstacle.former),
        "later": later_document(obstacle.later) if obstacle.later else None,
    }


def _secret_safe(obstacle: Obstacle, value: Any) -> Any:
    is_secret = obstacle.objection.field in registry.secret_fields(obstacle.key[0])
    return MASK if is_secret and value else value


@dataclass(frozen=True, slots=True)
class ObjectRow:
    """One object of the plan in people's words; ``after`` is what the undo gives."""

    what: str | Promise
    name: str
    becomes: str | Promise
    differences: list[Difference]


@dataclass(frozen=True, slots=True)
class ObstacleRow:
    """What speaks against one field or a whole change, in people's words."""

    obstacle: Obstacle
    what: str | Promise
    name: str
    field: str
    now: Any
    former: Any
    reason: str
    later_at: datetime | None

    @property
    def may_overrule(self) -> bool:
        """True when it is for a person to say that it is meant."""
        return self.obstacle.objection.kind.may_overrule


@dataclass(frozen=True, slots=True)
class PlanRows:
    """The plan as a page shows it."""

    objects: list[ObjectRow]
    more: int
    """Objects that are not shown one by one."""
    same: int
    """Objects of which nothing is different afterwards."""
    obstacles: list[ObstacleRow]
    changes: list[ChangeRow]
    more_changes: int

    @property
    def can_choose(self) -> bool:
        """True when something may be overruled."""
        return any(row.may_overrule for row in self.obstacles)

    @property
    def is_joint(self) -> bool:
        """True when a change was saved together with others."""
        return any(row.tx_size > 1 for row in self.changes)


def plan_rows(plan: Undo) -> PlanRows:
    """Rows of a page; a query for each kind of object and of what it refers to."""
    differing = [each for each in plan.outcomes if each.differs]
    shown, told = differing[:SHOWN], plan.obstacles[:SHOWN]
    names = _names([*shown, *(each for each in plan.outcomes if _is_about(each, told))])
    return PlanRows(
        objects=[_object_row(each, names) for each in shown],
        more=len(differing) - len(shown),
        same=len(plan.outcomes) - len(differing),
        obstacles=[_obstacle_row(each, names) for each in told],
        changes=change_rows(plan.entries[:SHOWN]),
        more_changes=max(0, len(plan.entries) - SHOWN),
    )


def _is_about(outcome: Outcome, told: Sequence[Obstacle]) -> bool:
    return any(each.key == outcome.key for each in told)


def _names(outcomes: Iterable[Outcome]) -> dict[str, str]:
    """Names of the objects and of those they refer to, also where they are not here now."""
    documents: list[Document] = [
        {"model": each.key[0], "object": each.key[1], "before": each.now, "after": each.then}
        for each in outcomes
    ]
    own = {str(each["object"]): own_name(each) for each in documents}
    return {**{pk: name for pk, name in own.items() if name}, **object_names(documents)}


def _object_row(outcome: Outcome, names: dict[str, str]) -> ObjectRow:
    label, pk = outcome.key
    words = FieldWords(label, names)
    now, then = _differing(outcome)
    secret = registry.secret_fields(label)
    return ObjectRow(
        what=OBJECTS.get(label, label),
        name=names.get(pk, ""),
        becomes=BECOMES[_becomes(outcome)],
        differences=[
            Difference(
                words.label(name),
                words.value(name, (now or {}).get(name)),
                words.value(name, (then or {}).get(name)),
                is_secret=name in secret,
            )
            for name in {**(now or {}), **(then or {})}
            if name not in HIDDEN and (_becomes(outcome) == "update" or _says(name, now, then))
        ],
    )


def _says(name: str, *of_one: Document | None) -> bool:
    """Of an object that comes or goes, only what is filled in is worth a line."""
    return any(values[name] for values in of_one if values)


def _obstacle_row(obstacle: Obstacle, names: dict[str, str]) -> ObstacleRow:
    label, pk = obstacle.key
    words = FieldWords(label, names)
    field = obstacle.objection.field
    return ObstacleRow(
        obstacle=obstacle,
        what=OBJECTS.get(label, label),
        name=names.get(pk, ""),
        field=words.label(field) if field else "",
        now=words.value(field, _secret_safe(obstacle, obstacle.ours)),
        former=words.value(field, _secret_safe(obstacle, obstacle.former)),
        reason=local(obstacle.objection.reason),
        later_at=obstacle.later.at if obstacle.later else None,
    )
