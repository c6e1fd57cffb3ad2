"""The page of open sessions and of lock-outs."""

from __future__ import annotations

from operator import attrgetter
from typing import Any, ClassVar

from django.contrib import messages
from django.contrib.sessions.models import Session
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from omm_portal.accounts import audit, lockouts, sessions
from omm_portal.accounts.lockouts import LockOut
from omm_portal.accounts.sessions import OpenSession
from omm_portal.pages import account
from omm_portal.proxies import address_of
from omm_portal.tables import TablePage

LOCK_OUTS_SHOWN = 200


class SessionsPage(TablePage[Session]):
    """Who is signed in to this OMM; each session can be ended."""

    template_name = "accounts/session_list.html"
    readers_may_post = True
    columns: ClassVar = {
        "user": (attrgetter("user.username"),),
        "since": (attrgetter("since_or_never"),),
        "address": (attrgetter("address"),),
        "browser": (attrgetter("browser"),),
        "ends": (attrgetter("ends"),),
    }
    default_ordering = "-since"

    def get_queryset(self) -> Any:
        return self.sessions

    def ordered(self, rows: list[OpenSession]) -> list[OpenSession]:
        """They are no rows of the database: what is told of a session lives inside it."""
        (key,) = self.columns[self.sorting.column]
        return sorted(rows, key=key, reverse=self.sorting.descending)

    @cached_property
    def sessions(self) -> list[OpenSession]:
        """What this user may see and end."""
        key = self.request.session.session_key
        return sessions.open_sessions(viewer=account(self.request), own_key=key)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        mine = [session for session in self.sessions if session.user.pk == self.request.user.pk]
        return super().get_context_data(
            other_own=len(mine) - 1,
            others=len(self.sessions) - 1,
            lock_outs=self.lock_outs(),
            **kwargs,
        )

    def lock_outs(self) -> list[LockOut]:
        """Who must pause just now; for accounts with full access."""
        if not account(self.request).has_full_access:
            return []
        return lockouts.lock_outs(now=timezone.now())[:LOCK_OUTS_SHOWN]

    def post(self, request: HttpRequest) -> HttpResponse:
        """End what was chosen; the session of this very page only when it alone was named."""
        if "lift" in request.POST:
            return self.lift(request.POST["lift"])
        chosen = self.chosen(request.POST.get("end", ""))
        if chosen:
            sessions.end(chosen)
            self.tell(chosen)
        if any(session.is_own for session in chosen):
            sessions.sign_out(request)
            return redirect("login")
        return redirect("session-list")

    def lift(self, wanted: str) -> HttpResponse:
        """Let somebody sign in again at once."""
        user = account(self.request)
        if not user.has_full_access:
            raise PermissionDenied
        found = [one for one in self.lock_outs() if str(one.id) == wanted]
        if not found or not lockouts.lift(found[0]):
            messages.info(self.request, _("This lock-out is over already."))
            return redirect("session-list")
        audit.lifted(
            username=user.username,
            locked=found[0].username,
            locked_address=found[0].address,
            address=address_of(self.request),
        )
        messages.success(self.request, _("The lock-out is lifted."))
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
