"""Two people, one form: what the other one saved and what this one typed, side by side.

The form always holds what would be saved. Fields that only the other person changed are taken
over by themselves; for every other difference the person chooses, and may choose again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext as _

from standby.selectors import ChangedSince, fields_changed_since

TYPED = "typed-"
"""Prefix of the hidden fields that keep what was typed while theirs is in the form."""
BASE = "base_version"
"""The version with which the person began."""
TAKE = "take"
KEEP = "keep"
ALL = "*"


@dataclass(frozen=True, slots=True)
class Versions:
    """One field that differs: their value as saved, the own one as typed."""

    name: str
    label: str
    theirs: str
    yours: str
    typed: str
    they_changed: bool
    is_taken: bool


@dataclass(frozen=True, slots=True)
class Comparison:
    """All fields that differ, and who saved in between."""

    fields: list[Versions]
    base_version: int
    actor: str
    at: datetime | None
    seq: int | None


class Compared:
    """A form that lost the race, compared with ``theirs``: the row's values as they are now."""

    def __init__(
        self, form: forms.Form, theirs: Mapping[str, Any], *, row_id: UUID, base_version: int
    ) -> None:
        self._form = form
        self._theirs = theirs
        self._data = _copy(form.data)
        self._base_version = base_version
        self._since: ChangedSince = fields_changed_since(row_id, base_version)
        self._typed = {name: self._typed_value(name) for name in self._names()}

    def choose(self, asked: Mapping[str, Any]) -> None:
        """Put into the form what the person wants: theirs (``take``) or the own (``keep``)."""
        for order, put in ((TAKE, self._put_theirs), (KEEP, self._put_typed)):
            for name in self._typed:
                if asked.get(order) in (name, ALL):
                    put(name)
        self._form.data = self._data

    def merge(self) -> None:
        """Take theirs for the fields that only they changed."""
        for name in self._typed:
            if name in self._before and not self._was_changed_here(name):
                self._put_theirs(name)
        self._form.data = self._data

    def comparison(self) -> Comparison:
        """What the page shows."""
        latest = self._since.latest
        return Comparison(
            fields=[self._versions(name) for name in self._typed if self._differs(name)],
            base_version=self._base_version,
            actor=latest.actor if latest else "",
            at=latest.at if latest else None,
            seq=latest.seq if latest else None,
        )

    def _names(self) -> Iterator[str]:
        for name, field in self._form.fields.items():
            is_shown = not field.widget.is_hidden and not isinstance(
                field.widget, forms.PasswordInput
            )
            if is_shown and name in self._theirs:
                yield name

    @property
    def _before(self) -> dict[str, Any]:
        """What they changed, as it had been; keys are names of fields."""
        names = {f"{name}_id": name for name in self._form.fields}
        return {names.get(key, key): value for key, value in self._since.before.items()}

    def _typed_value(self, name: str) -> Any:
        """As typed at first, even while theirs is in the form."""
        if TYPED + name in self._data:
            text = self._data[TYPED + name]
            return text == "on" if _is_box(self._form.fields[name]) else text
        return _from_data(self._form, name, self._data)

    def _differs(self, name: str) -> bool:
        return bool(self._form.fields[name].has_changed(self._theirs[name], self._typed[name]))

    def _was_changed_here(self, name: str) -> bool:
        return bool(self._form.fields[name].has_changed(self._before[name], self._typed[name]))

    def _put_theirs(self, name: str) -> None:
        field = self._form.fields[name]
        self._put(name, field.prepare_value(self._theirs[name]))

    def _put_typed(self, name: str) -> None:
        self._put(name, self._typed[name])

    def _put(self, name: str, value: Any) -> None:
        if _is_box(self._form.fields[name]):
            self._data.pop(name, None)
            if value:
                self._data[name] = "on"
        else:
            self._data[name] = "" if value is None else str(value)

    def _versions(self, name: str) -> Versions:
        field = self._form.fields[name]
        now = _from_data(self._form, name, self._data)
        typed = self._typed[name]
        return Versions(
            name=name,
            label=str(self._form[name].label),
            theirs=_shown(field, self._theirs[name]),
            yours=_shown(field, typed),
            typed=("on" if typed else "") if _is_box(field) else str(typed or ""),
            they_changed=name in self._before,
            is_taken=not field.has_changed(self._theirs[name], now),
        )


def _copy(data: Any) -> dict[str, Any]:
    """Plain values; none of our forms has a field of several values."""
    return data.dict() if isinstance(data, QueryDict) else dict(data)


def _is_box(field: forms.Field) -> bool:
    return isinstance(field, forms.BooleanField)


def _from_data(form: forms.Form, name: str, data: Mapping[str, Any]) -> Any:
    return form.fields[name].widget.value_from_datadict(data, {}, name)


def _shown(field: forms.Field, value: Any) -> str:
    """A value as the form's reader knows it."""
    if _is_box(field):
        return _("yes") if value else _("no")
    if value is None or value == "":
        return ""
    choices = getattr(field, "choices", None)
    if choices is not None:
        wanted = str(field.prepare_value(value))
        known = ((str(key), label) for key, label in choices)
        return next((str(label) for key, label in known if key == wanted), str(value))
    return str(value)
