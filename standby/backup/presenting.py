"""Back-ups and plans as documents: for programs as they are, for pages in people's words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from standby.backup.files import Stored
from standby.backup.planning import Difference, ModelPlan, Plan
from standby.backup.restoring import Restored
from standby.backup.wishes import Refused
from standby.domain.merge import VERSION
from standby.journal import registry
from standby.journal.canonical import time_text

Document = dict[str, Any]
MASK: Final = "***"
MOST_SHOWN: Final = 500
"""Rows of one kind that are told one by one; the counts are of all."""
_NAMES = ("name", "username", "mac", "system_name")


def stored_document(one: Stored) -> Document:
    """A stored back-up."""
    return {
        "id": one.id,
        "name": one.name,
        "made_at": time_text(one.made_at),
        "kind": one.kind,
        "size": one.size,
        "encrypted": one.is_encrypted,
    }


def plan_document(plan: Plan) -> Document:
    """Everything that a restore would do; secrets are only said to differ."""
    header = plan.header
    return {
        "seen": plan.seen,
        "made_at": header.made_at,
        "made_by": header.made_by,
        "node": header.node,
        "release": header.release,
        "format": header.format,
        "secrets": header.secrets,
        "remove": plan.choice.remove,
        "notes": plan.notes,
        "left_out": left_out(),
        "models": [model_document(model) for model in plan.models],
    }


def left_out() -> list[Document]:
    """What no back-up holds, and why."""
    found = (registry.find(label) for label in registry.labels())
    return [
        {"model": each.label, "reason": each.backup.left_out}
        for each in found
        if each is not None and each.backup.left_out
    ]


def model_document(model: ModelPlan) -> Document:
    """The differences of one model."""
    kinds = {"added": "create", "changed": "update", "removed": "delete"}
    listed = {name: model.of(operation) for name, operation in kinds.items()}
    return {
        "model": model.label,
        "in_file": None if model.count < 0 else model.count,
        "chosen": model.is_chosen,
        "asks": model.asks,
        "notes": list(dict.fromkeys(model.notes)),
        "unchanged": model.unchanged,
        "counts": {
            **{name: len(rows) for name, rows in listed.items()},
            "refused": len(model.refused),
        },
        **{name: [_row(model, each) for each in _some(rows)] for name, rows in listed.items()},
        "refused": [_refused(each) for each in _some(model.refused)],
    }


def restored_document(done: Restored) -> Document:
    """What a restore did."""
    refused = [(model, each) for model in done.plan.models for each in model.refused]
    return {
        "created": done.created,
        "changed": done.changed,
        "removed": done.removed,
        "refused": [{"model": model.label, **_refused(each)} for model, each in _some(refused)],
    }


def _some(rows: Any) -> Any:
    return rows[:MOST_SHOWN]


def _row(model: ModelPlan, each: Difference) -> Document:
    made = model.built.get(each.key)
    named = (made.was if made else None) or each.before or each.after
    return {
        "id": each.key,
        "name": _name(each.after, named),
        "before": masked(model.label, each.before),
        "after": masked(model.label, each.after),
    }


def _refused(each: Refused) -> Document:
    return {"id": each.key, "name": _name(each.fields), "reason": each.reason}


def _name(*rows: Mapping[str, Any] | None) -> str:
    for fields in rows:
        for name in _NAMES:
            value = (fields or {}).get(name)
            if isinstance(value, str) and value:
                return value
    return ""


def masked(label: str, fields: Mapping[str, Any] | None) -> Document | None:
    """The fields without what must never be shown."""
    if fields is None:
        return None
    hidden = registry.secret_fields(label)
    return {
        name: MASK if name in hidden and value else value
        for name, value in fields.items()
        if name != VERSION
    }


def documents(found: Iterable[Stored]) -> list[Document]:
    """Stored back-ups."""
    return [stored_document(one) for one in found]
