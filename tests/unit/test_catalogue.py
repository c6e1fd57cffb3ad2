"""Every text of the portal has German: nothing is left out, mistyped or out of step."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from babel.messages.catalog import Message

from tests import catalogue
from tests.catalogue import NotLiteral, texts_of_source, texts_of_template

PLACEHOLDER = re.compile(r"%(?:\((\w+)\))?([sd%])")
TAG = re.compile(r"</?\w+[^>]*>")
RENEW = "run `make messages` and translate what it names"


@pytest.fixture(scope="module")
def messages() -> list[Message]:
    return [message for message in catalogue.catalogue() if message.id]


def forms(message: Message) -> list[tuple[str, str]]:
    """Each translated form beside the English one that it stands for."""
    ids = message.id if isinstance(message.id, tuple) else (message.id,)
    strings = message.string if isinstance(message.string, tuple) else (message.string,)
    return list(zip(ids, strings, strict=True))


def test_every_text_of_sources_and_templates_is_in_the_catalogue(messages: list[Message]) -> None:
    written = {found.id: f"{found.path}:{found.line}" for found in catalogue.gathered()}
    known = {message.id for message in messages}
    assert {text: at for text, at in written.items() if text not in known} == {}, RENEW
    assert known - written.keys() == set(), RENEW


def test_every_text_has_german(messages: list[Message]) -> None:
    assert [m.id for m in messages if not catalogue.is_translated(m.string)] == []
    assert [m.id for m in messages if m.fuzzy] == []


def test_placeholders_and_markup_agree(messages: list[Message]) -> None:
    for message in messages:
        for english, german in forms(message):
            assert sorted(PLACEHOLDER.findall(english)) == sorted(PLACEHOLDER.findall(german)), (
                german
            )
            assert sorted(TAG.findall(english)) == sorted(TAG.findall(german)), german


def test_sentences_end_alike(messages: list[Message]) -> None:
    for message in messages:
        for english, german in forms(message):
            for mark in ".?:":
                assert english.endswith(mark) == german.endswith(mark), (english, german)
            assert german == german.strip(), german


def test_the_compiled_catalogue_is_that_of_the_texts() -> None:
    assert catalogue.MO.read_bytes() == catalogue.mo_bytes(catalogue.catalogue()), RENEW
    assert catalogue.PO.read_bytes() == catalogue.po_bytes(catalogue.catalogue()), RENEW


def test_texts_are_gathered_from_python() -> None:
    source = """
from django.utils.translation import gettext_lazy as _, ngettext
from standby.domain.sentence import say
_("One " "text"); ngettext("one", "many", n); say("Said %(how)s.", how=x); other("no text")
"""
    found = [one.id for one in texts_of_source(source, Path("x.py"))]
    assert found == ["One text", ("one", "many"), "Said %(how)s."]
    with pytest.raises(NotLiteral, match=r"x\.py:3"):
        list(
            texts_of_source(
                "from gettext import x\nfrom django.utils.translation import gettext\n"
                "gettext(f'no {x}')",
                Path("x.py"),
            )
        )


def test_texts_are_gathered_from_templates() -> None:
    source = """{% load i18n %}<p title="{% translate 'It is' %}">{{ name|default:_("None") }}</p>
{% blocktranslate count n=n %}{{ n }} row{% plural %}{{ n }} rows{% endblocktranslate %}
{% translate "Twice" as text %}{% blocktranslate with a=b %}Of {{ a }}{% endblocktranslate %}"""
    found = [one.id for one in texts_of_template(source, Path("x.html"))]
    assert found == [
        "It is",
        "None",
        ("%(n)s row", "%(n)s rows"),
        "Twice",
        "Of %(a)s",
    ]


# --- texts that nobody marked -------------------------------------------------------------------

SPOKEN_ATTRIBUTES = "aria-label|title|placeholder|alt"
CSS_BLOCKS = "width|body_class|table_class"


def bare_words(template: str) -> list[str]:
    """Words that a reader would see and that no tag of the template would translate."""
    text = re.sub(r"\{#.*?#\}|<!--.*?-->", " ", template, flags=re.DOTALL)
    text = re.sub(r"\{% blocktranslate.*?endblocktranslate %\}", " ", text, flags=re.DOTALL)
    text = re.sub(rf"\{{% block ({CSS_BLOCKS}) %\}}[\w -]*\{{% endblock %\}}", " ", text)
    text = re.sub(r"\{%.*?%\}|\{\{.*?\}\}", " ", text, flags=re.DOTALL)
    text = re.sub(r"<(style|script)\b.*?</\1>", " ", text, flags=re.DOTALL)
    spoken = re.findall(rf'(?:{SPOKEN_ATTRIBUTES})="([^"]*)"', text)
    visible = re.sub(r"<[^>]*>|&\w+;", " ", text)
    return [word for part in (visible, *spoken) for word in re.findall(r"[^\W\d_]{2,}", part)]


SAME_EVERYWHERE = {"Authorization", "Token", "UTC", "ms"}
"""What is no English: names of headers and units."""


def test_templates_say_nothing_past_the_catalogue() -> None:
    found = {
        path.relative_to(catalogue.ROOT).as_posix(): words
        for path in sorted((catalogue.ROOT / catalogue.TEMPLATES).rglob("*.html"))
        if (words := [word for word in bare_words(path.read_text()) if word not in SAME_EVERYWHERE])
    }
    assert found == {}
