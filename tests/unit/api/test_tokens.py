"""Tokens: how programs sign in."""

import json
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.db import connection
from django.utils import timezone

from omm_portal.accounts import auth, services
from omm_portal.accounts.models import ApiToken, TokenUse, User
from standby.journal import guard
from tests.unit.api.conftest import PASSWORD

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "live"])
URL = "/api/v1/tokens/"


def sign_in(client, username="admin", password=PASSWORD, **more):
    text = json.dumps({"username": username, "password": password, **more})
    return client.post(URL, text, content_type="application/json")


def test_name_and_password_give_a_token_that_works(anonymous, admin):
    answer = sign_in(anonymous, name="a script")
    assert answer.status_code == 201
    assert answer["OMM-Replication"] == "unsafe"
    assert int(answer["OMM-Journal-Seq"]) > 0
    anonymous.credentials(HTTP_AUTHORIZATION=f"Token {answer.json()['token']}")
    assert anonymous.get("/api/v1/sites/").status_code == 200


def test_only_the_digest_is_kept(anonymous, admin):
    token = sign_in(anonymous).json()["token"]
    kept = ApiToken.objects.get()
    assert token not in (kept.digest, kept.name)
    assert kept.digest == services.token_digest(token)


@pytest.mark.parametrize(
    ("name", "password"),
    [("admin", "wrong"), ("nobody", PASSWORD), ("ADMIN", PASSWORD), ("admin", PASSWORD + " ")],
)
def test_wrong_credentials_are_401(anonymous, admin, name, password):
    answer = sign_in(anonymous, name, password)
    assert answer.status_code == 401
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["type"] == "not-signed-in"
    assert not ApiToken.objects.exists()


@pytest.mark.parametrize("value", ["a\0b", "\ud800", "x" * 5000, 5, None, [], {}])
def test_odd_names_are_refused_and_harm_nothing(anonymous, admin, value):
    assert sign_in(anonymous, username=value).status_code in {400, 401}


def test_disabled_users_get_none_and_lose_theirs(api, reader, reader_api):
    api.patch(f"/api/v1/users/{reader.pk}/", {"is_active": False})
    assert reader_api.get("/api/v1/sites/").status_code == 401
    assert sign_in(reader_api, "reader").status_code == 401


def test_guessing_is_slowed_down(anonymous, admin, settings):
    for _attempt in range(settings.AXES_FAILURE_LIMIT):
        assert sign_in(anonymous, password="wrong").status_code == 401
    answer = sign_in(anonymous)
    assert answer.status_code == 429
    assert answer.json()["type"] == "too-many-requests"
    assert int(answer["Retry-After"]) > 0


def test_right_passwords_are_not_slowed_down(anonymous, admin, settings):
    for _attempt in range(settings.AXES_FAILURE_LIMIT + 2):
        assert sign_in(anonymous).status_code == 201


def test_a_token_expires(anonymous, admin, node):
    now = timezone.now()
    key = services.token_create(user=admin, now=now, expires_at=now + timedelta(hours=1)).value.key
    assert auth.token_user(key, now=now) is not None
    assert auth.token_user(key, now=now + timedelta(hours=1)) is None


def test_an_expiry_in_the_past_is_refused(anonymous, admin):
    answer = sign_in(anonymous, expires_at="2001-01-01T00:00:00Z")
    assert answer.status_code == 400
    assert "expires_at" in answer.json()["errors"]


def test_a_pending_password_change_blocks_tokens(anonymous, admin):
    services.user_update(user=admin, changes={"must_change_password": True}, actor="admin")
    answer = sign_in(anonymous)
    assert (answer.status_code, answer.json()["type"]) == (403, "password-change-required")


def test_a_pending_password_change_blocks_the_api(api, admin):
    services.user_update(user=admin, changes={"must_change_password": True}, actor="admin")
    answer = api.get("/api/v1/sites/")
    assert (answer.status_code, answer.json()["type"]) == (403, "password-change-required")
    assert api.get("/api/v1/users/me/").json()["must_change_password"] is True
    given = {"current_password": PASSWORD, "new_password": "another long phrase"}
    assert api.post("/api/v1/users/me/password/", given).status_code == 200
    assert api.get("/api/v1/sites/").status_code == 200


def test_readers_see_and_revoke_their_own_tokens_only(api, reader_api, reader, admin):
    assert api.get(URL).json()["count"] == 2
    own = reader_api.get(URL).json()["results"]
    assert [token["user"] for token in own] == ["reader"]
    foreign = ApiToken.objects.get(user=admin)
    assert reader_api.delete(f"{URL}{foreign.pk}/").status_code == 404
    assert reader_api.delete(f"{URL}{own[0]['id']}/").status_code == 204
    assert reader_api.get(URL).status_code == 401


def test_lists_show_the_last_use_but_never_the_key(api, admin):
    token = api.get(URL).json()["results"][0]
    assert set(token) == {"id", "user", "name", "expires_at", "created_at", "last_used_at"}
    assert token["last_used_at"] is not None
    assert TokenUse.objects.count() == 1


def test_using_a_token_writes_at_most_once_a_minute(api, django_assert_num_queries):
    api.get("/api/v1/sites/")
    with django_assert_num_queries(0, using="live"):
        api.get("/api/v1/sites/")
    cache.clear()


@pytest.mark.parametrize("header", ["Token", "Token a b", "Token nonsense", "Token \xff\xfe"])
def test_bad_tokens_are_401(anonymous, node, header):
    anonymous.credentials(HTTP_AUTHORIZATION=header)
    answer = anonymous.get("/api/v1/sites/")
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"] == "Token"


def test_password_hashes_move_to_todays_method_through_the_journal(anonymous, admin, settings):
    settings.PASSWORD_HASHERS = [
        "django.contrib.auth.hashers.ScryptPasswordHasher",
        "django.contrib.auth.hashers.MD5PasswordHasher",
    ]
    assert sign_in(anonymous).status_code == 201
    assert User.objects.get(pk=admin.pk).password.startswith("scrypt$")
    assert sign_in(anonymous).status_code == 201


def test_before_the_first_users_are_made_the_answer_is_later(anonymous, admin):
    with guard.lifted(connection):
        User.objects.all().delete()
    answer = sign_in(anonymous)
    assert answer.status_code == 503
    assert "Retry-After" in answer
