"""The keys of secrets at rest, and the secrets themselves: sealed to be stored, opened to be used.

Secrets are sealed with a random *data key*. It is a replicated row like any other, itself sealed
(*wrapped*) with a key derived from the pair secret: whoever holds database, journal or back-up but
not the pair secret reads none of them, and another pair secret only needs the data key wrapped
anew. Each side of a split may have made a key: there may be several, each text names its own.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.db import models
from django.utils.translation import gettext as _

from standby import sealing
from standby.fields import SecretField, secret_names
from standby.journal import Change
from standby.link.keys import secret_name, wrapping_key
from standby.models import DataKey
from standby.rules import text_problem
from standby.sealing import Unreadable

__all__ = [
    "RingState",
    "Unreadable",
    "new_key",
    "problems",
    "put",
    "reveal",
    "rewrap",
    "sealed_alike",
    "state",
    "unwrap",
    "wrap",
]


def reveal(row: models.Model, field: str) -> str:
    """The text of a secret field, empty when none is set; raises Unreadable.

    Hand it only to what needs it: never to a log, a page or an answer.
    """
    sealed: str = getattr(row, field)
    if not sealed:
        return ""
    key = DataKey.objects.filter(name=sealing.key_name(sealed)).first()
    if key is None:
        raise Unreadable("the data key is not here")
    return sealing.unseal(unwrap(key), sealed, place=_place(row, field))


def opener() -> Callable[[models.Model, str], str]:
    """``reveal`` for many rows: the data keys are read once, now."""
    keys: dict[str, bytes | None] = {}
    for key in DataKey.objects.all():
        try:
            keys[key.name] = unwrap(key)
        except Unreadable:
            keys[key.name] = None

    def opened(row: models.Model, field: str) -> str:
        sealed: str = getattr(row, field)
        if not sealed:
            return ""
        data_key = keys.get(sealing.key_name(sealed))
        if data_key is None:
            raise Unreadable("the data key is not here, or wrapped with another pair secret")
        return sealing.unseal(data_key, sealed, place=_place(row, field))

    return opened


def problems(model: type[models.Model], values: Mapping[str, str]) -> dict[str, list[str]]:
    """What is wrong with texts that are to be kept in secret fields, by field."""
    found: dict[str, list[str]] = {}
    for name, text in values.items():
        field = model._meta.get_field(name)
        longest = field.longest if isinstance(field, SecretField) else 0
        if problem := text_problem(text):
            found[name] = [problem]
        elif len(text) > longest:
            found[name] = [_("At most %(count)s characters.") % {"count": longest}]
    return found


def put(change: Change, row: models.Model, values: Mapping[str, str]) -> None:
    """Set secret fields of ``row``, to be saved by the same change; "" takes one away.

    A text that is there already stays as it is sealed. A key is made when there is none that this
    OMM can read.
    """
    for name, text in values.items():
        if name not in secret_names(type(row)):
            raise ValueError(f"{name} is not a secret field")
        setattr(row, name, _sealed(change, row, name, text.strip()) if text.strip() else "")


def sealed_alike(row: models.Model, field: str, text: str) -> str:
    """``text`` as this pair seals it for a field of ``row``; the same again for the same text.

    Raises Unreadable when there is no key that this OMM can read.
    """
    if not text:
        return ""
    key = _usable()
    if key is None:
        raise Unreadable("there is no data key")
    return sealing.seal(unwrap(key), key.name, text, place=_place(row, field))


def new_key(**fields: Any) -> DataKey:
    """An unsaved key, wrapped with the pair secret."""
    name = secrets.token_hex(8)
    return DataKey(name=name, wrapped=wrap(name, secrets.token_bytes(sealing.KEY_BYTES)), **fields)


def wrap(name: str, key: bytes) -> str:
    """A data key as it is stored."""
    secret = _present()
    text = base64.b64encode(key).decode()
    return sealing.seal(wrapping_key(secret), secret_name(secret), text, place=_key_place(name))


def unwrap(row: DataKey) -> bytes:
    """The data key itself; raises Unreadable when it is wrapped with a secret that is not ours."""
    name = sealing.key_name(row.wrapped)
    for secret in settings.OMM.pair_secrets:
        if secret_name(secret) == name:
            return _unwrapped(secret, row.name, row.wrapped)
    raise Unreadable("the data key is wrapped with another pair secret")


@lru_cache(maxsize=64)
def _unwrapped(secret: bytes, name: str, wrapped: str) -> bytes:
    text = sealing.unseal(wrapping_key(secret), wrapped, place=_key_place(name))
    return base64.b64decode(text)


@dataclass(frozen=True, slots=True)
class RingState:
    """How many keys there are, and how many of them need what."""

    keys: int
    unreadable: int
    """Wrapped with a pair secret that this OMM does not hold."""
    former: int
    """Wrapped with the pair secret before the present one."""


def state() -> RingState:
    """How the keys are wrapped."""
    rows = list(DataKey.objects.all())
    names = [secret_name(secret) for secret in settings.OMM.pair_secrets]
    found = [_wrapped_with(row) for row in rows]
    return RingState(
        keys=len(rows),
        unreadable=sum(name not in names for name in found),
        former=sum(name in names[1:] for name in found),
    )


def rewrap(change: Change) -> int:
    """Wrap all keys with the present pair secret; how many it was. Raises Unreadable."""
    rows = [row for row in DataKey.objects.all() if _wrapped_with(row) != secret_name(_present())]
    for row in rows:
        row.wrapped = wrap(row.name, unwrap(row))
        change.save(row)
    return len(rows)


def _wrapped_with(row: DataKey) -> str:
    try:
        return sealing.key_name(row.wrapped)
    except Unreadable:
        return ""


def _present() -> bytes:
    return settings.OMM.pair_secret.reveal().encode()


def _sealed(change: Change, row: models.Model, field: str, text: str) -> str:
    sealed: str = getattr(row, field)
    try:
        if sealed and reveal(row, field) == text:
            return sealed
    except Unreadable:
        pass
    key = _usable() or new_key()
    if key._state.adding:
        change.save(key)
    return sealing.seal(unwrap(key), key.name, text, place=_place(row, field))


def _usable() -> DataKey | None:
    """The newest key that this OMM can read."""
    for key in DataKey.objects.order_by("-created_at", "name"):
        try:
            unwrap(key)
        except Unreadable:
            continue
        return key
    return None


def _place(row: models.Model, field: str) -> str:
    return f"{row._meta.label_lower}.{field}:{row.pk}"


def _key_place(name: str) -> str:
    return f"data key {name}"
