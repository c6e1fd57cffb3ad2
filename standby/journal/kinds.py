"""How the value of each kind of model field looks in the journal.

A kind translates in both directions between Python values and canonical JSON. Kinds that are not
listed here are refused by the system check, so that nobody journals a value that does not survive
the round trip.
"""

from __future__ import annotations

import base64
import datetime as dt
import uuid
from abc import ABC, abstractmethod
from typing import Any, Final

from django.db import models

from standby.journal.canonical import checked, checked_text, time_of, time_text
from standby.journal.errors import BadValue

LARGEST: Final = 2**63 - 1
"""No column holds a larger number."""


class Kind(ABC):
    """One kind of value; None never gets here."""

    direct = False
    """True when the canonical value is what the database driver takes as well."""
    plain: type | None = None
    """Canonical values of exactly this type need no check at all."""

    @abstractmethod
    def to_json(self, value: Any) -> Any:
        """Canonical JSON of a Python value as the field's to_python() gives it."""

    @abstractmethod
    def from_json(self, value: Any) -> Any:
        """Python value of canonical JSON; raises BadValue when it is of another type."""


class Text(Kind):
    """Texts of any length, addresses too."""

    direct = True
    plain: type | None = str

    def to_json(self, value: Any) -> Any:
        """The text; NUL is refused."""
        return checked_text(value)

    def from_json(self, value: Any) -> Any:
        """The text."""
        if type(value) is not str:
            raise BadValue("not a text")
        return value


class Address(Text):
    """IP addresses: texts, for which a database may have a type of its own."""

    direct = False
    plain = None


class Integer(Kind):
    """Whole numbers."""

    direct = True

    def to_json(self, value: Any) -> Any:
        """The number."""
        return int(value)

    def from_json(self, value: Any) -> Any:
        """The number; true and false are none."""
        if type(value) is not int or not -LARGEST <= value <= LARGEST:
            raise BadValue("not a whole number in range")
        return value


class Boolean(Kind):
    """Yes or no."""

    direct = True
    plain = bool

    def to_json(self, value: Any) -> Any:
        """True or False."""
        return bool(value)

    def from_json(self, value: Any) -> Any:
        """True or False."""
        if type(value) is not bool:
            raise BadValue("not a truth value")
        return value


class Uuid(Kind):
    """UUIDs as lower-case text with hyphens."""

    def to_json(self, value: Any) -> Any:
        """The text."""
        return str(value)

    def from_json(self, value: Any) -> Any:
        """The UUID; other spellings of the same are refused."""
        try:
            found = uuid.UUID(value) if isinstance(value, str) else None
        except ValueError:
            found = None
        if found is None or str(found) != value:
            raise BadValue("not a UUID")
        return found


class Time(Kind):
    """Points in time."""

    def to_json(self, value: Any) -> Any:
        """UTC with microseconds."""
        return time_text(value)

    def from_json(self, value: Any) -> Any:
        """An aware time."""
        return time_of(value)


class Day(Kind):
    """Calendar days as YYYY-MM-DD."""

    def to_json(self, value: Any) -> Any:
        """The text."""
        return value.isoformat()

    def from_json(self, value: Any) -> Any:
        """The day."""
        try:
            day = dt.date.fromisoformat(value) if isinstance(value, str) else None
        except ValueError:
            day = None
        if day is None or day.isoformat() != value:
            raise BadValue("not a day")
        return day


class Json(Kind):
    """Free JSON without floats."""

    def to_json(self, value: Any) -> Any:
        """The same, checked."""
        return checked(value)

    def from_json(self, value: Any) -> Any:
        """The same."""
        return value


class Binary(Kind):
    """Bytes as Base64."""

    def to_json(self, value: Any) -> Any:
        """The text."""
        return base64.b64encode(bytes(value)).decode()

    def from_json(self, value: Any) -> Any:
        """The bytes."""
        try:
            data = base64.b64decode(value, validate=True) if isinstance(value, str) else None
        except ValueError:
            data = None
        if data is None or base64.b64encode(data).decode() != value:
            raise BadValue("not Base64")
        return data


_KINDS: Final[tuple[tuple[type[models.Field[Any, Any]], Kind], ...]] = (
    (models.BooleanField, Boolean()),
    (models.GenericIPAddressField, Address()),
    (models.CharField, Text()),
    (models.TextField, Text()),
    (models.IntegerField, Integer()),
    (models.UUIDField, Uuid()),
    (models.DateTimeField, Time()),
    (models.DateField, Day()),
    (models.JSONField, Json()),
    (models.BinaryField, Binary()),
)


def kind_of(field: models.Field[Any, Any]) -> Kind | None:
    """The kind of a field; that of its target for a foreign key; None when there is none."""
    if isinstance(field, models.ForeignKey):
        return kind_of(field.target_field)
    return next((kind for known, kind in _KINDS if isinstance(field, known)), None)
