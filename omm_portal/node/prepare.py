"""Makes a node ready to start: directories, both databases, its identity."""

import logging
import time
from dataclasses import replace

from django.core.management import call_command
from django.db import OperationalError, connections
from django.db.migrations.executor import MigrationExecutor

from omm_portal.node import identity
from omm_portal.node.env import NodeEnvironment
from omm_portal.node.identity import Identity
from standby.models import NodeIdentity

log = logging.getLogger("omm.prepare")

SERVER_RETRY_SECONDS = 2.0


def prepare(node: NodeEnvironment, *, new_address: bool = False) -> None:
    """Create and migrate what is missing; every child may rely on it afterwards.

    ``new_address`` accepts that this very node moved to another address.
    Raises identity.ForeignData and, for a database that cannot be used, DatabaseError.
    """
    for directory in (node.data_dir, node.run_dir, node.log_dir):
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    if node.database_url is not None:
        _wait_for_server()
    for alias in connections:
        _migrate(alias)
    _settle_identity(node, new_address=new_address)


def _wait_for_server() -> None:
    """A database server may start after this host: wait for it as long as it takes."""
    while True:
        try:
            connections["default"].ensure_connection()
        except OperationalError as problem:
            log.warning("the database server does not answer: %s", problem)
            connections["default"].close()
            time.sleep(SERVER_RETRY_SECONDS)
        else:
            return


def _migrate(alias: str) -> None:
    executor = MigrationExecutor(connections[alias])
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        call_command("migrate", database=alias, interactive=False, verbosity=0)


def _settle_identity(node: NodeEnvironment, *, new_address: bool) -> None:
    row = NodeIdentity.objects.first()
    in_database = Identity(row.node_id, row.address) if row else None
    in_directory = identity.read_file(node.data_dir)
    if new_address:
        in_database = in_database and replace(in_database, address=node.address)
        in_directory = in_directory and replace(in_directory, address=node.address)
    settled = identity.settle(in_directory, in_database, node.address)
    if settled != identity.read_file(node.data_dir):
        identity.write_file(node.data_dir, settled)
    if row is None or (row.node_id, row.address) != (settled.node_id, settled.address):
        NodeIdentity.objects.update_or_create(
            pk=1, defaults={"node_id": settled.node_id, "address": settled.address}
        )


def close_databases() -> None:
    """Close every connection, and pools with their threads: a process is forked from here."""
    for connection in connections.all(initialized_only=True):
        connection.close()
        close_pool = getattr(connection, "close_pool", None)
        if close_pool is not None:
            close_pool()
