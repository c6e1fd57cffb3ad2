"""Pages of signing in and out, the own password, users, and arriving from the other OMM."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth import login, logout, update_session_auth_hash
from django.db.models import QuerySet
from django.forms import model_to_dict
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.functional import Promise, cached_property
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views import View
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_post_parameters
from django.views.generic import TemplateView

from omm_portal.accounts import audit, services, sessions
from omm_portal.accounts.auth import TooManyAttempts, sign_in
from omm_portal.accounts.forms import PasswordForm, SignInForm, TokenForm, UserForm
from omm_portal.accounts.models import ApiToken, User
from omm_portal.accounts.selectors import own_tokens, tokens_last_used, user_list
from omm_portal.accounts.sessions import OpenSession
from omm_portal.accounts.tickets import TicketRefused, ticket_redeem
from omm_portal.pages import (
    ConfirmForm,
    ConfirmPage,
    ServicePage,
    SignedIn,
    TablePage,
    TypedFormView,
    account,
)
from standby import gate
from standby.context import peer_origin
from standby.domain.facts import Role
from standby.written import Written

BACKEND = "omm_portal.accounts.auth.PasswordBackend"

SESSIONS_SHOWN = 200

log = logging.getLogger(__name__)


def next_path(wanted: str) -> str:
    """``wanted`` if it is a path of this very host, else the first page."""
    is_path = wanted.startswith("/") and url_has_allowed_host_and_scheme(wanted, allowed_hosts=None)
    return wanted if is_path else "/"


def address_of(request: HttpRequest) -> str:
    """The client's network address."""
    return str(request.META.get("REMOTE_ADDR", ""))


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
        try:
            user = sign_in(username=name, password=password, address=address_of(self.request))
        except TooManyAttempts as error:
            text = _("Too many attempts to sign in. Try again in %(wait)s seconds.")
            form.add_error(None, text % {"wait": error.wait})
            return self.again(form, 429)
        if user is None:
            form.add_error(None, _("The user name or the password is not right."))
            return self.again(form)
        login(self.request, user, backend=BACKEND)
        sessions.begin(self.request)
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
        if isinstance(request.user, User):
            audit.signed_out(username=request.user.username, address=address_of(request))
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
        sessions.begin(request)
        audit.moved(username=user.username, address=address_of(request))
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


class TokenListPage(TablePage[ApiToken]):
    """The own API tokens."""

    template_name = "accounts/token_list.html"

    def get_queryset(self) -> QuerySet[ApiToken]:
        return own_tokens(account(self.request))

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Adds when each was last used, and whether its time is over."""
        context = super().get_context_data(**kwargs)
        used = tokens_last_used(token.pk for token in context["rows"])
        now = timezone.now()
        rows = [
            (token, used.get(token.pk), token.expires_at is not None and token.expires_at <= now)
            for token in context["rows"]
        ]
        return {**context, "rows": rows}


@method_decorator(never_cache, name="dispatch")
class TokenCreatePage(ServicePage[TokenForm]):
    """Make a token; the answer shows its key, this once."""

    form_class = TokenForm
    template_name = "accounts/token_form.html"
    done = "token-list"
    readers_may_post = True

    def save(self, form: TokenForm) -> Written[services.NewToken]:
        now, days = timezone.now(), form.cleaned_data["days"]
        return services.token_create(
            user=account(self.request),
            name=form.cleaned_data["name"],
            expires_at=now + timedelta(days=days) if days else None,
            now=now,
        )

    def saved(self, written: Written[services.NewToken]) -> HttpResponse:
        """No redirect: the key is kept nowhere that a second page could read it from."""
        self.template_name = "accounts/token_new.html"
        return self.render_to_response(self.get_context_data(new=written.value))


class TokenDeletePage(ConfirmPage):
    """Ask before a token is revoked."""

    done = "token-list"
    verb = gettext_lazy("Revoke token")
    readers_may_post = True

    @cached_property
    def token(self) -> ApiToken:
        """The token of this page; one of the own ones."""
        return get_object_or_404(own_tokens(account(self.request)), pk=self.kwargs["pk"])

    def get_title(self) -> str:
        return _("Revoke the token %(name)s?") % {"name": self.token}

    def consequences(self) -> list[str | Promise]:
        return [_("Whatever uses it is refused at once, on both OMMs. It cannot be undone.")]

    def save(self, form: ConfirmForm) -> Written[None]:
        return services.token_delete(token=self.token, actor=self.actor)


class SessionsPage(SignedIn, TemplateView):
    """Who is signed in to this OMM; each session can be ended."""

    template_name = "accounts/session_list.html"
    readers_may_post = True

    @cached_property
    def sessions(self) -> list[OpenSession]:
        """What this user may see and end."""
        key = self.request.session.session_key
        return sessions.open_sessions(viewer=account(self.request), own_key=key)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        mine = [session for session in self.sessions if session.user.pk == self.request.user.pk]
        return super().get_context_data(
            rows=self.sessions[:SESSIONS_SHOWN],
            count=len(self.sessions),
            other_own=len(mine) - 1,
            others=len(self.sessions) - 1,
            **kwargs,
        )

    def post(self, request: HttpRequest) -> HttpResponse:
        """End what was chosen; the session of this very page only when it alone was named."""
        chosen = self.chosen(request.POST.get("end", ""))
        if chosen:
            sessions.end(chosen)
            self.tell(chosen)
        if any(session.is_own for session in chosen):
            logout(request)
            return redirect("login")
        return redirect("session-list")

    def chosen(self, wanted: str) -> list[OpenSession]:
        """The sessions that ``wanted`` means: an id, "mine" or "everybody"."""
        others = [session for session in self.sessions if not session.is_own]
        if wanted == "everybody":
            return others
        if wanted == "mine":
            return [session for session in others if session.user.pk == self.request.user.pk]
        return [session for session in self.sessions if session.id == wanted]

    def tell(self, chosen: list[OpenSession]) -> None:
        """Say it here and in the events."""
        audit.ended(
            username=account(self.request).username,
            owners=[session.user.username for session in chosen],
            address=address_of(self.request),
        )
        text = ngettext("%(count)s session ended.", "%(count)s sessions ended.", len(chosen))
        messages.success(self.request, text % {"count": len(chosen)})
