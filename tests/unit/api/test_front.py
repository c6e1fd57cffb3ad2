"""Status and health before Django, straight from the lease."""

import json

import pytest
from asgiref.sync import async_to_sync
from django.db import connections

from omm_portal.front import FrontDoor
from standby.domain.sentence import pack, say

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "live"])
STATUS = "/api/v1/status/"


class Answered:
    """What the front door sent."""

    def __init__(self, messages):
        start, body = messages
        self.code = start["status"]
        self.headers = {name.decode(): value.decode() for name, value in start["headers"]}
        self.body = body["body"]

    def json(self):
        return json.loads(self.body)


def ask(path, method="GET", headers=(), query=""):
    """The front door's answer; None when it handed the request on."""
    sent, handed_on = [], []

    async def inner(scope, receive, send):
        handed_on.append(scope["path"])

    async def send(message):
        sent.append(message)

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    scope = {"type": "http", "path": path, "method": method, "headers": list(headers)}
    scope["query_string"] = query.encode()
    async_to_sync(FrontDoor(inner))(scope, receive, send)
    return None if handed_on else Answered(sent)


def test_the_status_is_the_leases_document(node):
    answer = ask(STATUS)
    assert answer.code == 200
    assert answer.json() == node.document
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"


def test_the_status_speaks_german_when_asked(node):
    node.document = pack({**node.document, "reason": say("The other OMM is active.")})
    node.write()
    english, german = ask(STATUS).json(), ask(STATUS, query="language=de").json()
    assert english["reason"] == "The other OMM is active."
    assert german["reason"] == "Der andere OMM ist aktiv."
    assert german.keys() == english.keys() - {"texts"} | {"rules", "witness"}
    assert ask(STATUS, query="language=xx").json() == english


def test_a_dead_runtime_shows_as_failed_with_the_reason(node):
    node.die()
    found = ask(STATUS).json()
    assert (found["node"]["role"], found["node"]["synchronised"]) == ("failed", False)
    assert "not running" in found["reason"]


def test_without_any_lease_the_document_is_whole(settings, tmp_path):
    import dataclasses

    settings.OMM = dataclasses.replace(settings.OMM, data_dir=tmp_path, peer_address="127.0.0.2")
    found = ask(STATUS).json()
    assert found["node"]["role"] == "failed"
    members = {"node", "peer", "journal", "sip", "witness", "rfps", "rules", "warnings", "reason"}
    assert set(found) == {*members, "texts"}
    assert found["peer"]["in_contact"] is False
    assert ask("/health/ready").code == 503


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        (b"http://127.0.0.1:8000", True),
        (b"http://127.0.0.2:8000", True),
        (b"http://127.0.0.2", False),
        (b"https://127.0.0.2:8000", False),
        (b"http://evil.example", False),
        (b"null", False),
        (b"", False),
    ],
)
def test_only_the_pairs_own_pages_may_read_the_status(node, origin, allowed):
    headers = ask(STATUS, headers=[(b"origin", origin)]).headers
    assert headers["vary"] == "Origin"
    expected = origin.decode() if allowed else None
    assert headers.get("access-control-allow-origin") == expected
    assert "access-control-allow-credentials" not in headers


def test_no_other_endpoint_may_be_read_by_other_pages(node):
    headers = ask("/health/ready", headers=[(b"origin", b"http://127.0.0.2:8000")]).headers
    assert "access-control-allow-origin" not in headers


def test_health_by_role(node):
    def codes():
        names = ("live", "ready", "active", "standby")
        return [ask(f"/health/{name}").code for name in names]

    assert codes() == [200, 200, 200, 503]
    node.standby()
    assert codes() == [200, 200, 503, 200]
    node.die()
    assert codes() == [200, 503, 503, 503]


def test_an_unreadable_database_is_not_ready(node, monkeypatch):
    from django.db import DatabaseError

    class Broken:
        def cursor(self):
            raise DatabaseError("gone")

        def close(self):
            pass

    monkeypatch.setattr("omm_portal.front.connections", {"default": Broken()})
    answer = ask("/health/ready")
    assert (answer.code, answer.json()["ok"]) == (503, False)


def test_heads_have_no_body_and_other_methods_are_refused(node):
    head = ask(STATUS, "HEAD")
    assert (head.code, head.body) == (200, b"")
    assert int(head.headers["content-length"]) > 0
    assert ask(STATUS, "POST").code == 405


def test_everything_else_is_handed_on(node):
    for path in ("/", "/api/v1/sites/", "/health", "/health/other", "/api/v1/status/x"):
        assert ask(path) is None


def test_django_gives_the_same_status(anonymous, node):
    assert anonymous.get(STATUS).json() == ask(STATUS).json()
    connections.close_all()
