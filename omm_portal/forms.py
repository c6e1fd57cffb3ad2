"""What all forms share: groups with titles, help with ranges, and all errors in one round."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import UUID

from django import forms
from django.core.validators import BaseValidator, MaxValueValidator, MinValueValidator
from django.db.models import Model
from django.forms.models import fields_for_model
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from standby import keyring
from standby.fields import secret_names

Text = str | Promise
LARGEST = 2**31 - 1
"""Larger limits are those of the database: nothing that people are told."""
REMOVE = "remove_"
"""Prefix of the boxes that take a secret away."""


@dataclass(frozen=True, slots=True)
class FieldGroup:
    """Fields under one title: those to fill in and, in a row of their own, boxes to tick."""

    title: Text | None
    fields: list[forms.BoundField]
    boxes: list[forms.BoundField]
    begins_with_boxes: bool


class GroupedForm(forms.Form):
    """A form whose fields stand in titled groups; the version of what it edits travels along.

    With a ``model`` the fields named in the groups come from there; others are declared. Secrets
    are never shown: an empty field keeps what is set, a box of its own takes it away.
    """

    model: ClassVar[type[Model] | None] = None
    groups: ClassVar[tuple[tuple[Text | None, tuple[str, ...]], ...]] = ()
    help_texts: ClassVar[Mapping[str, Text]] = {}
    """What a field means and its unit; the range of a number is added from the model's rules."""
    plain: ClassVar[frozenset[str]] = frozenset()
    """Fields that hold no words of a language: names of hosts, addresses, numbers."""
    version = forms.IntegerField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, row_id: UUID | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.row_id = row_id
        if self.model is not None:
            names = [name for _title, members in self.groups for name in members]
            found = fields_for_model(self.model, fields=names)
            self.fields.update({name: field for name, field in found.items() if field is not None})
            self._add_removals()
        for name, field in self.fields.items():
            self._dress(name, field)

    @property
    def secrets(self) -> frozenset[str]:
        """The names of the fields that hold secrets."""
        names = secret_names(self.model) if self.model is not None else frozenset()
        return names & self.fields.keys()

    def _add_removals(self) -> None:
        """What is set can be taken away."""
        for name in sorted(self.secrets):
            if self.initial.get(name):
                label = _("Remove: %(what)s") % {"what": self.fields[name].label}
                self.fields[REMOVE + name] = forms.BooleanField(required=False, label=label)

    def _dress(self, name: str, field: forms.Field) -> None:
        """Help, and the attributes that spare people typing errors."""
        field.help_text = str(self.help_texts.get(name, field.help_text))
        attrs = field.widget.attrs
        if name in self.secrets:
            state = _("Set; leave empty to keep it.") if self.initial.get(name) else _("Not set.")
            field.help_text = f"{field.help_text} {state}".strip()
        if isinstance(field, forms.IntegerField) and not field.widget.is_hidden:
            low, high = self._limits(name, field)
            attrs.update(min=low, max=high, step=1)
            if low >= 0:  # the number pad of a phone has no minus
                attrs["inputmode"] = "numeric"
            extent = _("From %(low)s to %(high)s.") % {"low": low, "high": high}
            field.help_text = f"{field.help_text} {extent}".strip()
        elif isinstance(field.widget, forms.TextInput):
            attrs.setdefault("autocomplete", "off")
            if name in self.plain or isinstance(field, forms.GenericIPAddressField):
                attrs.update(spellcheck="false", autocapitalize="none")

    def _limits(self, name: str, field: forms.IntegerField) -> tuple[int, int]:
        """The smallest and the largest number that the rules allow."""
        rules: list[Any] = list(field.validators)
        if self.model is not None:
            rules += getattr(self.model._meta.get_field(name), "validators", ())
        lows = [_limit(rule) for rule in rules if isinstance(rule, MinValueValidator)]
        highs = [_limit(rule) for rule in rules if isinstance(rule, MaxValueValidator)]
        return max(lows, default=-LARGEST), min(highs, default=LARGEST)

    def _post_clean(self) -> None:
        """The services' rules as well, for what the fields themselves let through: whoever saves
        is told of all errors at once. The services look again, within their transaction.
        """
        super()._post_clean()  # type: ignore[misc]
        for name, texts in self.problems().items():
            if name not in self.errors:
                self.add_error(name if name in self.fields else None, texts)

    def problems(self) -> Mapping[str, list[str]]:
        """The rules that the values break, by field; of a field that is wrong by itself the
        default counts. Saves nothing.
        """
        if self.model is None:
            return {}
        values, secrets = self.values(), {}
        for name in self.secrets & values.keys():
            secrets[name] = values.pop(name)
        row = self.model(**values)
        if self.row_id is not None:
            row.pk = self.row_id
        return {**self.rules(row), **keyring.problems(self.model, secrets)}

    @staticmethod
    def rules(row: Any, /) -> Mapping[str, list[str]]:  # noqa: ARG004 (none)
        """The services' own rules: what a row of the model breaks, by field."""
        return {}

    def field_groups(self) -> Iterator[FieldGroup]:
        """The groups in order."""
        for title, names in self.groups:
            removals = (REMOVE + name for name in names)
            found = [self[name] for name in (*names, *removals) if name in self.fields]
            boxes = [field for field in found if is_box(field)]
            fields = [field for field in found if not is_box(field)]
            yield FieldGroup(title, fields, boxes, is_box(found[0]))

    def wrong_fields(self) -> list[forms.BoundField]:
        """The visible fields that have errors, in the order of the page."""
        groups = self.field_groups()
        shown = (field for group in groups for field in _in_order(group))
        return [field for field in shown if field.errors]

    def values(self) -> dict[str, Any]:
        """The cleaned values without the version; empty addresses as None, as they are stored.

        Of secrets only those that are to be set, or, with "", taken away.
        """
        values = {
            name: None if value == "" and self._is_address(name) else value
            for name, value in self.cleaned_data.items()
            if name != "version" and not name.startswith(REMOVE)
        }
        for name in self.secrets & values.keys():
            if not values[name] and not self.cleaned_data.get(REMOVE + name):
                del values[name]
        return values

    def _is_address(self, name: str) -> bool:
        return isinstance(self.fields[name], forms.GenericIPAddressField)

    @property
    def expected_version(self) -> int | None:
        """The version that was shown when the editing began."""
        version: int | None = self.cleaned_data.get("version")
        return version

    def disable(self) -> None:
        """Make a read-only view of the form."""
        for name in self.secrets:
            self.fields.pop(REMOVE + name, None)
        for field in self.fields.values():
            field.disabled = True


class ConfirmForm(GroupedForm):
    """Nothing to fill in: the person only says yes."""


def put_into(form: forms.Form, values: Mapping[str, str]) -> None:
    """Have the form show these values instead of what was sent."""
    data: Any = form.data.copy()  # type: ignore[attr-defined]  # of a QueryDict, or of a dict
    for name, value in values.items():
        data[name] = value
    form.data = data


def is_box(field: forms.BoundField) -> bool:
    """True for a field that is shown as a check box."""
    return isinstance(field.field.widget, forms.CheckboxInput)


def _in_order(group: FieldGroup) -> list[forms.BoundField]:
    if group.begins_with_boxes:
        return [*group.boxes, *group.fields]
    return [*group.fields, *group.boxes]


def _limit(rule: BaseValidator) -> int:
    value: int = rule.limit_value() if callable(rule.limit_value) else rule.limit_value
    return value
