"""Rules that every configured row obeys, whatever app it belongs to."""

from __future__ import annotations

import ipaddress
import re

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

_HOST_NAME = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)(\.(?!-)[A-Za-z0-9-]{1,63}(?<!-))*\.?\Z")


def text_problem(value: str) -> str:
    """Why a text cannot be stored in every database and file, or "" when it can."""
    if "\0" in value:
        return str(_("Null characters are not allowed."))
    if any("\ud800" <= char <= "\udfff" for char in value):
        return str(_("Half characters (surrogates) are not allowed."))
    if any(ord(char) < 32 or ord(char) == 127 for char in value):
        return str(_("Control characters and line breaks are not allowed."))
    return ""


def texts_clean(row: models.Model) -> dict[str, list[str]]:
    """Strip the texts of ``row`` in place (empty becomes None where a field has that); the
    problems found, by field.
    """
    problems: dict[str, list[str]] = {}
    for field in row._meta.concrete_fields:
        value = getattr(row, field.attname)
        if not isinstance(value, str) or field.primary_key:
            continue
        problem = text_problem(value)
        if problem:
            problems[field.name] = [problem]
        else:
            setattr(row, field.attname, value.strip() or (None if field.null else ""))
    return problems


def editable_fields(model: type[models.Model]) -> frozenset[str]:
    """The fields of ``model`` that people set."""
    return frozenset(field.name for field in model._meta.concrete_fields if field.editable)


def row_problems(row: models.Model, *, exclude: set[str] | None = None) -> dict[str, list[str]]:
    """Field rules of any configured row (types, lengths, ranges, choices, texts), by field."""
    problems = texts_clean(row)
    try:
        row.clean_fields(exclude={"id", *problems, *(exclude or ())})
    except ValidationError as error:
        problems.update(error.message_dict)
    return problems


def is_server(text: str) -> bool:
    """True for a host name, or an address that one device can have."""
    try:
        return is_host(text)
    except ValueError:
        pass
    if re.fullmatch(r"[\d.]+", text):  # meant as an address, but is none
        return False
    return len(text) <= 253 and _HOST_NAME.match(text) is not None


def is_host(text: str) -> bool:
    """True for an address that one device can have; raises ValueError when it is no address."""
    found = ipaddress.ip_address(text)
    return not (found.is_unspecified or found.is_multicast or text == "255.255.255.255")
