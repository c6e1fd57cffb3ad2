"""Forms of signing in, of the own password and of users."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django import forms
from django.utils.translation import gettext_lazy as _

from omm_portal.accounts.models import User
from omm_portal.accounts.services import LONGEST_PASSWORD, user_problems
from omm_portal.forms import GroupedForm

PASSWORD_RULES = _("At least 10 characters, not a common one and not only digits.")


def _password(label: Any, *, is_new: bool, **kwargs: Any) -> forms.CharField:
    """A field that keeps blanks: they belong to the password."""
    hint = "new-password" if is_new else "current-password"
    widget = forms.PasswordInput(attrs={"autocomplete": hint})
    return forms.CharField(
        label=label, strip=False, max_length=LONGEST_PASSWORD, widget=widget, **kwargs
    )


class SignInForm(forms.Form):
    """Name and password."""

    username = forms.CharField(
        label=_("User name"),
        max_length=64,
        widget=forms.TextInput(
            attrs={"autocomplete": "username", "autocapitalize": "none", "autofocus": True}
        ),
    )
    password = _password(_("Password"), is_new=False)


class PasswordForm(GroupedForm):
    """The own password."""

    groups: ClassVar = ((None, ("current_password", "new_password", "repeated")),)
    current_password = _password(_("Current password"), is_new=False)
    new_password = _password(
        _("New password"),
        is_new=True,
        help_text=PASSWORD_RULES,
    )
    repeated = _password(_("New password again"), is_new=True)

    def clean(self) -> dict[str, Any]:
        """Both new passwords must be the same."""
        found: dict[str, Any] = super().clean() or self.cleaned_data
        new, repeated = found.get("new_password"), found.get("repeated")
        if new and repeated and new != repeated:
            self.add_error("repeated", _("The two new passwords differ."))
        return found


class UserForm(GroupedForm):
    """A user; an empty password keeps the one that is set."""

    model = User
    groups: ClassVar = (
        (_("User"), ("username", "display_name", "role", "is_active")),
        (_("Password"), ("password", "must_change_password")),
    )
    help_texts: ClassVar = {
        "username": _("What is typed to sign in: letters, digits and . @ + - _ without blanks."),
        "display_name": _("How pages call this person; empty: the user name."),
        "role": _("Full access may change everything, read-only nothing but the own password."),
        "is_active": _("Off: cannot sign in, and the tokens are refused."),
        "must_change_password": _("Asked for at the next sign-in, before anything else."),
    }
    plain = frozenset({"username"})

    def __init__(self, *args: Any, is_new: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        help_text = PASSWORD_RULES if is_new else _("Leave empty to keep the password.")
        self.fields["password"] = _password(
            _("Password"), is_new=True, required=is_new, help_text=help_text
        )

    def problems(self) -> Mapping[str, list[str]]:
        """Those of the password as well."""
        values = self.values()
        password = values.pop("password", None) or None
        user = User(**values)
        if self.row_id is not None:
            user.pk = self.row_id
        return user_problems(user, password)


class TokenForm(GroupedForm):
    """A new API token."""

    groups: ClassVar = ((None, ("name", "days")),)
    name = forms.CharField(
        label=_("Name"),
        max_length=120,
        help_text=_("What the token is for, e.g. the script that uses it."),
    )
    days = forms.TypedChoiceField(
        label=_("Works for"),
        coerce=int,
        initial=90,
        help_text=_("Afterwards it is refused; a token can be revoked at any time."),
        choices=[
            (30, _("30 days")),
            (90, _("90 days")),
            (365, _("One year")),
            (0, _("Until it is revoked")),
        ],
    )
