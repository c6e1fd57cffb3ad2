"""English that remembers how it was made, through JSON and back."""

from __future__ import annotations

import copy
import json
import pickle
from dataclasses import dataclass
from typing import Any

import pytest

from standby.domain.sentence import Sentence, join, pack, say, say_count, told, unpack

NESTED = say("The other OMM is %(role)s: %(why)s.", role=say("active"), why="10.0.0.1 & 100 %")


def by_wire(value: Any) -> Any:
    return unpack(json.loads(json.dumps(pack(value))))


def test_it_is_plain_english_everywhere() -> None:
    assert NESTED == "The other OMM is active: 10.0.0.1 & 100 %."
    assert f"log: {NESTED}" == "log: The other OMM is active: 10.0.0.1 & 100 %."
    assert json.loads(json.dumps({"reason": NESTED})) == {"reason": str(NESTED)}


@pytest.mark.parametrize(("count", "text"), [(1, "1 change"), (0, "0 changes"), (7, "7 changes")])
def test_it_counts(count: int, text: str) -> None:
    assert say_count("1 change", "%(count)s changes", count) == text


def test_parts_are_joined_and_empty_ones_left_out() -> None:
    assert join(say("One."), "", say("Two.")) == "One. Two."
    assert join("a", "b", by=", ") == "a, b"


@pytest.mark.parametrize(
    "sentence", [NESTED, say_count("1 change", "%(count)s changes", 3), join("a", say("B."))]
)
def test_it_survives_json_copies_and_exceptions(sentence: Sentence) -> None:
    found = by_wire({"reason": sentence, "list": [{"message": sentence}]})
    again = [found["reason"], found["list"][0]["message"]]
    again += [copy.deepcopy(sentence), pickle.loads(pickle.dumps(sentence))]
    again += [str(sentence), str(ValueError(sentence))]
    for one in again:
        assert isinstance(one, Sentence)
        assert (one, one.form) == (sentence, sentence.form)


def test_packing_adds_texts_beside_english_and_nothing_else() -> None:
    plain = {"code": "x", "count": 3, "none": None, "more": {"a": [1, "b"]}}
    assert pack(plain) == plain
    packed = pack({"message": say("Gone: %(what)s", what="x"), "code": "x"})
    form = {"id": "Gone: %(what)s", "values": {"what": "x"}}
    assert packed == {"message": "Gone: x", "code": "x", "texts": {"message": form}}


@dataclass
class Deep:
    """A form within a form within a form ..."""

    levels: int

    def form(self) -> dict[str, Any]:
        form: dict[str, Any] = {"id": "end"}
        for _level in range(self.levels):
            form = {"id": "%(x)s", "values": {"x": form}}
        return form


@pytest.mark.parametrize(
    "form",
    [
        None,
        "text",
        7,
        [],
        {},
        {"id": 7},
        {"id": "%(missing)s"},
        {"id": "%(x)d", "values": {"x": "1"}},
        {"id": "%", "values": {"x": "1"}},
        {"id": "x", "values": []},
        {"id": "%(x)s", "values": {"x": 7}},
        {"id": "%(x)s", "values": {"x": {"no": "id"}}},
        Deep(500).form(),
    ],
)
def test_a_form_of_another_version_leaves_the_english(form: Any) -> None:
    assert type(told("English.", form)) is str
    assert told("English.", form) == "English."
    assert unpack({"message": "English.", "texts": {"message": form}}) == {"message": "English."}


@pytest.mark.parametrize("texts", [None, [], "x", {"other": {"id": "x"}}])
def test_texts_that_belong_to_nothing_are_ignored(texts: Any) -> None:
    assert unpack({"message": "English.", "texts": texts}) == {"message": "English."}
