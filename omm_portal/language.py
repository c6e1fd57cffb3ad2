"""Which language an answer speaks: the reader's on pages, English to programs."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.middleware.locale import LocaleMiddleware
from django.utils import translation

from omm_portal.problems import is_api
from standby.texts import ENGLISH


class LanguageMiddleware(LocaleMiddleware):
    """The language chosen on this OMM, else the browser's; REST is English whatever it accepts.

    Scripts may look at texts of REST answers, which must not depend on who runs them.
    """

    def process_request(self, request: HttpRequest) -> None:
        """Before anything is said."""
        if is_api(request):
            translation.activate(ENGLISH)
            request.LANGUAGE_CODE = ENGLISH
        else:
            super().process_request(request)

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        """Nothing for caches to tell apart where the language is fixed."""
        return response if is_api(request) else super().process_response(request, response)


def language_keep(response: HttpResponse, code: str) -> None:
    """Remember the choice of one of the languages that the pages speak."""
    response.set_cookie(
        settings.LANGUAGE_COOKIE_NAME,
        code,
        max_age=settings.LANGUAGE_COOKIE_AGE,
        path=settings.LANGUAGE_COOKIE_PATH,
        secure=settings.LANGUAGE_COOKIE_SECURE,
        httponly=settings.LANGUAGE_COOKIE_HTTPONLY,
        samesite="Lax",
    )
