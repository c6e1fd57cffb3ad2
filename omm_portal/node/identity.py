"""Whose data directory and database these are: a node never runs on another node's data."""

import json
import os
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path

FILE_NAME = "node.json"


class ForeignData(RuntimeError):
    """The data directory or the database belongs to another node; the message says which."""


@dataclass(frozen=True, slots=True)
class Identity:
    """One node: an id made at its first start, and the address it had then."""

    node_id: str
    address: str


def settle(in_directory: Identity | None, in_database: Identity | None, address: str) -> Identity:
    """Who this node is, from what its data directory and its database say.

    Data without an owner becomes ours; raises ForeignData when either is somebody else's.
    """
    for place, found in (("data directory", in_directory), ("database", in_database)):
        if found is not None and found.address != address:
            raise ForeignData(
                f"the {place} belongs to the OMM {found.address}, this one is {address} "
                "(manage.py omm --new-address if it only has a new address)"
            )
    if in_directory and in_database and in_directory.node_id != in_database.node_id:
        raise ForeignData("the database belongs to another node than the data directory")
    return in_directory or in_database or Identity(uuid.uuid4().hex, address)


def read_file(data_dir: Path) -> Identity | None:
    """What the data directory says; None when it says nothing. Raises ForeignData for nonsense."""
    path = data_dir / FILE_NAME
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return Identity(str(found["node_id"]), str(found["address"]))
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError):
        raise ForeignData(f"{path} cannot be understood") from None


def write_file(data_dir: Path, identity: Identity) -> None:
    """Mark the data directory, durably."""
    path = data_dir / FILE_NAME
    draft = path.with_suffix(".tmp")
    with draft.open("w", encoding="utf-8") as handle:
        json.dump(asdict(identity), handle)
        handle.flush()
        os.fsync(handle.fileno())
    draft.replace(path)


def node_id(data_dir: Path) -> str:
    """This node's id; raises ForeignData when the node has never been prepared."""
    identity = read_file(data_dir)
    if identity is None:
        raise ForeignData(f"{data_dir} has not been prepared by manage.py omm")
    return identity.node_id
