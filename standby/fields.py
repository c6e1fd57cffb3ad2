"""Model fields of configured rows that Django does not have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

from standby.sealing import is_sealed

if TYPE_CHECKING:
    _Text = models.TextField[str, str]
else:  # Django's fields take no type parameters at run time
    _Text = models.TextField


class SecretField(_Text):
    """A text that is stored, journalled and replicated only as it is sealed; empty: none is set.

    The attribute holds the sealed text. ``standby.keyring`` seals what people type and opens it
    again. ``longest`` is how many characters the text itself may have.
    """

    is_secret = True

    def __init__(self, *args: Any, longest: int = 128, **kwargs: Any) -> None:
        kwargs.setdefault("blank", True)
        kwargs.setdefault("default", "")
        super().__init__(*args, **kwargs)
        self.longest = longest

    def to_python(self, value: Any) -> Any:
        """Raises ValidationError for what is neither sealed nor empty: it must not be stored."""
        text = super().to_python(value)
        if text and not is_sealed(text):
            raise ValidationError(_("A secret is stored only as it is sealed."), code="unsealed")
        return text

    def formfield(self, **kwargs: Any) -> Any:
        """A field that never shows what is stored."""
        return forms.CharField(
            required=False,
            label=self.verbose_name,
            max_length=self.longest,
            widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        )


def secret_names(model: type[models.Model]) -> frozenset[str]:
    """The names of a model's secret fields."""
    return frozenset(
        field.name for field in model._meta.concrete_fields if isinstance(field, SecretField)
    )
