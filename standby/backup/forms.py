"""Forms of back-ups."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from omm_portal.forms import FieldGroup, GroupedForm
from standby.backup.files import Stored
from standby.backup.making import backed_up
from standby.backup.planning import Choice
from standby.journal import registry
from standby.models import BackupSettings
from standby.rows import OBJECTS
from standby.texts import local
from standby.validation import backup_problems


def _passphrase(**options: Any) -> forms.CharField:
    attrs = {"autocomplete": options.pop("autocomplete", "off")}
    widget = forms.PasswordInput(attrs=attrs)
    return forms.CharField(required=False, strip=False, max_length=1024, widget=widget, **options)


class BackupSettingsForm(GroupedForm):
    """When back-ups are made by themselves."""

    model = BackupSettings
    rules = staticmethod(backup_problems)
    groups: ClassVar = (
        (_("When"), ("scheduled", "every_hours", "at_time")),
        (_("How many are kept"), ("keep_count", "keep_days")),
        (_("Encryption"), ("passphrase",)),
    )
    help_texts: ClassVar = {
        "scheduled": _("Each OMM makes its own from its own copy of the data, the standby, too."),
        "every_hours": _("Hours from one to the next; 24 is once a day."),
        "at_time": _("Such as 02:30, in the system's time zone. More than one a day count on."),
        "keep_count": _(
            "Older ones that were made by themselves are removed; the newest always stays."
        ),
        "keep_days": _("The same, by age in days."),
        "passphrase": _(
            "With one, back-ups are encrypted and hold passwords, tokens and other secrets, too."
        ),
    }
    plain = frozenset({"at_time"})


class BackupMakeForm(GroupedForm):
    """A back-up by hand."""

    groups: ClassVar = ((None, ("passphrase", "again")),)
    passphrase = _passphrase(
        label=_("passphrase"),
        autocomplete="new-password",
        help_text=_(
            "With one, the back-up is encrypted and holds the secrets, too. Nobody can open it "
            "without. Empty: it is not encrypted and holds no secrets."
        ),
    )
    again = _passphrase(
        label=_("passphrase again"),
        autocomplete="new-password",
        help_text=_("Typed twice, for a slip of the fingers would lock the back-up for ever."),
    )

    def clean_again(self) -> str:
        """Typed twice alike."""
        again: str = self.cleaned_data.get("again", "")
        if again != self.cleaned_data.get("passphrase", ""):
            raise ValidationError(_("The two passphrases differ."))
        return again


class BackupUploadForm(GroupedForm):
    """A file to restore from."""

    groups: ClassVar = ((None, ("file",)),)
    file = forms.FileField(
        label=_("file"),
        allow_empty_file=True,
        help_text=_("A back-up of OMM Portal. It is looked through and kept on this OMM."),
    )


class RestoreForm(GroupedForm):
    """What of a back-up is to be restored."""

    passphrase = _passphrase(label=_("passphrase"), help_text=_("The back-up is encrypted."))
    remove = forms.BooleanField(
        required=False,
        label=_("also remove what the file does not have"),
        help_text=_("Without it, what was added since stays as it is."),
    )

    def __init__(self, *args: Any, one: Stored, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not one.is_encrypted:
            del self.fields["passphrase"]
        self.labels = {label.replace(".", "_"): label for label in backed_up()}
        for name, label in self.labels.items():
            asks = _asks(label)
            self.fields[name] = forms.BooleanField(
                required=False,
                initial=not asks,
                label=str(OBJECTS.get(label, label)),
                help_text=local(asks),
            )

    def field_groups(self) -> Iterator[FieldGroup]:
        """The passphrase, what to restore, and how."""
        if "passphrase" in self.fields:
            yield FieldGroup(_("Encryption"), [self["passphrase"]], [], begins_with_boxes=False)
        boxes = [self[name] for name in self.labels]
        yield FieldGroup(_("What is restored"), [], boxes, begins_with_boxes=True)
        yield FieldGroup(_("What came later"), [], [self["remove"]], begins_with_boxes=True)

    def choice(self, keep: frozenset[str]) -> Choice:
        """What was ticked."""
        given = self.cleaned_data
        labels = (label for name, label in self.labels.items() if given.get(name))
        return Choice(frozenset(labels), remove=given["remove"], keep=keep)


def first_choice(keep: frozenset[str]) -> Choice:
    """What the form has ticked at first."""
    return Choice(frozenset(each for each in backed_up() if not _asks(each)), keep=keep)


def _asks(label: str) -> str:
    found = registry.find(label)
    return found.backup.asks if found else ""
