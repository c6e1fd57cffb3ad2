"""A node that is not the active OMM sends its visitors to the one that is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse

from omm_portal.accounts.views.handover import hand_on
from omm_portal.node.env import host_in_url
from omm_portal.problems import API_PREFIX, problem_http
from standby import gate
from standby.document import Document, status_document
from standby.domain.facts import Role

API_HERE = tuple(f"/api/v1/{part}" for part in ("status/", "schema/", "docs/", "standby/"))
"""What every OMM answers itself, whatever its role."""
JOURNALLED = "/api/v1/standby/maintenance/"
"""Read on every OMM, written on the active one, as every setting."""
PAGES_HERE = frozenset(
    {
        "pair",
        "login",
        "logout",
        "language",
        "handover",
        "session-list",
        "switchover",
        "reboot",
        "takeover",
        "metrics",
    }
)
"""Names of the pages that every OMM serves: its own status page and what belongs to it."""


class HtmxMiddleware:
    """A script that asks for a part of a page never gets another page into that place.

    A redirect within this OMM (to sign in, for instance) becomes one of the whole page. One to the
    other OMM becomes 409 with ``OMM-Active``: the page's own script moves there with its ticket.
    """

    sync_capable = True
    async_capable = False

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Translate redirects of requests that htmx made."""
        response = self.get_response(request)
        if "HX-Request" not in request.headers or not 300 <= response.status_code < 400:
            return response
        target = response.headers.get("Location", "")
        if target.startswith("/"):
            return HttpResponse(status=204, headers={"HX-Redirect": target})
        return HttpResponse(status=409, headers={"OMM-Active": target})


class ActiveOnlyMiddleware:
    """Redirects everything but the standby's own pages and endpoints to the active OMM."""

    sync_capable = True
    async_capable = False

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """REST first: by path, so that paths that do not exist are redirected as well."""
        if request.path.startswith(API_PREFIX) and not _is_here(request) and not gate.is_active():
            return _api_elsewhere(request)
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Any, args: Any, kwargs: Any
    ) -> HttpResponseBase | None:
        """Pages: by name."""
        if request.path.startswith(API_PREFIX) or gate.is_active():
            return None
        match = request.resolver_match
        if match is None or match.url_name in PAGES_HERE:
            return None
        base = active_base(status_document(gate.lease()))
        if request.method == "POST" and request.user.is_authenticated:
            return hand_on(request, match.func, base)  # nothing that was typed is thrown away
        here = reverse("pair")  # its own status page, when no active OMM is in contact
        return HttpResponseRedirect(f"{base}{request.get_full_path()}" if base else here)


def _is_here(request: HttpRequest) -> bool:
    """True for REST requests that an OMM answers whatever its role."""
    reads = request.method in {"GET", "HEAD", "OPTIONS"}
    return request.path.startswith(API_HERE) and (reads or request.path != JOURNALLED)


def active_base(document: Document) -> str | None:
    """Where the active OMM's web service is; None when none is in contact."""
    peer = document.get("peer")
    if not peer or not peer.get("in_contact") or peer.get("role") != Role.ACTIVE:
        return None
    return f"http://{host_in_url(peer['address'])}:{settings.OMM.web_port}"


def _api_elsewhere(request: HttpRequest) -> HttpResponse:
    """307, which keeps method and body; clients send their credentials again themselves."""
    document = status_document(gate.lease())
    base = active_base(document)
    if base is None:
        reason = document["reason"] or "This OMM is not active."
        return problem_http("no-active", 503, f"No active OMM is in contact. {reason}")
    response = HttpResponse(status=307)
    response["Location"] = f"{base}{request.get_full_path()}"
    response["OMM-Active"] = base
    response["Cache-Control"] = "no-store"
    return response
