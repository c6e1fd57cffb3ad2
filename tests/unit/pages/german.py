"""What a reader sees of a page, and which of its words are English."""

from __future__ import annotations

import re
from functools import cache
from html.parser import HTMLParser

from tests import catalogue

SPOKEN = frozenset({"aria-label", "title", "placeholder", "alt"})
UNSPOKEN = frozenset({"script", "style", "pre", "code"})
"""Elements whose content is for programs: settings of scripts, details of events."""
NAMES = frozenset({"id_time_zone"})
"""Fields whose choices are names of places, the same in every language."""
WORD = re.compile(r"[^\W\d_]{2,}")
NOT_OURS = frozenset({"ID", "IP", "ms", "English"})
"""Short for the same in both languages; and a language's own name."""


class Reader(HTMLParser):
    """Collects the texts that are shown or spoken."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self._within: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        is_name = dict(attrs).get("id") in NAMES
        if tag in UNSPOKEN or is_name:
            self._within.append(tag)
        self.texts += [value for name, value in attrs if name in SPOKEN and value]

    def handle_endtag(self, tag: str) -> None:
        if self._within and self._within[-1] == tag:
            self._within.pop()

    def handle_data(self, data: str) -> None:
        if not self._within and data.strip():
            self.texts.append(" ".join(data.split()))


def texts_of(page: str) -> list[str]:
    """Every text of a page as its reader sees or hears it."""
    reader = Reader()
    reader.feed(page)
    return reader.texts


@cache
def english_words() -> frozenset[str]:
    """Words that the portal says in English and never in German."""
    english, german = set(), set()
    for message in catalogue.catalogue():
        ids = message.id if isinstance(message.id, tuple) else (message.id,)
        strings = message.string if isinstance(message.string, tuple) else (message.string,)
        english |= {word for text in ids for word in words_of(text)}
        german |= {word.casefold() for text in strings for word in words_of(text)}
    return frozenset(word for word in english - NOT_OURS if word.casefold() not in german)


def words_of(text: str) -> list[str]:
    """The words of a text without its placeholders, names of files and hashes."""
    return WORD.findall(re.sub(r"%\(\w+\)s|\S+\.jsonl\.xz|\b[0-9a-f]{16,}\b", " ", text))


def english_of(page: str) -> list[str]:
    """The texts of a page in which there is an English word."""
    return [text for text in texts_of(page) if english_words().intersection(words_of(text))]
