"""The tables as they would be after a restore, and what of it cannot be.

Rules among rows (unique values, references, limits) are looked at for all rows at once. Whatever
breaks one stays as it is, which may break another: it is settled in rounds.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper

from standby.backup.wishes import Refused
from standby.domain.sentence import say
from standby.journal import registry
from standby.journal.rows import Fields, all_rows, table

Found = Iterator[tuple[str, str, str]]
"""Model, key and reason."""

GONE = say("It refers to something that is not here.")
HELD = say("Something else refers to it.")


class World:
    """``rows`` as they are, ``wishes`` for fields of them (or new ones), and ``removals``."""

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        self.rows: dict[str, dict[str, Fields]] = {}
        self.wishes: dict[str, dict[str, Fields]] = {}
        self.removals: dict[str, set[str]] = {}
        self._connection = connection

    def load(self, label: str) -> None:
        """Read the rows of a model, and of those that are tied to it by references."""
        for each in _tied(label):
            if each not in self.rows:
                self.rows[each] = dict(all_rows(table(each, self._connection), self._connection))

    def wish(self, label: str, key: str, fields: Fields) -> None:
        """Have a row hold these values."""
        self.wishes.setdefault(label, {})[key] = fields

    def forget(self, label: str, key: str) -> Fields:
        """Leave a row as it is; what had been wished for it."""
        self.removals.get(label, set()).discard(key)
        return self.wishes.get(label, {}).pop(key, {})

    def after(self, label: str) -> dict[str, Fields]:
        """All rows of a model as they would be."""
        wishes, removals = self.wishes.get(label, {}), self.removals.get(label, set())
        found = {key: row for key, row in self.rows[label].items() if key not in removals}
        for key, fields in wishes.items():
            found[key] = {**found.get(key, {}), **fields}
        return found

    def settle(self) -> Iterator[tuple[str, Refused]]:
        """Give up what breaks a rule among rows, until nothing does; what was given up."""
        while True:
            found = {(label, key): reason for label, key, reason in self._broken()}
            for (label, key), reason in found.items():
                here = self.rows[label].get(key, {})
                fields = {**here, **self.forget(label, key)}
                yield label, Refused(key, reason, fields)
            if not found:
                return

    def _broken(self) -> Found:
        touched = {label for label, found in self.wishes.items() if found}
        touched |= {label for label, found in self.removals.items() if found}
        after = {each: self.after(each) for label in touched for each in _tied(label)}
        for label in sorted(touched):
            yield from self._dangling(label, after)
            yield from self._held(label, after)
            yield from self._taken(label, after[label])
            yield from self._by_its_own_rules(label, after[label])

    def _by_its_own_rules(self, label: str, after: dict[str, Fields]) -> Found:
        """Too many rows, and what the model's app says of all together."""
        found = registry.find(label)
        if found is None:
            return
        rules, wishes = found.backup, self.wishes.get(label, {})
        too_many = len(after) - rules.most if rules.most else 0
        if too_many > 0:
            new = sorted(wishes.keys() - self.rows[label].keys())
            yield from ((label, key, rules.no_more()) for key in new[-too_many:])
        altered = frozenset(wishes.keys() | self.removals.get(label, set()))
        for key, reason in rules.together(after, altered).items():
            yield label, key, reason

    def _dangling(self, label: str, after: dict[str, dict[str, Fields]]) -> Found:
        """Wishes that refer to what would not be there."""
        for name, target in _references(label):
            there = after[target]
            for key, fields in self.wishes.get(label, {}).items():
                value = fields.get(name)
                if value is not None and value not in there:
                    yield label, key, GONE

    def _held(self, label: str, after: dict[str, dict[str, Fields]]) -> Found:
        """Removals of what others would still refer to."""
        removals = self.removals.get(label)
        if not removals:
            return
        for other in _tied(label):
            for name, target in _references(other):
                if target == label:
                    held = {row[name] for row in after[other].values()} & removals
                    yield from ((label, key, HELD) for key in held)

    def _taken(self, label: str, after: dict[str, Fields]) -> Found:
        """Wishes for a value that another row has; of two wishes the second gives way."""
        wishes = self.wishes.get(label, {})
        for names in unique_sets(label):
            owners: dict[tuple[Any, ...], str] = {}
            for key in sorted(after, key=lambda each: each in wishes):
                value = tuple(after[key].get(name) for name in names)
                if None in value:
                    continue
                if owners.setdefault(value, key) != key:
                    yield label, key, _taken_text(names)


def _taken_text(names: tuple[str, ...]) -> str:
    return say("%(fields)s: something else has this value already.", fields=", ".join(names))


def unique_sets(label: str) -> list[tuple[str, ...]]:
    """The fields, or sets of fields, whose values no two rows of a model share."""
    model = _model(label)
    single = [(field.name,) for field in model._meta.concrete_fields if field.unique]
    several = [
        tuple(constraint.fields)
        for constraint in model._meta.constraints
        if isinstance(constraint, models.UniqueConstraint) and constraint.fields
    ]
    return [names for names in (*single, *several) if names != ("id",)]


def _references(label: str) -> list[tuple[str, str]]:
    """Fields of a model that refer to other rows, and to which model."""
    return [
        (field.name, field.related_model._meta.label_lower)
        for field in _model(label)._meta.concrete_fields
        if isinstance(field, models.ForeignKey)
    ]


def _tied(label: str) -> list[str]:
    """The model itself, those that it refers to and those that refer to it."""
    return list(
        dict.fromkeys([label, *(target for _, target in _references(label)), *referrers(label)])
    )


def referrers(label: str) -> list[str]:
    """The models whose rows may refer to rows of this one."""
    return [
        other
        for other in registry.labels()
        if any(target == label for _, target in _references(other))
    ]


def _model(label: str) -> Any:
    found = registry.find(label)
    if found is None:
        raise KeyError(label)
    return found.model
