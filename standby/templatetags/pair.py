"""Template tags that show states, times and live values."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from django import forms, template
from django.forms import BoundField
from django.templatetags.static import static
from django.urls import reverse
from django.utils.dateparse import parse_datetime
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from omm_portal.forms import GroupedForm, is_box
from standby.domain.facts import ROLE_WORDS, Role
from standby.presentation import KINDS, Label, Tone
from standby.texts import local

register = template.Library()
register.filter("is_check", is_box)
register.filter("local", local)

NOTHING = "\N{EN DASH}"
UNKNOWN = Label(NOTHING, Tone.IDLE, "idle")


@register.simple_tag
@cache
def icon(name: str) -> SafeString:
    """A picture of the sprite; decorative, its meaning is always also written."""
    source = f"{static('img/icons.svg')}#{name}"
    return format_html(
        '<svg class="icon" aria-hidden="true" focusable="false"><use href="{}"/></svg>', source
    )


@register.simple_tag
def pill(kind: str, code: Any, extra: str = "") -> SafeString:
    """A state as colour, icon and word."""
    label = KINDS[kind].get(_key(code), UNKNOWN)
    return format_html(
        '<span class="badge pill" data-tone="{}"{}>{}<span>{}</span></span>',
        label.tone,
        SafeString(extra),
        icon(label.icon),
        label.text,
    )


def _key(code: Any) -> str:
    """A state as JSON spells it."""
    return json.dumps(code) if isinstance(code, bool) else str(code)


@register.simple_tag(takes_context=True)
def live(context: template.Context, path: str, kind: str = "text") -> SafeString:
    """One value of the status document, kept current by the page's script.

    ``path`` has dots between names; ``kind`` is a key of KINDS or text, ms or moment.
    """
    value = look_up(context["pair"].values, path)
    mark = format_html(' data-live="{}" data-kind="{}"', path, kind)
    if kind in KINDS:
        return pill(kind, value if value is not None else "", extra=mark)
    if kind == "moment":
        return moment(value, extra=mark)
    return format_html('<span class="num"{}>{}</span>', mark, shown(value, kind))


@register.simple_tag(takes_context=True)
def path_state(context: template.Context, number: int) -> SafeString:
    """The state of one heartbeat path, kept current."""
    return live(context, f"peer.paths.{number}.heard", "path")


@register.simple_tag(takes_context=True)
def path_value(context: template.Context, number: int, name: str, kind: str) -> SafeString:
    """One number of a heartbeat path, kept current."""
    return live(context, f"peer.paths.{number}.{name}", kind)


@register.simple_tag(takes_context=True)
def rule_text(context: template.Context, number: int) -> SafeString:
    """The sentence of one rule in force, kept current."""
    return live(context, f"rules.{number}.text")


@register.simple_tag
def role_word(role: str) -> str:
    """A role as people call it, within a sentence."""
    return local(ROLE_WORDS[Role(role)]) if role in set(Role) else role or NOTHING


def look_up(values: Mapping[str, Any], path: str) -> Any:
    """The value at ``path``, None where the path ends early."""
    found: Any = values
    for name in path.split("."):
        found = _member(found, name)
    return found


def _member(value: Any, name: str) -> Any:
    """A member of an object, or an element of a list by its number."""
    if isinstance(value, Mapping):
        return value.get(name)
    if isinstance(value, list) and name.isdecimal() and int(name) < len(value):
        return value[int(name)]
    return None


def shown(value: Any, kind: str) -> str:
    """A plain value as text."""
    if value is None or value == "":
        return NOTHING
    return span_text(float(value)) if kind == "ms" else str(value)


def span_text(milliseconds: float) -> str:
    """A length of time in the unit that suits it."""
    if milliseconds < 1000:
        return f"{milliseconds:.0f} ms"
    if milliseconds < 60_000:
        return f"{milliseconds / 1000:.1f} s"
    return f"{milliseconds / 60_000:.0f} min"


@register.filter
def lasting(length: timedelta) -> str:
    """How long something lasted, in its two largest units."""
    seconds = round(length.total_seconds())
    minutes, hours = seconds // 60, seconds // 3600
    if hours:
        return gettext("%(hours)s h %(minutes)s min") % {"hours": hours, "minutes": minutes % 60}
    if minutes:
        return gettext("%(minutes)s min %(seconds)s s") % {
            "minutes": minutes,
            "seconds": seconds % 60,
        }
    return gettext("%(seconds)s s") % {"seconds": seconds}


@register.simple_tag
def moment(value: Any, extra: str = "") -> SafeString:
    """A point in time; the page's script turns it into the reader's own time zone."""
    at = parse_datetime(value) if isinstance(value, str) else value
    if not isinstance(at, datetime):
        return format_html('<time class="num"{}>{}</time>', SafeString(extra), NOTHING)
    utc = at.astimezone(UTC)
    return format_html(
        '<time class="num text-nowrap" datetime="{}"{}>{}</time>',
        utc.isoformat().replace("+00:00", "Z"),
        SafeString(extra),
        utc.strftime("%Y-%m-%d %H:%M:%S UTC"),
    )


@register.filter
def seconds_text(value: float) -> str:
    """Seconds in the unit that suits them."""
    return span_text(value * 1000)


@register.filter
def value_text(value: Any) -> str:
    """A journalled value as people read it."""
    if value is None or value == "":
        return NOTHING
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    if isinstance(value, datetime):
        return moment(value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


@register.simple_tag(takes_context=True)
def nav(context: template.Context, url_name: str, picture: str, text: str) -> SafeString:
    """A link of the navigation, marked while its page or one below it is shown."""
    target = reverse(url_name)
    here = context["request"].path
    is_current = here == target or (target != "/" and here.startswith(target))
    mark = SafeString(' aria-current="page"') if is_current else ""
    return format_html(
        '<li class="nav-item{}"><a class="nav-link" href="{}"{}>{}{}</a></li>',
        " active" if is_current else "",
        target,
        mark,
        icon(picture),
        text,
    )


@register.simple_tag
def control(field: BoundField) -> SafeString:
    """A form field's own element with the class of its kind; the one place that gives it.

    The first one that is wrong has the focus when the page opens.
    """
    attrs: dict[str, Any] = {"class": _control_class(field.field.widget)}
    if field.errors and isinstance(field.form, GroupedForm):
        attrs["autofocus"] = field.form.wrong_fields()[0].name == field.name
    return field.as_widget(attrs=attrs)


def _control_class(widget: forms.Widget) -> str:
    if isinstance(widget, forms.CheckboxInput):
        return "form-check-input"
    if isinstance(widget, forms.Select):
        return "form-select"
    return "form-control"


@register.simple_tag
def asks(url: str) -> SafeString:
    """The attributes of a link to a page that asks first: with a script it asks in a dialog."""
    return format_html(
        'href="{0}" hx-get="{0}" hx-target="#dialog" hx-select="#ask" hx-swap="innerHTML"', url
    )


@register.simple_tag
def tag_seq(extra_tags: str | None) -> SafeString:
    """The attribute that marks a message of an unsafe change: its journal sequence number."""
    number = (extra_tags or "").removeprefix("seq-")
    if not number.isdigit() or number == extra_tags:
        return SafeString("")
    return format_html(' data-unsafe-seq="{}"', number)


@register.filter
def message_tone(level_tag: str) -> str:
    """The tone of a message of Django's framework."""
    return {"success": "ok", "warning": "warn", "error": "error"}.get(level_tag, "info")


@register.simple_tag
def dependence(form: Any, title: Any) -> SafeString:
    """The attributes of a group of fields that is shown only for one value of another field."""
    rule = getattr(form, "dependent", {}).get(title)
    if rule is None:
        return SafeString("")
    return format_html(' data-when="{}" data-is="{}"', *rule)
