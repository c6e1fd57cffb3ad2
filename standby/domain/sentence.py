"""English text that remembers how it was made, so that a page can say it in another language.

``say("The other OMM, %(omm)s, is active.", omm=address)`` is that English text, an ordinary
``str`` wherever one is wanted: in the log, the API, a decision. Besides it carries its message id
and its values, of which each may be such a text again. ``pack`` puts both into JSON, ``unpack``
takes them out again; ``standby.texts`` translates. The message ids are gathered from the sources,
so the first arguments of ``say`` and ``say_count`` are always written out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

TEXTS = "texts"
"""The member that, beside texts in a JSON object, tells by name how they were made."""
DEEPEST = 6
"""Levels of texts within texts that are read from outside."""

_CONTAINERS = (dict, list, tuple)

Form = dict[str, Any]
"""A message id, the plural with its count (only where there is one) and values, as JSON."""


class Sentence(str):
    """See the module's text. Slicing and joining make plain text of it; ``str()`` does not."""

    __slots__ = ("msgid", "number", "plural", "values")

    msgid: str
    plural: str
    number: int
    values: Mapping[str, str]

    def __str__(self) -> str:
        """The very same: an exception's text, for one, stays translatable."""
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return _sentence, (str.__str__(self), self.msgid, self.values, self.plural, self.number)

    @property
    def form(self) -> Form:
        """How it was made, as JSON."""
        form: Form = {"id": self.msgid}
        if self.plural:
            form |= {"plural": self.plural, "count": self.number}
        if self.values:
            form["values"] = {
                name: value.form if isinstance(value, Sentence) else value
                for name, value in self.values.items()
            }
        return form


def _sentence(
    text: str, msgid: str, values: Mapping[str, str], plural: str = "", count: int = 1
) -> Sentence:
    made = Sentence(text)
    made.msgid, made.values, made.plural, made.number = msgid, values, plural, count
    return made


def say(msgid: str, /, **values: object) -> Sentence:
    """``msgid`` with its ``%(name)s`` filled in; a percent sign is written twice."""
    texts = {name: str(value) for name, value in values.items()}
    return _sentence(msgid % texts, msgid, texts)


def repeat(text: str) -> Sentence:
    """What somebody else said in English, such as a rule; it is its own message id."""
    return _sentence(text, text.replace("%", "%%"), {})


def say_count(singular: str, plural: str, count: int, /, **values: object) -> Sentence:
    """The form for ``count``, which is one of the values."""
    texts = {name: str(value) for name, value in {"count": count, **values}.items()}
    text = (singular if count == 1 else plural) % texts
    return _sentence(text, singular, texts, plural, count)


def join(*parts: str, by: str = " ") -> Sentence:
    """Several texts one after the other; empty ones are left out."""
    texts = {f"part{number}": part for number, part in enumerate(filter(None, parts))}
    msgid = by.replace("%", "%%").join(f"%({name})s" for name in texts)
    return _sentence(msgid % texts, msgid, texts)


def pack(value: Any) -> Any:
    """JSON of ``value`` in which every object tells how its texts were made."""
    if isinstance(value, dict):
        packed = {
            name: pack(each) if isinstance(each, _CONTAINERS) else each
            for name, each in value.items()
        }
        texts = {name: each.form for name, each in value.items() if isinstance(each, Sentence)}
        if texts:
            packed[TEXTS] = texts
        return packed
    if isinstance(value, _CONTAINERS):
        return [pack(each) for each in value]
    return value


def unpack(value: Any) -> Any:
    """What ``pack`` was given; a text whose form is none (of another version) stays plain."""
    if isinstance(value, list):
        return [unpack(each) for each in value]
    if not isinstance(value, dict):
        return value
    texts = value.get(TEXTS)
    found = {name: unpack(each) for name, each in value.items() if name != TEXTS}
    for name, form in texts.items() if isinstance(texts, dict) else ():
        if isinstance(found.get(name), str):
            found[name] = told(found[name], form)
    return found


def told(text: str, form: Any) -> str:
    """``text`` together with the ``form`` that came with it; just ``text`` when that is none."""
    made = _from_form(form, 0)
    if made is None:
        return text
    return _sentence(text, made.msgid, made.values, made.plural, made.number)


def _from_form(form: Any, depth: int) -> Sentence | None:
    match form:
        case {"id": str(msgid), "plural": str(plural), "count": int(count)}:
            pass
        case {"id": str(msgid)}:
            plural, count = "", 1
        case _:
            return None
    values = form.get("values", {})
    if depth > DEEPEST or not isinstance(values, dict):
        return None
    texts: dict[str, str] = {}
    for name, value in values.items():
        text = value if isinstance(value, str) else _from_form(value, depth + 1)
        if text is None:
            return None
        texts[name] = text
    return _filled(msgid, texts, plural, count)


def _filled(msgid: str, texts: Mapping[str, str], plural: str, count: int) -> Sentence | None:
    try:
        english = (msgid if count == 1 or not plural else plural) % texts
    except (KeyError, TypeError, ValueError):
        return None
    return _sentence(english, msgid, texts, plural, count)
