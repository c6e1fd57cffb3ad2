"""Pages of all users; full access only."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.auth import update_session_auth_hash
from django.db.models import QuerySet
from django.db.models.functions import Lower
from django.forms import model_to_dict
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.decorators import method_decorator
from django.utils.functional import Promise, cached_property
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters

from omm_portal.accounts import services
from omm_portal.accounts.forms import UserForm
from omm_portal.accounts.models import User
from omm_portal.accounts.selectors import token_rows, user_list, user_tokens
from omm_portal.forms import ConfirmForm
from omm_portal.pages import ConfirmPage, ServicePage, account
from omm_portal.tables import TablePage
from standby.domain.sentence import say
from standby.written import Conflict, Written


class UserListPage(TablePage[User]):
    """All users."""

    template_name = "accounts/user_list.html"
    full = True
    columns: ClassVar = {
        "username": (Lower("username"),),
        "name": (Lower("display_name"), "username"),
        "role": ("role", "username"),
        "state": ("-is_active", "must_change_password", "username"),
    }
    default_ordering = "username"

    def get_queryset(self) -> QuerySet[User]:
        return user_list()


@method_decorator(sensitive_post_parameters("password"), name="dispatch")
class UserCreatePage(ServicePage[UserForm]):
    """Add a user."""

    form_class = UserForm
    template_name = "accounts/user_form.html"
    done = "user-list"
    full = True

    def get_form_kwargs(self) -> dict[str, Any]:
        return {**super().get_form_kwargs(), "is_new": True}

    def get_initial(self) -> dict[str, Any]:
        return {"is_active": True, "must_change_password": True}

    def save(self, form: UserForm) -> Written[User]:
        values = form.values()
        password = values.pop("password")
        return services.user_create(values=values, password=password, actor=self.actor)


@method_decorator(sensitive_post_parameters("password"), name="dispatch")
class UserEditPage(ServicePage[UserForm]):
    """Change a user."""

    form_class = UserForm
    template_name = "accounts/user_form.html"
    done = "user-list"
    full = True

    @cached_property
    def edited(self) -> User:
        """The user of this page."""
        return get_object_or_404(User, pk=self.kwargs["pk"])

    def get_initial(self) -> dict[str, Any]:
        values = model_to_dict(self.edited, exclude=["password"])
        return {**values, "version": self.edited.version}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        tokens = token_rows(user_tokens(self.edited))
        return super().get_context_data(edited=self.edited, tokens=tokens, **kwargs)

    def save(self, form: UserForm) -> Written[User]:
        values = form.values()
        password = values.pop("password") or None
        return services.user_update(
            user=self.edited,
            changes=values,
            password=password,
            expected_version=form.expected_version,
            actor=self.actor,
        )

    def after_save(self, written: Written[User]) -> None:
        """Whoever changes the own password here stays signed in."""
        if written.value.pk == self.request.user.pk:
            update_session_auth_hash(self.request, written.value)


class UserConfirmPage(ConfirmPage):
    """A question about a user."""

    done = "user-list"
    full = True

    @cached_property
    def edited(self) -> User:
        """The user of this page."""
        return get_object_or_404(User, pk=self.kwargs["pk"])

    def get_initial(self) -> dict[str, Any]:
        return {"version": self.edited.version}


class UserDeletePage(UserConfirmPage):
    """Ask before a user goes."""

    verb = gettext_lazy("Delete user")

    def get_title(self) -> str:
        return _("Delete the user %(name)s?") % {"name": self.edited.username}

    def consequences(self) -> list[str | Promise]:
        return [
            _("All sessions of this user end on both OMMs."),
            _("All API tokens of this user are revoked."),
        ]

    def save(self, form: ConfirmForm) -> Written[None]:
        return services.user_delete(
            user=self.edited, expected_version=form.expected_version, actor=self.actor
        )


@method_decorator(never_cache, name="dispatch")
class PasswordResetPage(UserConfirmPage):
    """Ask before another user's password is replaced; the answer shows the new one, this once."""

    verb = gettext_lazy("Reset password")

    def get_title(self) -> str:
        return _("Reset the password of %(name)s?") % {"name": self.edited.username}

    def consequences(self) -> list[str | Promise]:
        return [
            _("A new password is made and shown once; it must be changed at the next sign-in."),
            _("All sessions of this user end on both OMMs."),
            _("API tokens of this user go on working; the page of the user revokes them."),
        ]

    def save(self, form: ConfirmForm) -> Written[services.NewPassword]:
        if self.edited.pk == account(self.request).pk:
            raise Conflict("own-password", say("Change your own password on its own page."))
        return services.password_reset(
            user=self.edited, expected_version=form.expected_version, actor=self.actor
        )

    def saved(self, written: Written[services.NewPassword]) -> HttpResponse:
        """No redirect: the password is kept nowhere that a second page could read it from."""
        self.template_name = "accounts/password_new.html"
        return self.render_to_response(self.get_context_data(new=written.value))
