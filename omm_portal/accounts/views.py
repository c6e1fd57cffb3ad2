"""Pages of signing in and out, the own password, users, and arriving from the other OMM."""

from __future__ import annotations

import logging
from typing import Any
from urllib.parse import urlencode

from django.contrib.auth import login, logout, update_session_auth_hash
from django.db.models import QuerySet
from django.forms import model_to_dict
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.functional import Promise, cached_property
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views import View
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_post_parameters

from omm_portal.accounts import services
from omm_portal.accounts.auth import TooManyAttempts, sign_in
from omm_portal.accounts.forms import PasswordForm, SignInForm, UserForm
from omm_portal.accounts.models import User
from omm_portal.accounts.selectors import user_list
from omm_portal.accounts.tickets import TicketRefused, ticket_redeem
from omm_portal.pages import (
    ConfirmForm,
    ConfirmPage,
    ServicePage,
    TablePage,
    TypedFormView,
    account,
)
from standby import gate
from standby.context import peer_origin
from standby.domain.facts import Role
from standby.written import Written

BACKEND = "omm_portal.accounts.auth.PasswordBackend"

log = logging.getLogger(__name__)


def next_path(wanted: str) -> str:
    """``wanted`` if it is a path of this very host, else the first page."""
    is_path = wanted.startswith("/") and url_has_allowed_host_and_scheme(wanted, allowed_hosts=None)
    return wanted if is_path else "/"


class SeeOther(HttpResponseRedirect):
    """303: go there with GET, whatever the method was."""

    status_code = 303


@method_decorator([never_cache, sensitive_post_parameters("password")], name="dispatch")
class SignInPage(TypedFormView[SignInForm]):
    """Name and password; on a standby too, for its own page."""

    form_class = SignInForm
    template_name = "accounts/sign_in.html"

    @property
    def next(self) -> str:
        """Where to go after signing in."""
        wanted = self.request.POST.get("next") or self.request.GET.get("next") or "/"
        return next_path(wanted)

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Whoever is signed in goes on at once."""
        if request.user.is_authenticated:
            return redirect(self.next)
        return super().dispatch(request, *args, **kwargs)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(next=self.next, **kwargs)

    def form_valid(self, form: SignInForm) -> HttpResponse:
        """Start a session, or say that name or password is wrong."""
        name, password = form.cleaned_data["username"], form.cleaned_data["password"]
        address = self.request.META.get("REMOTE_ADDR", "")
        try:
            user = sign_in(username=name, password=password, address=address)
        except TooManyAttempts as error:
            text = _("Too many attempts to sign in. Try again in %(wait)s seconds.")
            form.add_error(None, text % {"wait": error.wait})
            return self.again(form, 429)
        if user is None:
            form.add_error(None, _("The user name or the password is not right."))
            return self.again(form)
        login(self.request, user, backend=BACKEND)
        return redirect(self.next)

    def form_invalid(self, form: SignInForm) -> HttpResponse:
        return self.again(form)

    def again(self, form: SignInForm, status: int = 200) -> HttpResponse:
        """The page once more, with what is wrong."""
        return self.render_to_response(self.get_context_data(form=form), status=status)


class SignOut(View):
    """Ends the session."""

    http_method_names = ["post", "options"]

    def post(self, request: HttpRequest) -> HttpResponse:
        """Back to the sign-in page."""
        logout(request)
        return redirect("login")


@method_decorator(csrf_exempt, name="dispatch")
class HandOver(View):
    """Where a page of the other OMM arrives with its ticket when this one took over."""

    http_method_names = ["post", "options"]

    def post(self, request: HttpRequest) -> HttpResponse:
        """Sign the ticket's user in and show the page that was open; else ask to sign in.

        Exempt from the CSRF token, which the other OMM cannot know: the Origin must be its own.
        """
        path = next_path(request.POST.get("next", "/"))
        try:
            user = self.redeem(request)
        except TicketRefused as error:
            log.info("a hand-over ticket was refused: %s", error.reason)
            if request.user.is_authenticated:
                return SeeOther(path)
            return SeeOther(f"{reverse('login')}?{urlencode({'next': path})}")
        login(request, user, backend=BACKEND)
        return SeeOther(path)

    def redeem(self, request: HttpRequest) -> User:
        """The ticket's user; raises TicketRefused."""
        origin = peer_origin()
        if origin is None or request.headers.get("Origin") != origin:
            raise TicketRefused("it does not come from the other OMM's pages")
        view = gate.lease()
        if not view.valid or view.lease is None or view.lease.role != Role.ACTIVE:
            raise TicketRefused("this OMM is not active")
        return ticket_redeem(request.POST.get("ticket", ""))


@method_decorator(sensitive_post_parameters(), name="dispatch")
class PasswordPage(ServicePage[PasswordForm]):
    """Change the own password; first of all when it was generated."""

    form_class = PasswordForm
    template_name = "accounts/password.html"
    readers_may_post = True
    before_password_change = True

    def save(self, form: PasswordForm) -> Written[User]:
        return services.password_change(
            user=account(self.request),
            current_password=form.cleaned_data["current_password"],
            new_password=form.cleaned_data["new_password"],
        )

    def after_save(self, written: Written[User]) -> None:
        """This session goes on; all others of the user end."""
        update_session_auth_hash(self.request, written.value)


class UserListPage(TablePage[User]):
    """All users."""

    template_name = "accounts/user_list.html"
    full = True

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
        return super().get_context_data(edited=self.edited, **kwargs)

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


class UserDeletePage(ConfirmPage):
    """Ask before a user goes."""

    done = "user-list"
    verb = gettext_lazy("Delete user")
    full = True

    @cached_property
    def edited(self) -> User:
        """The user of this page."""
        return get_object_or_404(User, pk=self.kwargs["pk"])

    def get_initial(self) -> dict[str, Any]:
        return {"version": self.edited.version}

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
