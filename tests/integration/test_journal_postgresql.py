"""The journal on PostgreSQL: the same promises, kept by row locks instead of one writer."""

from __future__ import annotations

import json
import lzma
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connections
from hypothesis import HealthCheck, Phase, given, settings

from rfps.models import Rfp, Site
from standby import gate, journal
from standby.journal import copies as copying
from standby.journal import database, registry
from tests.gate import OpenGate, open_gate_at
from tests.postgresql import Server, running_server
from tests.unit.journal.conftest import template  # noqa: F401 (a fixture)
from tests.unit.journal.histories import histories, perform
from tests.unit.journal.nodes import Node, copies, database_of
from tests.unit.journal.sample import Sample
from tests.unit.journal.test_replication import everything, rfps

TEMPLATE = "omm_template"
few = settings(
    max_examples=5,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)


@pytest.fixture(scope="module")
def server(django_db_blocker: Any) -> Iterator[Server]:
    with running_server() as server:
        server.execute(f"CREATE DATABASE {TEMPLATE}")
        with django_db_blocker.unblock(), database_of(server.settings(TEMPLATE)) as alias:
            call_command("migrate", database=alias, verbosity=0)
            with connections[alias].schema_editor() as editor:
                editor.create_model(Sample)
        yield server


@pytest.fixture
def open_lease(omm: Any, django_db_blocker: Any) -> Iterator[OpenGate]:
    registry.register(Sample)
    lease = open_gate_at(omm.lease_path)
    try:
        with django_db_blocker.unblock():
            yield lease
    finally:
        lease.stop()
        registry.unregister(Sample)


_numbers = count()
MakeNode = Callable[[], Any]


@pytest.fixture
def make_node(server: Server, open_lease: OpenGate) -> MakeNode:
    """Makes an OMM with an empty PostgreSQL database."""

    @contextmanager
    def make() -> Iterator[Node]:
        name = f"omm_{next(_numbers)}"
        server.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
        with database_of(server.settings(name)) as alias:
            yield Node(alias, Path())
        server.execute(f"DROP DATABASE {name} WITH (FORCE)")

    return make


@pytest.fixture
def node(make_node: MakeNode) -> Iterator[Node]:
    with make_node() as node:
        node.begin()
        yield node


@pytest.fixture
def sqlite(
    template: Path,  # noqa: F811
    tmp_path: Path,
    open_lease: OpenGate,
) -> Iterator[Node]:
    with copies(template, tmp_path / "nodes", 1) as (node,):
        yield node


def in_thread(node: Node, work: Callable[[], Any]) -> tuple[threading.Thread, list[Any]]:
    """Run ``work`` on a connection of its own; the list gets its exception or None."""
    outcome: list[Any] = []

    def run() -> None:
        try:
            work()
            outcome.append(None)
        except BaseException as problem:
            outcome.append(problem)
        finally:
            connections[node.alias].close()

    thread = threading.Thread(target=run)
    thread.start()
    return thread, outcome


def test_both_databases_hold_the_same(node: Node, sqlite: Node) -> None:
    sample = everything()
    node.save(sample, Site(name="Köln"), *rfps(20))
    sample.data = {"b": 1, "a": [True]}
    node.save(sample)
    sqlite.fetch_from(node, 3000)
    assert (node.head, node.digest) == (sqlite.head, sqlite.digest)
    node.demote()
    sqlite.begin(2)
    sqlite.save(Site(name="Bonn"))
    with sqlite.change() as made:
        made.delete(sqlite.rows(Sample).get())
    node.fetch_from(sqlite)
    assert (node.head, node.digest) == (sqlite.head, sqlite.digest)


def test_snapshots_in_both_directions(node: Node, sqlite: Node, make_node: MakeNode) -> None:
    node.save(everything(), *rfps(20))
    sqlite.stage("one", journal.snapshot_parts(3000, using=node.alias))
    journal.install_snapshot("one", using=sqlite.alias)
    with make_node() as other:
        other.stage("two", journal.snapshot_parts(3000, using=sqlite.alias))
        journal.install_snapshot("two", using=other.alias)
        assert node.digest == sqlite.digest == other.digest
        assert node.head == sqlite.head == other.head


@few
@given(common=histories, ours=histories, theirs=histories)
def test_any_split_ends_equal(make_node: MakeNode, common: Any, ours: Any, theirs: Any) -> None:
    with make_node() as loser, make_node() as winner:
        loser.begin()
        perform(loser, common)
        winner.fetch_from(loser, 2000)
        point, digest = loser.head.seq, loser.digest
        assert winner.digest == digest
        winner.begin(2)
        perform(loser, ours)
        perform(winner, theirs)
        loser.demote()
        loser.stage("win", journal.suffix_parts(point, 2000, using=winner.alias))
        journal.reconcile(point, "win", using=loser.alias)
        assert (loser.head, loser.digest) == (winner.head, winner.digest)
        journal.roll_back(point, using=loser.alias)
        assert loser.digest == digest


@pytest.mark.parametrize("writers", [4])
def test_concurrent_changes_have_an_order(node: Node, writers: int) -> None:
    def write(number: int) -> None:
        for turn in range(10):
            node.save(Site(name=f"{number}-{turn}"))

    running = [in_thread(node, lambda n=number: write(n)) for number in range(writers)]
    for thread, outcome in running:
        thread.join()
        assert outcome == [None]
    entries = [journal.parse(entry) for entry in node.entries]
    assert [entry.seq for entry in entries] == list(range(1, len(entries) + 1))
    assert node.rows(Site).count() == writers * 10


def test_the_fence_waits_for_a_change_under_way(node: Node, open_lease: OpenGate) -> None:
    inside, thawed = threading.Event(), threading.Event()

    def request() -> None:
        with node.change() as made:
            made.save(Site(name="frozen"))
            inside.set()
            thawed.wait(20)

    frozen, outcome = in_thread(node, request)
    assert inside.wait(20)
    open_lease.say(gate_open=False)
    closing, closed = in_thread(node, node.demote)
    closing.join(0.3)
    assert closing.is_alive()
    thawed.set()
    frozen.join()
    closing.join()
    assert isinstance(outcome[0], gate.GateClosed)
    assert closed == [None]
    assert journal.fence(using=node.alias) == (False, 1)
    assert not node.rows(Site).exists()


def test_a_head_that_stays_locked_is_busy(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "LOCK_SECONDS", 1)
    inside, release = threading.Event(), threading.Event()

    def hold() -> None:
        with node.change():
            inside.set()
            release.wait(20)

    holder, _ = in_thread(node, hold)
    assert inside.wait(20)
    with pytest.raises(journal.Busy):
        node.save(Site(name="x"))
    release.set()
    holder.join()
    node.save(Site(name="x"))


def test_the_guard_stands(node: Node) -> None:
    node.save(Site(name="x"))
    for write in (
        lambda: node.rows(Site).update(name="y"),
        lambda: node.rows(Rfp).bulk_create([Rfp(mac="x")]),
        lambda: database.execute(connections[node.alias], "TRUNCATE rfps_rfp, rfps_site"),
        lambda: database.execute(connections[node.alias], "SELECT 1; DELETE FROM rfps_site"),
    ):
        with pytest.raises(journal.UnjournalledWrite):
            write()
    assert node.rows(Site).count() == 1


def test_a_taken_value_rolls_back_whole(node: Node) -> None:
    node.save(Site(name="x"))
    head = node.head
    with pytest.raises(IntegrityError), node.change() as made:
        made.save(Site(name="y"))
        made.save(Site(name="x"))
    assert node.head == head
    assert node.rows(Site).count() == 1


def test_the_copy_of_a_losers_database_is_a_file_of_lines(node: Node) -> None:
    """PostgreSQL has no file to copy: all rows and the journal, readable without a server."""
    node.save(Site(name="Ward"))
    path = copying.keep_copy(node.head, using=node.alias)
    assert path is not None
    assert copying.find(path.name) == path
    assert copying.keep_copy(node.head, using=node.alias) == path
    with lzma.open(path, "rt", encoding="utf-8") as lines:
        parts = [json.loads(line) for line in lines]
    assert (parts[0]["kind"], parts[-1]["kind"]) == ("snapshot", "end")
    (sites,) = [part["rows"] for part in parts if part.get("model") == "rfps.site"]
    assert "Ward" in str(sites)
    assert any(part["kind"] == "entries" for part in parts)
