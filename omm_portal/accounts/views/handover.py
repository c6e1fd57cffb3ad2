"""Going on at the other OMM: arriving there with a ticket, and being sent there with a POST."""

from __future__ import annotations

import json
import logging
from typing import Any
from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import translation
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.debug import sensitive_post_parameters

from omm_portal.accounts import audit, sessions
from omm_portal.accounts.drafts import (
    Draft,
    DraftRefused,
    draft_keep,
    draft_of,
    draft_parse,
    draft_rows,
)
from omm_portal.accounts.models import User
from omm_portal.accounts.tickets import TicketRefused, ticket_issue, ticket_mark, ticket_redeem
from omm_portal.accounts.views.signing import MOVED, SeeOther, next_path
from omm_portal.language import language_keep
from omm_portal.pages import account
from omm_portal.proxies import address_of
from standby import gate
from standby.domain.facts import Role
from standby.texts import known_language

THEMES = {"light": "light", "dark": "dark", "": "system"}
THEME_COOKIE = "omm-theme"
THEME_SECONDS = 60
"""Long enough for the page's script to take the choice over."""

log = logging.getLogger(__name__)


@method_decorator(
    [never_cache, csrf_exempt, sensitive_post_parameters("ticket", "draft")], name="dispatch"
)
class HandOver(View):
    """Where a page of the other OMM arrives with its ticket when this one took over."""

    http_method_names = ["post", "options"]

    def post(self, request: HttpRequest) -> HttpResponse:
        """Sign the ticket's user in and show the page that was open; else ask to sign in.

        Exempt from the CSRF token, which the other OMM cannot know: the Origin must be its own.
        """
        path = next_path(request.POST.get("next", "/"))
        language = known_language(request.POST.get("language", ""))
        if language:
            translation.activate(language)
        response = self.arrive(request, path, self.draft(request, path))
        theme = THEMES.get(request.POST.get("theme", "none"))
        if theme is not None:
            response.set_cookie(THEME_COOKIE, theme, max_age=THEME_SECONDS, samesite="Lax")
        if language:
            language_keep(response, language)
        return response

    def arrive(self, request: HttpRequest, path: str, draft: Draft | None) -> HttpResponse:
        """Go on at ``path``; text that was typed is shown if it cannot go on with its writer."""
        try:
            user = self.redeem(request)
            came_from = ticket_mark(request.POST.get("ticket", ""))
            sessions.begin(request, user, came_from=came_from)
        except (TicketRefused, DatabaseError) as error:
            log.info("a hand-over ticket was refused: %s", error)
            if request.user.is_authenticated:
                way, note = path, ""
            else:
                way, note = f"{reverse('login')}?{urlencode({'next': path})}", f"&{MOVED}=1"
            if draft is None or not self.is_from_peer(request):
                return SeeOther(way + note)
            words = {"typed": draft_rows(draft), "target": way}
            return render(request, "accounts/arrived.html", words, status=403)
        audit.moved(username=user.username, address=address_of(request))
        if draft is not None:
            draft_keep(request, draft)
        return SeeOther(path)

    def draft(self, request: HttpRequest, path: str) -> Draft | None:
        """The text that came along; None when there is none for this path."""
        text = request.POST.get("draft")
        if not text:
            return None
        try:
            return draft_parse(text, path=urlsplit(path).path)
        except DraftRefused as error:
            log.warning("unsaved text of the other OMM was refused: %s", error)
            return None

    def redeem(self, request: HttpRequest) -> User:
        """The ticket's user; raises TicketRefused."""
        if not self.is_from_peer(request):
            raise TicketRefused("it does not come from the other OMM's pages")
        view = gate.lease()
        if not view.valid or view.lease is None or view.lease.role != Role.ACTIVE:
            raise TicketRefused("this OMM is not active")
        return ticket_redeem(request.POST.get("ticket", ""))

    def is_from_peer(self, request: HttpRequest) -> bool:
        """True for a POST of the other OMM's pages, at its address, a name or the pair's proxy.

        Pages of this OMM itself are no such place, unless a proxy stands before both.
        """
        omm = settings.OMM
        others = omm.pair_origins - ({omm.web_url} - {omm.public_url})
        return bool(omm.peer_address) and request.headers.get("Origin") in others


@csrf_protect
def hand_on(request: HttpRequest, view: Any, base: str | None) -> HttpResponse:
    """Answer to a form that was saved on an OMM which is not active (any more).

    Nothing is saved. With an active OMM at ``base`` the page hands ticket and text over to it, by
    a press of its button at the latest; else the same form can be sent here once more.
    """
    draft = _typed(request, view)
    if base is None:
        values = _again(draft)
    else:
        key = request.session.session_key or ""
        values = [("ticket", ticket_issue(user=account(request), session_key=key) or "")]
        values += [("next", request.get_full_path())]
        values += [("language", translation.get_language() or "")]
        values += [("draft", json.dumps(draft))] if draft else []
    words = {
        "action": f"{base}{reverse('handover')}" if base else request.get_full_path(),
        "values": values,
        "typed": draft_rows(draft) if draft else [],
        "has_active": base is not None,
    }
    response = render(request, "accounts/hand_on.html", words, status=503)
    response.headers["Retry-After"] = "1"
    response.headers["Cache-Control"] = "no-store"
    return response


def _typed(request: HttpRequest, view: Any) -> Draft | None:
    """What was typed into the form of the page that was posted to; None when that is nothing."""
    form_class = getattr(getattr(view, "view_class", None), "form_class", None)
    if form_class is None:
        return None
    draft = draft_of(form_class(request.POST), path=request.path)
    return draft if draft_rows(draft) else None


def _again(draft: Draft | None) -> list[tuple[str, str]]:
    """The form's own fields."""
    return [
        (field["name"], value)
        for form in (draft["forms"] if draft else ())
        for field in form["fields"]
        for value in field["values"]
    ]
