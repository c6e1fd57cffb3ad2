"""Errors as RFC 9457 problem documents, for the REST endpoints and whatever lies around them.

``type`` is a short relative name that programs may rely on, ``detail`` a sentence for people.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Mapping
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig, ValidationError
from django.db.models import ProtectedError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.template.loader import render_to_string
from django.views import defaults
from rest_framework import exceptions, status
from rest_framework.response import Response

from omm_portal.accounts.auth import TooManyAttempts
from standby import journal
from standby.actions import RuntimeSilent
from standby.gate import GateClosed
from standby.journal.errors import DATABASE_AWAY
from standby.written import Conflict, ElementsInvalid, StaleObject

CONTENT_TYPE = "application/problem+json"
API_PREFIX = "/api/"
RETRY_SECONDS = 1
DATABASE_DETAIL = "This OMM cannot use its database at the moment; its log has the details."

Document = dict[str, Any]

log = logging.getLogger(__name__)


class PasswordChangeRequired(exceptions.PermissionDenied):
    """The account's generated password must be changed before anything else."""

    default_detail = "This account must change its password before anything else."
    default_code = "password-change-required"


class ContentTooLarge(exceptions.APIException):
    """The body is larger than any sensible request."""

    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_detail = "The request is too large."
    default_code = "too-large"


TITLES = {
    "invalid": "Some values are not valid",
    "malformed": "The request is not understood",
    "not-signed-in": "Not signed in",
    "forbidden": "Not allowed",
    "password-change-required": "The password must be changed",
    "not-found": "Not found",
    "method-not-allowed": "Method not allowed",
    "not-acceptable": "Not available in this form",
    "unsupported-media-type": "Unsupported media type",
    "too-large": "Too large",
    "too-many-requests": "Too many requests",
    "stale": "Changed by somebody else",
    "in-use": "Still in use",
    "limit": "No more room",
    "last-full-access": "The last administrator",
    "no-trial": "Nothing on trial",
    "sip-no-answer": "The SIP server does not answer",
    "not-accepted": "Not accepted",
    "gate-closed": "No changes here at this moment",
    "busy": "Busy",
    "database": "The database cannot be used",
    "no-active": "No active OMM",
    "no-maintenance": "No maintenance is on",
    "decided": "Decided already",
    "not-judged": "About to be merged",
    "conflicts": "Something speaks against it",
    "nothing-to-undo": "Nothing to undo",
    "refused": "Refused by the rules of the object",
    "runtime-silent": "The standby process does not answer",
    "backup-damaged": "The back-up is damaged",
    "backup-too-large": "The back-up is too large",
    "backup-too-new": "A later version made the back-up",
    "backup-unusable": "The back-up cannot be used",
    "cannot-write": "The back-up cannot be written",
    "no-backup": "This is no back-up",
    "outdated": "Something was changed since it was shown",
    "passphrase-needed": "The passphrase is needed",
    "passphrase-wrong": "The passphrase is wrong",
    "error": "Internal error",
}
_DRF_TYPES: Mapping[type[exceptions.APIException], str] = {
    exceptions.ValidationError: "invalid",
    exceptions.ParseError: "malformed",
    exceptions.NotAuthenticated: "not-signed-in",
    exceptions.AuthenticationFailed: "not-signed-in",
    PasswordChangeRequired: "password-change-required",
    exceptions.PermissionDenied: "forbidden",
    exceptions.NotFound: "not-found",
    exceptions.MethodNotAllowed: "method-not-allowed",
    exceptions.NotAcceptable: "not-acceptable",
    exceptions.UnsupportedMediaType: "unsupported-media-type",
    ContentTooLarge: "too-large",
    exceptions.Throttled: "too-many-requests",
}


def problem(kind: str, code: int, detail: str = "", **more: Any) -> Document:
    """One problem document; ``more`` are members of this kind of problem."""
    title = TITLES.get(kind, kind.replace("-", " ").capitalize())
    document: Document = {"type": kind, "title": title, "status": code}
    if detail:
        document["detail"] = detail
    return {**document, **more}


def problem_http(kind: str, code: int, detail: str = "", **more: Any) -> JsonResponse:
    """A problem as a plain response, for places outside the REST framework."""
    document = problem(kind, code, detail, **more)
    response = JsonResponse(document, status=code, content_type=CONTENT_TYPE)
    if code == status.HTTP_503_SERVICE_UNAVAILABLE:
        response["Retry-After"] = str(RETRY_SECONDS)
    return response


def problem_response(document: Document, *, headers: Mapping[str, str] | None = None) -> Response:
    """A problem as a response of the REST framework."""
    return Response(
        document,
        status=document["status"],
        content_type=CONTENT_TYPE,
        headers=dict(headers or {}),
    )


def exception_handler(error: Exception, _context: Mapping[str, Any]) -> Response | None:
    """Turn what a view raised into a problem; None leaves it to the server's error page."""
    for kinds, handler in _HANDLERS:
        if isinstance(error, kinds):
            return handler(error)
    return None


def _api_exception(error: exceptions.APIException) -> Response:
    kind = next(
        (name for kind, name in _DRF_TYPES.items() if isinstance(error, kind)),
        str(error.default_code),
    )
    headers: dict[str, str] = {}
    if challenge := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = str(challenge)
    if wait := getattr(error, "wait", None):
        headers["Retry-After"] = str(int(wait))
    if isinstance(error, exceptions.ValidationError):
        return problem_response(problem(kind, 400, errors=error.detail), headers=headers)
    return problem_response(problem(kind, error.status_code, str(error.detail)), headers=headers)


def validation_errors(error: ValidationError) -> dict[str, list[str]]:
    """Messages by field; those of no field stand under ``non_field_errors``."""
    if hasattr(error, "error_dict"):
        return error.message_dict
    return {"non_field_errors": error.messages}


def _invalid(error: ValidationError) -> Response:
    return problem_response(problem("invalid", 400, errors=validation_errors(error)))


def _elements(error: ElementsInvalid) -> Response:
    listed = [
        {"index": index, "errors": validation_errors(found)}
        for index, found in error.errors.items()
    ]
    return problem_response(problem("invalid", 400, f"{error}; none was saved.", errors=listed))


def _bad_value(error: journal.BadValue) -> Response:
    return problem_response(problem("invalid", 400, f"This cannot be stored: {error}."))


def _stale(error: StaleObject) -> Response:
    if error.current is None:
        return _not_found(error)
    version = getattr(error.current, "version", None)
    document = problem("stale", 412, str(error), version=version)
    return problem_response(document, headers={"ETag": f'"{version}"'})


def _conflict(error: Conflict) -> Response:
    return problem_response(problem(error.code, 409, error.reason))


def _protected(_error: ProtectedError) -> Response:
    return problem_response(problem("in-use", 409, "Other objects still refer to this one."))


def _not_found(_error: Exception) -> Response:
    return problem_response(problem("not-found", 404, "There is no such object."))


def _forbidden(error: PermissionDenied) -> Response:
    return problem_response(problem("forbidden", 403, str(error)))


def _too_large(_error: RequestDataTooBig) -> Response:
    return problem_response(problem("too-large", 413, "The request is too large."))


def _too_many(error: TooManyAttempts) -> Response:
    headers = {"Retry-After": str(error.wait)}
    return problem_response(problem("too-many-requests", 429, str(error)), headers=headers)


def _unavailable(kind: str) -> Callable[[Exception], Response]:
    def handler(error: Exception) -> Response:
        headers = {"Retry-After": str(RETRY_SECONDS)}
        return problem_response(problem(kind, 503, str(error)), headers=headers)

    return handler


def _database(error: Exception) -> Response:
    log.error("the database cannot be used", exc_info=error)
    headers = {"Retry-After": str(RETRY_SECONDS)}
    return problem_response(problem("database", 503, DATABASE_DETAIL), headers=headers)


_HANDLERS: tuple[tuple[type[Exception], Callable[[Any], Response]], ...] = (
    (exceptions.APIException, _api_exception),
    (ElementsInvalid, _elements),
    (ValidationError, _invalid),
    (journal.BadValue, _bad_value),
    (StaleObject, _stale),
    (Conflict, _conflict),
    (ProtectedError, _protected),
    (GateClosed, _unavailable("gate-closed")),
    (journal.Busy, _unavailable("busy")),
    *((kind, _database) for kind in DATABASE_AWAY),
    (RuntimeSilent, _unavailable("runtime-silent")),
    (TooManyAttempts, _too_many),
    (Http404, _not_found),
    (PermissionDenied, _forbidden),
    (RequestDataTooBig, _too_large),
)


def is_api(request: HttpRequest) -> bool:
    """True when a program asks, so that a problem document is the right answer."""
    return request.path.startswith(API_PREFIX)


def handler400(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """A request that Django itself refuses."""
    if is_api(request):
        return problem_http("malformed", 400, "The request is not understood.")
    return defaults.bad_request(request, exception)


def handler403(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """A page that may not be seen."""
    if is_api(request):
        return problem_http("forbidden", 403, str(exception))
    return defaults.permission_denied(request, exception)


def handler404(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """No such path."""
    if is_api(request):
        return problem_http("not-found", 404, "There is nothing at this path.")
    return defaults.page_not_found(request, exception)


def handler500(request: HttpRequest) -> HttpResponse:
    """A fault of ours, or a database that is away; the log has the details."""
    if isinstance(sys.exc_info()[1], DATABASE_AWAY):
        return _database_away(request)
    if is_api(request):
        return problem_http("error", 500, "The portal failed; its log has the details.")
    return defaults.server_error(request)


def _database_away(request: HttpRequest) -> HttpResponse:
    if is_api(request):
        return problem_http("database", 503, DATABASE_DETAIL)
    page = render_to_string("503.html", request=None)
    return HttpResponse(page, status=503, headers={"Retry-After": str(RETRY_SECONDS)})
