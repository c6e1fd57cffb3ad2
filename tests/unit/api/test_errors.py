"""Every error is a problem document, whatever goes wrong."""

import json

import pytest
from django.db import connection

from omm_portal.api import MAX_BODY

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "live"])
SITES = "/api/v1/sites/"


def is_problem(answer, code, kind):
    assert answer.status_code == code
    assert answer["Content-Type"] == "application/problem+json"
    body = json.loads(answer.content)
    assert (body["type"], body["status"]) == (kind, code)
    assert body["title"]
    return body


@pytest.mark.parametrize(
    "body",
    ["{", "NaN", '{"name": Infinity}', "[" * 200_000, b"\xff\xfe", '{"a": ' + "9" * 5000 + "}"],
)
def test_what_is_no_json_is_400(api, body):
    is_problem(api.post(SITES, body, content_type="application/json"), 400, "malformed")


@pytest.mark.parametrize("body", ["", "[]", '"x"', "5", "null", "{}", '{"name": ["x"]}'])
def test_json_of_another_shape_is_400(api, body):
    found = is_problem(api.post(SITES, body, content_type="application/json"), 400, "invalid")
    assert found["errors"]


def test_unknown_fields_are_named(api):
    body = '{"name": "x", "nmae": "y", "\\ud800": 1}'
    found = is_problem(api.post(SITES, body, content_type="application/json"), 400, "invalid")
    assert sorted(found["errors"]) == ["nmae", "\ud800"]


def test_other_media_types_are_415(api):
    answer = api.post(SITES, "name=x", content_type="application/x-www-form-urlencoded")
    is_problem(answer, 415, "unsupported-media-type")


def test_large_bodies_are_413(api):
    body = '{"name": "' + "x" * MAX_BODY + '"}'
    is_problem(api.post(SITES, body, content_type="application/json"), 413, "too-large")


@pytest.mark.parametrize(
    "path", ["nothing/", "sites/5/", "sites/00000000-0000-0000-0000-000000000000/", "rfps//"]
)
def test_paths_that_are_not_there_are_404(api, path):
    is_problem(api.get(f"/api/v1/{path}"), 404, "not-found")


def test_methods_that_are_not_there_are_405(api):
    is_problem(api.put(SITES, {"name": "x"}), 405, "method-not-allowed")
    is_problem(api.delete("/api/v1/changes/"), 405, "method-not-allowed")


def test_json_even_for_those_who_want_html(api):
    assert api.get(SITES, headers={"Accept": "text/html"}).json()["count"] == 0


def test_a_fault_of_ours_is_500(api, monkeypatch):
    def broken(**_):
        raise RuntimeError("secret details")

    monkeypatch.setattr("rfps.services.site_create", broken)
    found = is_problem(api.post(SITES, {"name": "x"}), 500, "error")
    assert "secret" not in str(found)


def test_a_busy_database_is_503(api, monkeypatch):
    from standby import journal

    def busy(**_):
        raise journal.Busy("locked")

    monkeypatch.setattr("rfps.services.site_create", busy)
    answer = api.post(SITES, {"name": "x"})
    is_problem(answer, 503, "busy")
    assert answer["Retry-After"] == "1"
    assert connection.in_atomic_block is False


def test_session_users_need_the_csrf_token(admin):
    from rest_framework.test import APIClient

    client = APIClient(enforce_csrf_checks=True)
    client.force_login(admin, backend="omm_portal.accounts.auth.PasswordBackend")
    assert client.get(SITES).status_code == 200
    is_problem(client.post(SITES, {"name": "x"}), 403, "forbidden")
