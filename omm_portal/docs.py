"""The OpenAPI document and a page to read and try it, without anything from elsewhere."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponseBase
from django.utils.decorators import method_decorator
from django.views.decorators.cache import cache_page
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

HOUR = 3600
DOCS_POLICY = {"img-src": ["'self'", "data:"], "style-src": ["'self'", "'unsafe-inline'"]}
"""Swagger UI draws its icons from data: URLs and sets styles; scripts stay local files."""


@method_decorator(cache_page(HOUR), name="dispatch")
class SchemaView(SpectacularAPIView):
    """The OpenAPI document; it changes only with the program."""


class DocsView(SpectacularSwaggerSplitView):
    """Swagger UI, its script in a file of its own."""

    url_name = "api:schema"

    def dispatch(self, request: HttpRequest, *args: object, **kwargs: object) -> HttpResponseBase:
        """Loosen the page's own content policy for what Swagger UI draws."""
        response: HttpResponseBase = super().dispatch(request, *args, **kwargs)
        response._csp_update = DOCS_POLICY  # type: ignore[attr-defined]  # noqa: SLF001
        return response
