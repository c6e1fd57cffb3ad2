"""Sentences in the reader's language: the language that is active where these are called."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

from django.conf import settings
from django.utils.functional import Promise
from django.utils.translation import gettext, ngettext

from standby.domain.sentence import Sentence

ENGLISH = "en"
"""The language of everything that is stored, logged or answered to programs."""


def local(text: object) -> str:
    """``text`` in the reader's language; what nobody has translated stays English."""
    if not isinstance(text, Sentence):
        return str(text)
    values = {name: local(value) for name, value in text.values.items()}
    try:
        return _template(text) % values
    except (KeyError, TypeError, ValueError):  # a message id of another version
        return str.__str__(text)


def _template(text: Sentence) -> str:
    if text.plural:
        return ngettext(text.msgid, text.plural, text.number)
    return gettext(text.msgid) if text.msgid else ""


def localised(value: Any) -> Any:
    """``value`` (as JSON has it) with every sentence and every lazy text in it made plain."""
    if isinstance(value, Sentence | Promise):
        return local(value)
    if isinstance(value, Mapping):
        return {name: localised(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [localised(each) for each in value]
    return value


def language_asked(scope: Mapping[str, Any]) -> str:
    """The language that an ASGI request asks for with ``?language=``; else English."""
    query = scope.get("query_string", b"").decode("latin-1")
    wanted = parse_qs(query).get("language", [""])[0]
    return known_language(wanted) or ENGLISH


def known_language(code: str) -> str:
    """``code`` if the pages speak that language, else an empty text."""
    return code if code in dict(settings.LANGUAGES) else ""
