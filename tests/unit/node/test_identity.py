"""Whose data a node finds, and when it refuses to run on it."""

from pathlib import Path

import pytest

from omm_portal.node import identity
from omm_portal.node.env import NodeEnvironment
from omm_portal.node.identity import ForeignData, Identity, settle
from omm_portal.node.prepare import prepare
from standby.models import NodeIdentity

A, B = Identity("a" * 32, "10.0.0.1"), Identity("b" * 32, "10.0.0.2")


def test_data_without_an_owner_becomes_ours() -> None:
    fresh = settle(None, None, "10.0.0.1")
    assert fresh.address == "10.0.0.1"
    assert len(fresh.node_id) == 32
    assert (
        settle(A, None, "10.0.0.1") == settle(None, A, "10.0.0.1") == settle(A, A, A.address) == A
    )


@pytest.mark.parametrize(
    ("directory", "database", "place"),
    [(B, None, "data directory"), (None, B, "database"), (A, Identity("c", A.address), "database")],
)
def test_data_of_another_node_is_refused(
    directory: Identity | None, database: Identity | None, place: str
) -> None:
    with pytest.raises(ForeignData, match=place):
        settle(directory, database, "10.0.0.1")


def test_the_file_keeps_what_was_written(tmp_path: Path) -> None:
    assert identity.read_file(tmp_path) is None
    identity.write_file(tmp_path, A)
    assert identity.read_file(tmp_path) == A
    (tmp_path / identity.FILE_NAME).write_text("{}")
    with pytest.raises(ForeignData, match="cannot be understood"):
        identity.read_file(tmp_path)


@pytest.mark.django_db(databases=["default", "live"])
def test_prepare_marks_directory_and_database_alike_and_knows_them_again(
    omm: NodeEnvironment,
) -> None:
    prepare(omm)
    row = NodeIdentity.objects.get()
    assert row.address == "127.0.0.1"
    assert identity.node_id(omm.data_dir) == row.node_id
    prepare(omm)
    NodeIdentity.objects.update(node_id="other")
    with pytest.raises(ForeignData):
        prepare(omm)
