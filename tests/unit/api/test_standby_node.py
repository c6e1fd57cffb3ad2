"""A node that is not active sends its visitors to the one that is."""

import pytest

from rfps.models import Site

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "live"])
ACTIVE = "http://127.0.0.2:8000"


@pytest.mark.parametrize(
    "path",
    [
        "sites/",
        "rfps/?limit=5&search=a%20b",
        "tokens/",
        "users/me/",
        "settings/sip/?confirm=1",
        "changes/",
        "events/",
        "nothing/",
        "sites",
    ],
)
@pytest.mark.parametrize("method", ["get", "post", "patch", "delete"])
def test_rest_goes_to_the_active(api, node, path, method):
    node.standby()
    answer = getattr(api, method)(f"/api/v1/{path}")
    assert answer.status_code == 307
    assert answer["Location"] == f"{ACTIVE}/api/v1/{path}"
    assert answer["OMM-Active"] == ACTIVE


def test_no_active_is_503(api, node):
    node.standby(active_peer=False)
    answer = api.get("/api/v1/sites/")
    assert (answer.status_code, answer.json()["type"]) == (503, "no-active")
    assert int(answer["Retry-After"]) >= 1


def test_a_dead_runtime_is_not_active(api, node):
    node.die()
    answer = api.post("/api/v1/sites/", {"name": "x"})
    assert (answer.status_code, answer.json()["type"]) == (503, "no-active")
    assert not Site.objects.exists()


@pytest.mark.parametrize("path", ["schema/", "docs/", "status/"])
def test_some_are_answered_here(anonymous, node, path):
    node.standby()
    assert anonymous.get(f"/api/v1/{path}").status_code == 200


@pytest.mark.parametrize("path", ["/", "/rfps/", "/users/?page=2", "/settings/sip/"])
def test_pages_go_to_the_active(client, node, path):
    node.standby()
    answer = client.get(path)
    assert (answer.status_code, answer["Location"]) == (302, f"{ACTIVE}{path}")


def test_without_an_active_pages_lead_to_the_own_one(client, node):
    node.standby(active_peer=False)
    assert client.get("/rfps/")["Location"] == "/standby/"


@pytest.mark.parametrize("path", ["/standby/", "/login/"])
def test_the_own_pages_are_served(client, node, path):
    node.standby()
    assert client.get(path).status_code == 200
