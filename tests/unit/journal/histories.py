"""Random histories of changes for property tests."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

from django.db import IntegrityError, models
from hypothesis import strategies as st

from omm_portal.accounts.models import User
from rfps.models import Rfp, Site
from standby import journal
from standby.models import SystemSettings, fixed_id
from tests.unit.journal.nodes import Node
from tests.unit.journal.sample import Sample

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
names = st.sampled_from(["a", "b", "c", "ä"])
numbers = st.integers(0, 5)
plain_json = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)
sample_fields = st.fixed_dictionaries(
    {},
    optional={
        "name": texts,
        "text": texts,
        "number": st.none() | st.integers(-(2**60), 2**60),
        "flag": st.booleans(),
        "maybe": st.none() | st.booleans(),
        "at": st.none() | st.datetimes(timezones=st.just(dt.UTC)),
        "day": st.none() | st.dates(),
        "other": st.none() | st.uuids(),
        "data": plain_json.filter(lambda value: value is not None),
        "blob": st.binary(max_size=8),
    },
)
operations = st.one_of(
    st.tuples(st.just("sample"), names, sample_fields),
    st.tuples(st.just("site"), names),
    st.tuples(st.just("rfp"), numbers, st.none() | names),
    st.tuples(st.just("drop sample"), names),
    st.tuples(st.just("drop site"), names),
    st.tuples(st.just("drop rfp"), numbers),
    st.tuples(st.just("swap"), names, names),
    st.tuples(st.just("system"), texts),
    st.tuples(st.just("user"), names, texts),
)
histories = st.lists(st.lists(operations, min_size=1, max_size=5), max_size=8)


def key_of(*parts: Any) -> uuid.UUID:
    return uuid.uuid5(uuid.NAMESPACE_OID, repr(parts))


def perform(node: Node, history: list[list[tuple[Any, ...]]]) -> None:
    """Run every transaction; one that breaks a rule of the database is left out whole."""
    for transaction in history:
        try:
            with node.change() as made:
                for operation in transaction:
                    _perform(node, made, operation)
        except (IntegrityError, models.ProtectedError):
            pass


def _perform(  # noqa: C901 (one case for each operation)
    node: Node, made: journal.Change, operation: tuple[Any, ...]
) -> None:
    match operation:
        case "sample", name, fields:
            key = key_of("sample", name)
            row = node.rows(Sample).filter(pk=key).first() or Sample(id=key, name=name)
            for field, value in fields.items():
                setattr(row, field, value)
            made.save(row)
        case "site", name:
            made.save(Site(id=key_of("site", name), name=name))
        case "rfp", number, site:
            key = key_of("rfp", number)
            row = node.rows(Rfp).filter(pk=key).first() or Rfp(id=key, mac=f"{number:017}")
            row.site_id = key_of("site", site) if site else None
            made.save(row)
        case "drop sample", name:
            made.delete(Sample(id=key_of("sample", name)))
        case "drop site", name:
            made.delete(Site(id=key_of("site", name)))
        case "drop rfp", number:
            made.delete(Rfp(id=key_of("rfp", number)))
        case "swap", one, other:
            _swap(node, made, key_of("site", one), key_of("site", other))
        case "system", name:
            row = node.rows(SystemSettings).get()
            row.system_name = name
            made.save(row)
        case "user", name, password:
            user = User(id=fixed_id(f"user:{name}"), username=name, password=password)
            made.save(user)


def _swap(node: Node, made: journal.Change, one: uuid.UUID, other: uuid.UUID) -> None:
    left, right = (node.rows(Site).filter(pk=key).first() for key in (one, other))
    if left is None or right is None or left.pk == right.pk:
        return
    names = left.name, right.name
    left.name = "between"
    made.save(left)
    right.name, left.name = names
    made.save_all([right, left])
