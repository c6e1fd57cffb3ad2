"""Pages of signing in and out."""

from __future__ import annotations

import logging
import math
from typing import Any

from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import redirect
from django.utils.decorators import method_decorator
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views import View
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters

from omm_portal.accounts import audit, sessions
from omm_portal.accounts.auth import TooManyAttempts, sign_in
from omm_portal.accounts.forms import SignInForm
from omm_portal.accounts.models import User
from omm_portal.pages import TypedFormView
from omm_portal.problems import RETRY_SECONDS
from omm_portal.proxies import address_of

MOVED = "moved"
"""Marks the sign-in page for somebody whom no ticket let in."""
SHOWN_AS_SECONDS = 90
NO_DATABASE = gettext_lazy(
    "Nobody can sign in here at the moment: this OMM cannot use its database, perhaps because its "
    "disk is full."
)

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
        has_moved = self.request.method == "GET" and MOVED in self.request.GET
        return super().get_context_data(next=self.next, has_moved=has_moved, **kwargs)

    def form_valid(self, form: SignInForm) -> HttpResponse:
        """Start a session, or say why not."""
        name, password = form.cleaned_data["username"], form.cleaned_data["password"]
        try:
            user = sign_in(username=name, password=password, address=address_of(self.request))
            if user is not None:
                sessions.begin(self.request, user)
        except TooManyAttempts as error:
            return self.not_now(form, 429, error.wait, _too_many(error.wait))
        except DatabaseError:
            log.exception("nobody can sign in")
            return self.not_now(form, 503, RETRY_SECONDS, str(NO_DATABASE))
        if user is None:
            form.add_error(None, _("The user name or the password is not right."))
            return self.again(form)
        return redirect(self.next)

    def form_invalid(self, form: SignInForm) -> HttpResponse:
        return self.again(form)

    def again(self, form: SignInForm, status: int = 200) -> HttpResponse:
        """The page once more, with what is wrong."""
        return self.render_to_response(self.get_context_data(form=form), status=status)

    def not_now(self, form: SignInForm, status: int, wait: int, reason: str) -> HttpResponse:
        """The page once more, with why it may work in ``wait`` seconds."""
        form.add_error(None, reason)
        response = self.again(form, status)
        response.headers["Retry-After"] = str(wait)
        return response


def _too_many(wait: int) -> str:
    """The same whoever it is about: it must not tell whether there is such a user."""
    if wait <= SHOWN_AS_SECONDS:
        told = ngettext("%(count)s second", "%(count)s seconds", wait) % {"count": wait}
    else:
        minutes = math.ceil(wait / 60)
        told = ngettext("%(count)s minute", "%(count)s minutes", minutes) % {"count": minutes}
    text = _("Too many attempts to sign in. Try again in %(wait)s.")
    return str(text % {"wait": told})


class SignOut(View):
    """Ends the session."""

    http_method_names = ["post", "options"]

    def post(self, request: HttpRequest) -> HttpResponse:
        """Back to the sign-in page."""
        if isinstance(request.user, User):
            audit.signed_out(username=request.user.username, address=address_of(request))
        sessions.sign_out(request)
        return redirect("login")
