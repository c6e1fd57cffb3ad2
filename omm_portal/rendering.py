"""Form fields as HTML without a template for every option.

Django renders each ``<option>`` by a template of its own: a list of 250 sites takes longer than
all the rest of a page. Fields of the usual kinds are written here, as Django writes them; any
other goes to Django's templates.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from html import escape
from typing import Any

from django.forms import Select
from django.forms.renderers import DjangoTemplates
from django.http import HttpRequest
from django.utils.safestring import SafeData

FOLDER = "django/forms/widgets/"
INPUTS = (
    *("checkbox", "date", "email", "hidden", "input", "number", "password", "text", "time", "url"),
)
Widget = Mapping[str, Any]


def _text(value: object) -> str:
    """A value as text of HTML; Django's own escape() is slow because it also takes lazy texts."""
    return str(value) if isinstance(value, SafeData) else escape(str(value))


def _attributes(values: Mapping[str, Any]) -> str:
    """Attributes of an element; False leaves one out, True is its name alone."""
    return "".join(
        f" {_text(name)}" if value is True else f' {_text(name)}="{_text(value)}"'
        for name, value in values.items()
        if value is not False
    )


def _input(widget: Widget) -> str:
    value = widget["value"]
    shown = "" if value is None else f' value="{_text(value)}"'
    kind, name, rest = widget["type"], _text(widget["name"]), _attributes(widget["attrs"])
    return f'<input type="{kind}" name="{name}"{shown}{rest}>'


def _select(widget: Widget) -> str:
    options = "".join(_group(*group) for group in widget["optgroups"])
    return (
        f'<select name="{_text(widget["name"])}"{_attributes(widget["attrs"])}>{options}</select>'
    )


def _group(name: str | None, options: Iterable[Widget], _index: int) -> str:
    inner = "".join(map(_option, options))
    return f'<optgroup label="{_text(name)}">{inner}</optgroup>' if name else inner


def _option(widget: Widget) -> str:
    value, label = _text(widget["value"]), _text(widget["label"])
    return f'<option value="{value}"{_attributes(widget["attrs"])}>{label}</option>'


MAKERS: dict[str, Callable[[Widget], str]] = {
    **{f"{FOLDER}{name}.html": _input for name in INPUTS},
    f"{FOLDER}select.html": _select,
}


class LongSelect(Select):
    """A selection of one among hundreds; its options have neither groups nor attributes."""

    def optgroups(
        self, name: str, value: list[str], attrs: dict[str, Any] | None = None
    ) -> list[tuple[str | None, list[dict[str, Any]], int | None]]:
        """All options; Django would copy the attributes of each."""
        chosen, plain = {"selected": True}, dict[str, Any]()
        options = [
            {
                "value": key,
                "label": label,
                "attrs": chosen if str(key) in value else plain,
                "template_name": self.option_template_name,
            }
            for key, label in self.choices
        ]
        return [(None, options, 0)]


class QuickRenderer(DjangoTemplates):
    """Django's renderer of forms, quick for inputs and selections."""

    def render(
        self, template_name: str, context: dict[str, Any], request: HttpRequest | None = None
    ) -> str:
        """One widget's or form's HTML."""
        maker = MAKERS.get(template_name)
        if maker is not None:
            return maker(context["widget"])
        return str(super().render(template_name, context, request))
