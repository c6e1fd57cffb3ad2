"""Brings the rows of older back-ups to what this version holds.

The number of the format (``format.FORMAT``) rises when a model or field is renamed, or when rows
of before need another value than the new field's default. A field that is merely new needs no
step: rows that are there keep what they have, new rows get the default.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from standby.backup.format import Header, Row


@dataclass(frozen=True, slots=True)
class Step:
    """What changed when the format became ``to``; names are those before this step."""

    to: int
    models: Mapping[str, str] = field(default_factory=dict)
    """Old name of a model to its new one."""
    fields: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """By the model's new name: old name of a field to its new one."""
    values: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """By the model's new name: what rows of before get in new fields."""


STEPS: tuple[Step, ...] = ()
"""In order of ``to``."""


def _steps(header: Header) -> list[Step]:
    return [step for step in STEPS if step.to > header.format]


def upgraded_header(header: Header) -> Header:
    """The header as this version would have written it."""
    models = {label: dict(told) for label, told in header.models.items()}
    for step in _steps(header):
        models = {step.models.get(label, label): told for label, told in models.items()}
        for label, told in models.items():
            renamed = step.fields.get(label, {})
            names = {renamed.get(name, name) for name in told["fields"]}
            told["fields"] = sorted(names | step.values.get(label, {}).keys())
    return replace(header, models=models)


def upgraded_row(header: Header, row: Row) -> Row:
    """A row of a file with this (original) header, as this version would have written it."""
    model, fields = row.model, row.fields
    for step in _steps(header):
        model = step.models.get(model, model)
        renamed = step.fields.get(model, {})
        fields = {renamed.get(name, name): value for name, value in fields.items()}
        fields = {**step.values.get(model, {}), **fields}
    return replace(row, model=model, fields=fields)
