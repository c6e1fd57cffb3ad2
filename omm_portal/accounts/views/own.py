"""Pages of the own account: password and API tokens."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, ClassVar

from django.contrib.auth import update_session_auth_hash
from django.db.models import QuerySet
from django.db.models.functions import Lower
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.functional import Promise, cached_property
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters

from omm_portal.accounts import services
from omm_portal.accounts.forms import PasswordForm, TokenForm
from omm_portal.accounts.models import ApiToken, User
from omm_portal.accounts.selectors import token_list, token_rows, user_tokens
from omm_portal.forms import ConfirmForm
from omm_portal.pages import ConfirmPage, ServicePage, account
from omm_portal.tables import TablePage, last
from standby.written import Written


@method_decorator(sensitive_post_parameters(), name="dispatch")
class PasswordPage(ServicePage[PasswordForm]):
    """Change the own password; first of all when it was generated."""

    form_class = PasswordForm
    has_safe_retry = False
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


class TokenListPage(TablePage[ApiToken]):
    """The own API tokens."""

    template_name = "accounts/token_list.html"
    columns: ClassVar = {
        "name": (Lower("name"),),
        "made": ("created_at",),
        "expires": (last("expires_at"), "created_at"),
    }
    default_ordering = "-made"

    def get_queryset(self) -> QuerySet[ApiToken]:
        return user_tokens(account(self.request))

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Adds when each was last used, and whether its time is over."""
        context = super().get_context_data(**kwargs)
        return {**context, "rows": token_rows(context["rows"])}


@method_decorator(never_cache, name="dispatch")
class TokenCreatePage(ServicePage[TokenForm]):
    """Make a token; the answer shows its key, this once."""

    form_class = TokenForm
    template_name = "accounts/token_form.html"
    has_safe_retry = False
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

    verb = gettext_lazy("Revoke token")
    readers_may_post = True

    @cached_property
    def token(self) -> ApiToken:
        """The token of this page: an own one, with full access anybody's."""
        tokens = token_list(viewer=account(self.request))
        return get_object_or_404(tokens, pk=self.kwargs["pk"])

    @property
    def is_own(self) -> bool:
        """True for a token of whoever looks."""
        return self.token.user_id == account(self.request).pk

    def get_success_url(self) -> str:
        if self.is_own:
            return reverse("token-list")
        return reverse("user-edit", args=[self.token.user_id])

    def get_title(self) -> str:
        words = {"name": self.token, "user": self.token.user}
        if self.is_own:
            return _("Revoke the token %(name)s?") % words
        return _("Revoke the token %(name)s of %(user)s?") % words

    def consequences(self) -> list[str | Promise]:
        return [_("Whatever uses it is refused at once, on both OMMs. It cannot be undone.")]

    def save(self, form: ConfirmForm) -> Written[None]:
        return services.token_delete(token=self.token, actor=self.actor)
