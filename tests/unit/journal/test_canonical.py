"""The canonical text: one form for each value, and it survives the round trip."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import uuid
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from standby.domain.merge import same
from standby.journal.canonical import chain, checked, dumps, loads, time_of, time_text
from standby.journal.errors import BadValue
from standby.journal.kinds import Binary, Boolean, Day, Integer, Json, Kind, Text, Time, Uuid

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | texts,
    lambda inner: st.lists(inner) | st.dictionaries(texts, inner),
    max_leaves=12,
)
few = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
zones = st.sampled_from([dt.UTC, dt.timezone(dt.timedelta(hours=5, minutes=45))])
times = st.datetimes(
    dt.datetime(1, 1, 2),  # noqa: DTZ001
    dt.datetime(9999, 12, 30),  # noqa: DTZ001
    timezones=zones,
)


@few
@given(json_values)
def test_any_json_comes_back_and_has_one_form(value: Any) -> None:
    text = dumps(checked(value))
    assert same(loads(text), value)
    assert dumps(loads(text)) == text
    assert json.loads(text) == value


@few
@given(st.dictionaries(texts, st.integers(), min_size=2))
def test_the_order_of_members_does_not_matter(value: dict[str, int]) -> None:
    assert dumps(dict(reversed(value.items()))) == dumps(value)


@few
@given(times)
def test_times_keep_their_microseconds(moment: dt.datetime) -> None:
    text = time_text(moment)
    assert time_of(text) == moment
    assert time_text(time_of(text)) == text
    assert len(text) == 27


KINDS: list[tuple[Kind, st.SearchStrategy[Any]]] = [
    (Text(), texts),
    (Integer(), st.integers(-(2**63) + 1, 2**63 - 1)),
    (Boolean(), st.booleans()),
    (Uuid(), st.uuids()),
    (Time(), times),
    (Day(), st.dates()),
    (Json(), json_values),
    (Binary(), st.binary()),
]


@pytest.mark.parametrize(("kind", "values"), KINDS, ids=lambda part: type(part).__name__)
@few
@given(data=st.data())
def test_every_kind_survives_the_round_trip(
    data: st.DataObject, kind: Kind, values: st.SearchStrategy[Any]
) -> None:
    value = data.draw(values)
    text = dumps(kind.to_json(value))
    assert kind.from_json(loads(text)) == value
    assert dumps(kind.to_json(kind.from_json(loads(text)))) == text


@pytest.mark.parametrize("kind", [kind for kind, _ in KINDS if not isinstance(kind, Json)])
@few
@given(value=json_values)
def test_a_kind_takes_its_own_form_only(kind: Kind, value: Any) -> None:
    try:
        python = kind.from_json(value)
    except BadValue:
        return
    assert same(kind.to_json(python), value)


@pytest.mark.parametrize(
    "value",
    [1.0, float("nan"), "a\0", ["\0"], {"\0": 1}, {1: 2}, "\ud800", b"x", {"a": object()}],
)
def test_values_without_a_canonical_form_are_refused(value: Any) -> None:
    with pytest.raises(BadValue):
        checked(value)


def test_nesting_is_bounded() -> None:
    value: Any = 1
    for _ in range(100):
        value = [value]
    with pytest.raises(BadValue):
        checked(value)


@pytest.mark.parametrize("text", ['"\\u0000"', '{"\\u0000":1}', '"\\u00e4"', "1 ", "1.0", "1e3"])
def test_other_texts_of_the_same_value_are_refused(text: str) -> None:
    with pytest.raises(BadValue):
        loads(text)


def test_an_escaped_backslash_is_no_nul() -> None:
    assert loads('"\\\\u0000"') == "\\u0000"


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(BadValue):
        time_text(dt.datetime(2026, 1, 1))  # noqa: DTZ001


def test_the_chain_is_sha256_over_hash_and_body() -> None:
    assert chain("0", "b") == hashlib.sha256(b"0\nb").hexdigest()


def test_kinds_refuse_what_only_looks_right() -> None:
    for kind, value in (
        (Integer(), True),
        (Boolean(), 1),
        (Uuid(), str(uuid.uuid4()).upper()),
        (Time(), "2026-01-01T00:00:00Z"),
        (Day(), "20260101"),
        (Binary(), "AB=="),
    ):
        with pytest.raises(BadValue):
            kind.from_json(value)
