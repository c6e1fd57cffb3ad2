"""Static files that browsers keep for good, and that travel compressed, without a build step.

The address of every file holds one version (omm_portal/node/static_version.py).
"""

from __future__ import annotations

import gzip
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.middleware.gzip import GZipMiddleware
from django.utils.http import parse_header_parameters
from whitenoise.middleware import WhiteNoiseMiddleware

ROOT = "/static/"
COMPRESSED = (".css", ".js", ".svg", ".html", ".json", ".txt")
WORTH = 500
"""Bytes below which a file goes out as it is."""


@lru_cache(maxsize=256)
def _compressed(path: str) -> bytes:
    """The content of a file, packed once per process: it stays as it is while the node runs."""
    return gzip.compress(Path(path).read_bytes(), 9, mtime=0)


class StaticFilesMiddleware(WhiteNoiseMiddleware):  # type: ignore[misc]
    """Serves the static files; all may be kept for good, since their addresses hold a version."""

    def __call__(self, request: HttpRequest) -> Any:
        """A file; a page's answer; or, for an address of another version, where the file is now."""
        if not request.path_info.startswith(ROOT):
            return self.get_response(request)
        static_file = self.files.get(request.path_info)
        if static_file is None:
            return self._elsewhere(request)
        response = self.serve(static_file, request)
        packed = _wants_packed(request, response)
        return self._packed(static_file, response) if packed else response

    def immutable_file_test(self, path: str, url: str) -> bool:
        """Every address holds the version of its content."""
        return url.startswith(self.static_prefix)

    def _elsewhere(self, request: HttpRequest) -> Any:
        """During an update one OMM's page may ask another OMM's version for its files."""
        name = request.path_info.removeprefix(ROOT).partition("/")[2]
        if f"{settings.STATIC_URL}{name}" not in self.files:
            return self.get_response(request)
        answer = HttpResponseRedirect(f"{settings.STATIC_URL}{name}")
        answer.headers["Cache-Control"] = "no-store"
        return answer

    def _packed(self, static_file: Any, response: HttpResponse) -> HttpResponse:
        path, _headers = static_file.get_path_and_headers({})
        response.close()
        packed = HttpResponse(_compressed(path))
        for name, value in response.headers.items():
            packed.headers[name] = value
        packed.headers["Content-Encoding"] = "gzip"
        packed.headers["Vary"] = "Accept-Encoding"
        packed.headers["Content-Length"] = str(len(packed.content))
        return packed


def _wants_packed(request: HttpRequest, response: HttpResponse) -> bool:
    """True for the whole of a text file that the browser can unpack."""
    return (
        request.method == "GET"
        and response.status_code == 200
        and request.path_info.endswith(COMPRESSED)
        and int(response.headers.get("Content-Length", 0)) >= WORTH
        and "gzip" in request.headers.get("Accept-Encoding", "")
    )


class PackedPagesMiddleware(GZipMiddleware):
    """Pages travel compressed; REST answers stay as they are, with their strong ETags.

    Guessing secrets by the length of an answer (BREACH) finds nothing to guess: the only secret
    that pages repeat is the CSRF token, which is masked anew each time, and Django adds random
    bytes to each answer's length.
    """

    def process_response(self, request: HttpRequest, response: Any) -> Any:
        """Compress an HTML page."""
        kind, _parameters = parse_header_parameters(response.headers.get("Content-Type", ""))
        return super().process_response(request, response) if kind == "text/html" else response
