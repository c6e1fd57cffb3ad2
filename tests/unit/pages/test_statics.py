"""What browsers load beside the page: kept for good, packed, and new when it changed."""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.templatetags.static import static
from django.test import Client

from omm_portal.node.static_version import version_of
from tests.pair import ROOT

pytestmark = pytest.mark.django_db(databases=["default", "live"])

SCRIPT = "js/live.js"
SOURCE = ROOT / "static" / SCRIPT
PACKED = {"accept-encoding": "gzip, deflate, br"}


@pytest.fixture
def stranger() -> Client:
    return Client(headers={"host": "127.0.0.1"})


def body(response: Any) -> bytes:
    content = getattr(response, "streaming_content", None)
    return b"".join(content) if content is not None else response.content


def test_a_file_is_kept_for_good(stranger: Client) -> None:
    response = stranger.get(static(SCRIPT))
    assert "immutable" in response.headers["Cache-Control"]
    assert body(response) == SOURCE.read_bytes()
    assert response.headers["Content-Type"].startswith("text/javascript")


def test_a_file_travels_packed_to_whom_can_unpack(stranger: Client) -> None:
    for _first_and_again in range(2):
        response = stranger.get(static(SCRIPT), headers=PACKED)
        assert response.headers["Content-Encoding"] == "gzip"
        assert response.headers["Content-Type"].startswith("text/javascript")
        assert "immutable" in response.headers["Cache-Control"]
        assert int(response.headers["Content-Length"]) == len(body(response))
        assert gzip.decompress(body(response)) == SOURCE.read_bytes()
    assert "Content-Encoding" not in stranger.get(static(SCRIPT)).headers
    assert "Content-Encoding" not in stranger.head(static(SCRIPT), headers=PACKED).headers


def test_a_file_that_the_browser_has_is_not_sent_again(stranger: Client) -> None:
    etag = stranger.get(static(SCRIPT), headers=PACKED).headers["ETag"]
    again = stranger.get(static(SCRIPT), headers={**PACKED, "if-none-match": etag})
    assert again.status_code == 304
    assert not body(again)


def test_another_version_leads_to_this_one(stranger: Client) -> None:
    response = stranger.get("/static/0123456789ab/js/live.js")
    assert (response.status_code, response.headers["Location"]) == (302, static(SCRIPT))
    assert response.headers["Cache-Control"] == "no-store"
    for path in ("/static/", "/static/x", "/static/0123456789ab/js/none.js", "/static/a/../b"):
        assert stranger.get(path).status_code == 404


def test_a_changed_file_changes_the_version(tmp_path: Path) -> None:
    copy = tmp_path / "static"
    shutil.copytree(ROOT / "static", copy)
    assert f"/static/{version_of(copy)}/" == settings.STATIC_URL
    (copy / SCRIPT).write_text("changed")
    assert version_of(copy) not in settings.STATIC_URL


def test_pages_travel_packed_and_rest_does_not(browser: Client) -> None:
    page = browser.get("/rfps/", headers=PACKED)
    assert page.headers["Content-Encoding"] == "gzip"
    assert b"Base stations" in gzip.decompress(page.content)
    assert browser.get("/rfps/").content.startswith(b"<!doctype html>")
    answer = browser.get("/api/v1/settings/omm/", headers=PACKED)
    assert "Content-Encoding" not in answer.headers
    assert answer.headers["ETag"].startswith('"')
