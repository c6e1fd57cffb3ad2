"""Drafts: text that was typed and not saved, on its way from one OMM to the other.

A page takes it off its own forms (``static/js/draft.js``), or an OMM that lost its role takes it
off a POST. It travels beside a ticket, waits in the new session, and the page at its path gets it
once. Never in it: passwords, files, what is marked ``data-secret``.
"""

from __future__ import annotations

import json
from typing import Any, TypeAlias

from django import forms
from django.http import HttpRequest, QueryDict

LARGEST = 64 * 1024
"""Bytes of JSON; the script stops a little earlier."""
MOST = 300
"""Forms, fields of a form, values of a field."""
LONGEST_NAME = 200

_KEY = "omm-draft"

Draft: TypeAlias = dict[str, Any]
"""``{"path": ..., "forms": [{"action": ..., "fields": [...], "retype": [labels]}]}``; a field has
``name`` and ``values``, and if people can see it ``label`` and ``shown``. A form is ``unsure`` when
its OMM went away while it was being saved: nobody knows what became of that."""


class DraftRefused(ValueError):
    """It is not a draft for this path; the text says why."""


def draft_parse(text: str, *, path: str) -> Draft:
    """The draft that ``text`` holds for the page at ``path``, nothing else in it.

    Raises DraftRefused for what is too large, not a draft, or meant for another page.
    """
    if len(text.encode(errors="replace")) > LARGEST:
        raise DraftRefused(f"it is larger than {LARGEST} bytes")
    try:
        given = json.loads(text)
    except (ValueError, RecursionError):
        raise DraftRefused("it is no JSON") from None
    given = _dict(given, "it")
    if given.get("path") != path:
        raise DraftRefused("it is meant for another page")
    return {"path": path, "forms": [_form(each) for each in _list(given, "forms")]}


def _form(given: Any) -> Draft:
    form = _dict(given, "a form")
    return {
        "action": _text(form, "action"),
        "fields": [_field(each) for each in _list(form, "fields")],
        "retype": _texts(form, "retype"),
        "unsure": form.get("unsure") is True,
    }


def _field(given: Any) -> Draft:
    field = _dict(given, "a field")
    name = _text(field, "name")
    if not 0 < len(name) <= LONGEST_NAME:
        raise DraftRefused("a field has no name or one that is too long")
    seen = {key: _text(field, key) for key in ("label", "shown") if "label" in field}
    return {"name": name, "values": _texts(field, "values"), **seen}


def _dict(given: Any, what: str) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise DraftRefused(f"{what} is no object")
    return given


def _list(given: dict[str, Any], key: str) -> list[Any]:
    found = given.get(key)
    if not isinstance(found, list) or len(found) > MOST:
        raise DraftRefused(f"{key} is no list, or too long")
    return found


def _text(given: dict[str, Any], key: str) -> str:
    found = given.get(key)
    if not isinstance(found, str):
        raise DraftRefused(f"{key} is no text")
    return found


def _texts(given: dict[str, Any], key: str) -> list[str]:
    found = _list(given, key)
    if not all(isinstance(each, str) for each in found):
        raise DraftRefused(f"{key} holds something that is no text")
    return found


def draft_of(form: forms.BaseForm, *, path: str) -> Draft:
    """What was typed into a bound form, as the draft of the page at ``path``."""
    fields, retype = [], []
    for bound in form:
        if _is_secret(bound):
            retype += [str(bound.label)] if bound.data else []
        elif not isinstance(bound.field.widget, forms.FileInput):
            fields.append(_posted(form, bound))
    return {
        "path": path,
        "forms": [{"action": "", "fields": fields, "retype": retype, "unsure": False}],
    }


def _is_secret(bound: forms.BoundField) -> bool:
    widget = bound.field.widget
    return isinstance(widget, forms.PasswordInput) or "data-secret" in widget.attrs


def _posted(form: forms.BaseForm, bound: forms.BoundField) -> Draft:
    data: Any = form.data
    values = [str(value) for value in data.getlist(bound.html_name)]
    if bound.is_hidden:
        return {"name": bound.html_name, "values": values}
    words = {str(value): str(text) for value, text in getattr(bound.field, "choices", ())}
    if isinstance(bound.field.widget, forms.CheckboxInput):
        words = {"on": "✓"}
    shown = ", ".join(words.get(value, value) for value in values)
    label = str(bound.label)
    return {"name": bound.html_name, "values": values, "label": label, "shown": shown}


def draft_rows(draft: Draft) -> list[tuple[str, str]]:
    """Labels and texts of what people filled in, for showing it where no form takes it."""
    return [
        (field["label"], field["shown"])
        for form in draft["forms"]
        for field in form["fields"]
        if field.get("shown")
    ]


def draft_keep(request: HttpRequest, draft: Draft) -> None:
    """Keep it in the session until its page is opened; it replaces an earlier one."""
    request.session[_KEY] = draft


def unsure_take(request: HttpRequest) -> Draft | None:
    """The form of a draft for the page that is being opened, once, if nobody knows whether it was
    saved; it is the only one.
    """
    draft = getattr(request, "session", {}).get(_KEY, {})
    unsure = [form for form in draft.get("forms", ()) if form.get("unsure")]
    if len(unsure) != 1 or len(draft["forms"]) != 1:
        return None
    taken = draft_take(request)
    return unsure[0] if taken is not None else None


def draft_data(form: Draft) -> QueryDict:
    """The fields of a draft's form as if it had been posted."""
    data = QueryDict(mutable=True)
    for field in form["fields"]:
        if field["values"]:  # a box that is not ticked posts nothing
            data.setlist(field["name"], field["values"])
    return data


def draft_take(request: HttpRequest) -> Draft | None:
    """The draft of the page that is being opened, once."""
    if request.method != "GET" or "HX-Request" in request.headers:
        return None
    session = getattr(request, "session", {})
    if session.get(_KEY, {}).get("path") != request.path:
        return None
    draft: Draft = session.pop(_KEY)
    return draft
