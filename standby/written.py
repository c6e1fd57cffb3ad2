"""What services give back and raise; views and endpoints only translate it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from django.core.exceptions import ValidationError
from django.db.models import Model

from standby.journal import Receipt

T = TypeVar("T")
Row = TypeVar("Row", bound=Model)


@dataclass(frozen=True)
class Written(Generic[T]):
    """A saved change: the object as it is now and the journal's receipt.

    ``receipt`` is None when nothing altered and so no entry was made.
    """

    value: T
    receipt: Receipt | None


class StaleObject(Exception):
    """Somebody else saved first; ``current`` is the object as it is now, None if it is gone."""

    def __init__(self, current: Model | None) -> None:
        super().__init__("The object was changed by somebody else in the meantime.")
        self.current = current


class Conflict(Exception):
    """A well-formed change that the present state forbids.

    ``code`` is the problem type, e.g. "in-use"; ``reason`` a sentence for people.
    """

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class ElementsInvalid(Exception):
    """Elements of a list that break a rule, by their index; none of the list was saved."""

    def __init__(self, errors: Mapping[int, ValidationError]) -> None:
        super().__init__(f"{len(errors)} elements are not valid")
        self.errors = dict(sorted(errors.items()))


def expect_version(current: Row | None, version: int | None = None) -> Row:
    """``current`` if it exists and has ``version`` (None: any), else raises StaleObject."""
    if current is None or (version is not None and getattr(current, "version", None) != version):
        raise StaleObject(current)
    return current
