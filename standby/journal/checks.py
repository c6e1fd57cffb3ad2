"""System checks: a journalled model must be one that can be journalled."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django.apps import AppConfig, apps
from django.core import checks
from django.db import models

from standby.journal import registry
from standby.journal.kinds import kind_of

ALLOWED_DELETE = (models.PROTECT, models.DO_NOTHING)


def check_models(
    app_configs: Sequence[AppConfig] | None = None,  # noqa: ARG001 (all models belong together)
    **_: Any,
) -> list[checks.CheckMessage]:
    """All rules for journalled models, and for those that refer to them."""
    found: list[checks.CheckMessage] = []
    for model in apps.get_models():
        if registry.is_registered(model):
            found.extend(_journalled(model))
        else:
            found.extend(_others(model))
    return found


def _error(obj: Any, number: int, text: str, hint: str) -> checks.Error:
    return checks.Error(text, hint=hint, obj=obj, id=f"journal.E{number:03}")


def _journalled(model: type[models.Model]) -> Iterator[checks.CheckMessage]:
    if not isinstance(model._meta.pk, models.UUIDField):
        yield _error(model, 1, "The primary key is not a UUID.", "Use a UUIDField named id.")
    elif model._meta.pk.name != "id":
        yield _error(model, 1, "The primary key is not named id.", "Use a UUIDField named id.")
    if model._meta.many_to_many:
        yield _error(model, 2, "It has a many-to-many field.", "Write the table between out.")
    for field in model._meta.concrete_fields:
        yield from _field(field)


def _field(field: models.Field[Any, Any]) -> Iterator[checks.CheckMessage]:
    if isinstance(field, models.ForeignKey):
        if field.remote_field.on_delete not in ALLOWED_DELETE:
            yield _error(
                field, 3, "Deleting its target would write past the journal.", "Use PROTECT."
            )
        if not registry.is_registered(field.related_model):
            yield _error(field, 4, "Its target does not replicate.", "Register its model.")
    if kind_of(field) is None:
        yield _error(
            field, 5, "Values of this kind cannot be journalled.", "See standby.journal.kinds."
        )


def _others(model: type[models.Model]) -> Iterator[checks.CheckMessage]:
    for target in registry.foreign_targets(model):
        if registry.is_registered(target):
            yield _error(
                model, 6, f"It refers to {target._meta.label}, which replicates.", "Keep its UUID."
            )
