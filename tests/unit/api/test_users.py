"""Users: full access only, and never none with full access."""

import pytest

from omm_portal.accounts.models import ApiToken, User
from tests.unit.api.conftest import PASSWORD

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "live"])
URL = "/api/v1/users/"
NEW = {"username": "anna", "password": "a long enough one", "role": "full"}


def test_full_access_adds_changes_and_removes(api):
    made = api.post(URL, NEW)
    assert made.status_code == 201
    assert "password" not in made.json()
    one = f"{URL}{made.json()['id']}/"
    changed = api.patch(one, {"display_name": "Anna", "role": "read"})
    assert (changed.json()["display_name"], changed.json()["version"]) == ("Anna", 2)
    assert api.get(one)["ETag"] == '"2"'
    assert api.delete(one).status_code == 204
    assert api.get(one).status_code == 404


def test_readers_see_no_users_but_themselves(reader_api):
    assert reader_api.get(URL).status_code == 403
    assert reader_api.post(URL, NEW).status_code == 403
    assert reader_api.get(f"{URL}me/").json()["username"] == "reader"


def test_the_last_full_access_user_stays(api, admin):
    one = f"{URL}{admin.pk}/"
    for answer in (
        api.delete(one),
        api.patch(one, {"role": "read"}),
        api.patch(one, {"is_active": False}),
    ):
        assert (answer.status_code, answer.json()["type"]) == (409, "last-full-access")
    api.post(URL, NEW)
    assert api.delete(one).status_code == 204


def test_a_user_goes_with_all_tokens(api, reader, reader_api):
    assert ApiToken.objects.filter(user=reader).exists()
    assert api.delete(f"{URL}{reader.pk}/").status_code == 204
    assert not ApiToken.objects.filter(user=reader).exists()
    assert reader_api.get("/api/v1/sites/").status_code == 401


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("password", "short"),
        ("password", "1234567890123"),
        ("password", "with a\0null"),
        ("username", "with blank"),
        ("username", ""),
        ("username", "Admin"),
        ("username", "a" * 65),
        ("role", "root"),
        ("display_name", "two\nlines"),
        ("no_such_field", 1),
    ],
)
def test_bad_values_are_named(api, field, value):
    answer = api.post(URL, {**NEW, field: value})
    assert answer.status_code == 400
    assert list(answer.json()["errors"]) == [field]


def test_changing_the_own_password_needs_the_current_one(reader_api):
    url = f"{URL}me/password/"
    wrong = reader_api.post(url, {"current_password": "no", "new_password": "a new long one"})
    assert "current_password" in wrong.json()["errors"]
    same = reader_api.post(url, {"current_password": PASSWORD, "new_password": PASSWORD})
    assert "new_password" in same.json()["errors"]
    right = reader_api.post(url, {"current_password": PASSWORD, "new_password": "a new long one"})
    assert right.status_code == 200
    assert User.objects.get(username="reader").check_password("a new long one")


def test_full_access_sets_anothers_password(api, reader):
    answer = api.patch(
        f"{URL}{reader.pk}/", {"password": "a brand new one", "must_change_password": True}
    )
    assert answer.json()["must_change_password"] is True
    assert User.objects.get(pk=reader.pk).check_password("a brand new one")


def test_stale_edits_are_412(api, reader):
    one = f"{URL}{reader.pk}/"
    assert api.patch(one, {"display_name": "A"}, headers={"If-Match": '"1"'}).status_code == 200
    assert api.patch(one, {"display_name": "B"}, headers={"If-Match": '"1"'}).status_code == 412
    assert api.delete(one, headers={"If-Match": '"1"'}).status_code == 412


def test_everything_wrong_is_named_at_once(api):
    answer = api.post(URL, {**NEW, "username": "with blank", "password": "short"})
    assert set(answer.json()["errors"]) == {"username", "password"}


def test_a_password_of_half_characters_is_refused(api):
    answer = api.post(
        URL,
        '{"username": "anna", "password": "\\ud800 long enough", "role": "read"}',
        content_type="application/json",
    )
    assert (answer.status_code, list(answer.json()["errors"])) == (400, ["password"])


def test_no_password_is_hashed_while_the_journal_is_locked(api, monkeypatch):
    from django.db import connection

    from omm_portal.accounts import services

    locked = []
    monkeypatch.setattr(
        services,
        "make_password",
        lambda password: locked.append(connection.in_atomic_block) or "hashed",
    )
    assert api.post(URL, NEW).status_code == 201
    assert locked == [False]
