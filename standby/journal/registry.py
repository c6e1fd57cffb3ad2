"""Which models are journalled: the journal learns of them here and never imports their apps."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import models

Model = type[models.Model]
Fields = Mapping[str, Any]
Beginnings = Callable[[], Iterable[models.Model]]
"""Makes the unsaved rows that a new pair begins with; their UUIDs are the same on every node."""


def _accept(*_: Any) -> None:
    """Nothing is against it."""


def _nothing(_ours: Any, _wanted: Any) -> dict[str, str]:
    return {}


@dataclass(frozen=True, slots=True)
class Rules:
    """What a change must keep to that no form has seen: one that is merged, or taken back.

    The functions are called within the change, before the row is written; those that refuse raise
    ValidationError or Conflict.
    """

    check: Callable[[Any, Any], None] = _accept
    """Given the row as it is to be and as it is (None: a new one); may complete the first."""
    check_many: Callable[[Sequence[Any]], None] | None = None
    """Like ``check`` of many rows at once, which were written just now and can still be taken
    back; None where each must be checked for itself."""
    check_removal: Callable[[Any], None] = _accept
    """Given the row that is to be removed."""
    waits: Callable[[Fields | None, Fields], Mapping[str, str]] = _nothing
    """Given the row as it is (None: a new one) and the wanted values: the fields that no merge
    may set by itself, each with the reason."""
    aside: frozenset[str] = frozenset()
    """Fields that the pair keeps by itself: no merge looks at them."""
    stays: str = ""
    """Why changes of such rows are never taken back; empty when they may be."""
    never: Callable[[Fields | None, Fields], Mapping[str, str]] = _nothing
    """Given the row as it is and the former values: the fields that never get theirs back, each
    with the reason."""
    revived: Callable[[Any], None] = _accept
    """Given a removed row that comes back; may complete it."""
    doubts: Callable[[Any, Any], Mapping[str, str]] = _nothing
    """Given the row as it is to be and as it is (None: a new one): fields that somebody must
    confirm, each with the reason. May take seconds; called outside of any change."""


def _nothing_wrong(*_: Any) -> dict[str, str]:
    return {}


@dataclass(frozen=True, slots=True)
class BackupRules:
    """How a back-up treats the rows of a model; the functions may not ask the database.

    A restore looks at thousands of rows before it locks anything, so rules that a single change
    would look up are told of all rows at once.
    """

    left_out: str = ""
    """Why no back-up holds these rows; empty: it does."""
    asks: str = ""
    """What somebody must agree to before these rows are restored; empty: nothing."""
    problems: Callable[[Any], Mapping[str, list[str]]] | None = None
    """The rules that a row breaks by itself, by field; tidies its values. None: those of its
    fields."""
    together: Callable[[Mapping[str, Fields], frozenset[str]], Mapping[str, str]] = _nothing_wrong
    """Given all rows as they would be and the keys of those that would be new, changed or removed:
    the keys of these that must stay as they are, each with the reason."""
    most: int = 0
    """How many rows there may be; 0: any number. ``no_more`` is the reason for those beyond."""
    no_more: Callable[[], str] = str
    prepare: Callable[[Any, Any], None] = _accept
    """Completes a row that is about to be saved, given what it was (None: a new one)."""
    without_secret: Callable[[Any], None] | None = None
    """Fills in for the secrets of a new row of a file without secrets; None: it needs them."""
    note: str = ""
    """What people should know before such rows are changed."""


@dataclass(frozen=True, slots=True)
class Registered:
    """One journalled model; ``secret`` names the fields that are never shown to people.

    A field that says so itself (``is_secret``) is always among them.
    """

    model: Model
    secret: frozenset[str] = frozenset()
    beginnings: Beginnings | None = field(default=None, compare=False)
    rules: Rules = field(default=Rules(), compare=False)
    backup: BackupRules = field(default=BackupRules(), compare=False)

    @property
    def label(self) -> str:
        """How entries name the model, e.g. "rfps.rfp"."""
        return self.model._meta.label_lower


_registered: dict[str, Registered] = {}
_generation = 0


def register(
    model: Model,
    *,
    secret: Iterable[str] = (),
    beginnings: Beginnings | None = None,
    rules: Rules | None = None,
    backup: BackupRules | None = None,
) -> None:
    """Journal every change of ``model`` from now on; called when its app is ready.

    ``beginnings`` gives the rows that the first active OMM of an empty pair makes.
    """
    global _generation  # noqa: PLW0603
    sealed = (each.name for each in model._meta.fields if getattr(each, "is_secret", False))
    hidden = frozenset([*secret, *sealed])
    entry = Registered(model, hidden, beginnings, rules or Rules(), backup or BackupRules())
    _registered[entry.label] = entry
    _generation += 1


def unregister(model: Model) -> None:
    """Take a registration back (a model that exists during a test only)."""
    global _generation  # noqa: PLW0603
    _registered.pop(model._meta.label_lower, None)
    _generation += 1


def generation() -> int:
    """Changes whenever a model is registered; for those that keep what they derived."""
    return _generation


def labels() -> list[str]:
    """The names of all journalled models, sorted."""
    return sorted(_registered)


def find(label: str) -> Registered | None:
    """The registration under this name."""
    return _registered.get(label)


def is_registered(model: type[Any]) -> bool:
    """True when changes of the model are journalled."""
    return model._meta.label_lower in _registered


def secret_fields(label: str) -> frozenset[str]:
    """The fields of a model that are never shown; empty for a model that is not known."""
    found = _registered.get(label)
    return found.secret if found else frozenset()


def all_models() -> list[Model]:
    """The journalled models, each after those that its foreign keys point to."""
    ordered: list[Model] = []
    for label in labels():
        _visit(_registered[label].model, ordered, ())
    return ordered


def _visit(model: Model, ordered: list[Model], path: tuple[Model, ...]) -> None:
    if model in ordered or model in path:
        return
    for target in foreign_targets(model):
        if is_registered(target):
            _visit(target, ordered, (*path, model))
    ordered.append(model)


def foreign_targets(model: Model) -> list[Model]:
    """The models that the foreign keys of ``model`` point to."""
    return [
        column.related_model
        for column in model._meta.concrete_fields
        if isinstance(column, models.ForeignKey) and isinstance(column.related_model, type)
    ]
