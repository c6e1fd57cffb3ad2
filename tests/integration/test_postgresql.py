"""A pair whose OMMs keep configuration and journal in PostgreSQL, each in a server of its own."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.pair import Node, Pair, eventually
from tests.postgresql import Server, running_server

pytestmark = pytest.mark.processes

Servers = dict[str, Server]


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    with running_server() as of_a, running_server() as of_b:
        yield {"a": of_a, "b": of_b}


@pytest.fixture(scope="module")
def module_pair(tmp_path_factory: pytest.TempPathFactory, servers: Servers) -> Iterator[Pair]:
    pair = Pair.make(tmp_path_factory.mktemp("postgresql"))
    for node in pair.nodes:
        servers[node.name].execute("CREATE DATABASE omm")
        node.extra["DATABASE_URL"] = servers[node.name].url("omm")
    try:
        yield pair.start()
    finally:
        pair.stop()


def make_site(node: Node) -> tuple[str, str]:
    """The site's name and the word on its replication."""
    name = f"Site {time.time_ns()}"
    with node.api() as api:
        answer = api.post("/sites/", json={"name": name})
    assert answer.status_code == 201, answer.text
    return name, answer.headers["OMM-Replication"]


def sites(node: Node) -> set[str]:
    with node.api() as api:
        return {site["name"] for site in api.get("/sites/?limit=500").json()["results"]}


def settle(pair: Pair, active: Node) -> None:
    pair.heal()
    assert pair.active is active
    assert len({node.status()["journal"]["hash"] for node in pair.nodes}) == 1


def test_a_safe_change_survives_the_death_of_the_active(pair: Pair) -> None:
    victim, heir = pair.active, pair.standby
    name, word = make_site(victim)
    assert word == "safe"
    assert not (victim.data / "omm.sqlite3").exists()
    victim.kill()
    heir.wait("active").wait_gate()
    later, _ = make_site(heir)
    assert {name, later} <= sites(heir)
    settle(pair, heir)


@pytest.mark.parametrize("fault", ["stops", "hangs"])
def test_a_database_that_is_away_costs_the_role(pair: Pair, servers: Servers, fault: str) -> None:
    victim, heir = pair.active, pair.standby
    word, server = make_site(victim)[1], servers[victim.name]
    assert word == "safe"
    client = victim.signed_in()
    with server.stopped() if fault == "stops" else server.frozen():
        heir.wait("active").wait_gate()
        assert "handed its role over" in heir.status()["reason"]
        eventually(lambda: victim.role() == "failed", lambda: f"failed: {victim.status()}")
        assert "omm_error" in victim.warnings()
        page = client.get("/standby/", timeout=3.0 if fault == "hangs" else 20.0)
        assert (page.status_code, "Traceback" in page.text) == (200, False)
        later, _ = make_site(heir)
    client.close()
    victim.wait("standby")
    settle(pair, heir)
    assert later in sites(heir)
