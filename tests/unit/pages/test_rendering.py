"""Fields are written without templates, exactly as Django's own templates write them."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django import forms
from django.forms.renderers import DjangoTemplates

from omm_portal.accounts.forms import PasswordForm, SignInForm, UserForm
from omm_portal.rendering import MAKERS, QuickRenderer
from rfps.forms import RfpFilterForm, RfpForm
from standby.forms import ChangeFilterForm, SipSettingsForm

pytestmark = pytest.mark.django_db

NASTY = "<b>\"quoted\" & 'single'</b>"


class Odd(forms.Form):
    """What the other forms do not have."""

    grouped = forms.ChoiceField(choices=[("A & B", [("1", NASTY)]), ("2", "two")], required=False)
    typed = forms.TypedChoiceField(choices=[(None, "none"), (1, "one")], coerce=int)
    text = forms.CharField(
        widget=forms.TextInput(attrs={"title": NASTY, "hidden": True, "x": False})
    )
    number = forms.DecimalField(localize=True, required=False)
    mail = forms.EmailField(disabled=True)
    note = forms.CharField(widget=forms.Textarea)
    several = forms.MultipleChoiceField(choices=[("a", "A"), ("b", "B")])
    secret = forms.CharField(widget=forms.PasswordInput(render_value=True))


def squeezed(html: str) -> str:
    """Without the blanks between elements, which mean nothing inside a selection."""
    return re.sub(r">\s+<", "><", html).strip()


def data_of(form: forms.Form) -> dict[str, Any]:
    return dict.fromkeys(form.fields, NASTY)


@pytest.mark.parametrize(
    ("form_class", "more"),
    [
        (Odd, {}),
        (RfpForm, {}),
        (RfpFilterForm, {}),
        (ChangeFilterForm, {}),
        (SipSettingsForm, {}),
        (SignInForm, {}),
        (PasswordForm, {}),
        (UserForm, {"is_new": True}),
    ],
)
@pytest.mark.parametrize("filled", [False, True])
def test_fields_look_as_djangos(form_class: Any, more: dict[str, Any], filled: bool) -> None:
    made = form_class(**more)
    data = data_of(made) if filled else None
    quick = form_class(data, renderer=QuickRenderer(), **more)
    django = form_class(data, renderer=DjangoTemplates(), **more)
    for ours, theirs in zip(quick, django, strict=True):
        attrs = {"class": 'a "b"'}
        assert squeezed(ours.as_widget(attrs=attrs)) == squeezed(theirs.as_widget(attrs=attrs))


def test_the_usual_fields_take_the_quick_way() -> None:
    for form in (RfpForm(), RfpFilterForm()):
        for field in form:
            assert field.field.widget.template_name in MAKERS, field.name
