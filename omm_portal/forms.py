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

Text = str | Promise
LARGEST = 2**31 - 1
"""Larger limits are those of the database: nothing that people are told."""


@dataclass(frozen=True, slots=True)
class FieldGroup:
    """Fields under one title: those to fill in and, in a row of their own, boxes to tick."""

    title: Text | None
    fields: list[forms.BoundField]
    boxes: list[forms.BoundField]
    begins_with_boxes: bool


class GroupedForm(forms.Form):
    """A form whose fields stand in titled groups; the version of what it edits travels along.

    With a ``model`` the fields named in the groups come from there; others are declared.
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
        for name, field in self.fields.items():
            self._dress(name, field)

    def _dress(self, name: str, field: forms.Field) -> None:
        """Help, and the attributes that spare people typing errors."""
        field.help_text = str(self.help_texts.get(name, field.help_text))
        attrs = field.widget.attrs
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
        row = self.model(**self.values())
        if self.row_id is not None:
            row.pk = self.row_id
        return self.rules(row)

    @staticmethod
    def rules(row: Any, /) -> Mapping[str, list[str]]:  # noqa: ARG004 (none)
        """The services' own rules: what a row of the model breaks, by field."""
        return {}

    def field_groups(self) -> Iterator[FieldGroup]:
        """The groups in order."""
        for title, names in self.groups:
            found = [self[name] for name in names]
            boxes = [field for field in found if is_box(field)]
            fields = [field for field in found if not is_box(field)]
            yield FieldGroup(title, fields, boxes, is_box(found[0]))

    def wrong_fields(self) -> list[forms.BoundField]:
        """The visible fields that have errors, in the order of the page."""
        groups = self.field_groups()
        shown = (field for group in groups for field in _in_order(group))
        return [field for field in shown if field.errors]

    def values(self) -> dict[str, Any]:
        """The cleaned values without the version; empty addresses as None, as they are stored."""
        return {
            name: None if value == "" and self._is_address(name) else value
            for name, value in self.cleaned_data.items()
            if name != "version"
        }

    def _is_address(self, name: str) -> bool:
        return isinstance(self.fields[name], forms.GenericIPAddressField)

    @property
    def expected_version(self) -> int | None:
        """The version that was shown when the editing began."""
        version: int | None = self.cleaned_data.get("version")
        return version

    def disable(self) -> None:
        """Make a read-only view of the form."""
        for field in self.fields.values():
            field.disabled = True


class ConfirmForm(GroupedForm):
    """Nothing to fill in: the person only says yes."""


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
