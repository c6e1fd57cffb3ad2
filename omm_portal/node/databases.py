"""The node's two databases as Django wants to be told of them."""

from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from omm_portal.node.env import NodeEnvironment
from omm_portal.node.reader import EnvironmentProblem

BUSY_SECONDS = 5
POOL_SIZE = 16
"""Connections of one process to PostgreSQL, which limits their number, at the most."""
POOL_SECONDS = 2
"""How long a request waits for one of them; also the wait when the server is away, so it must be
shorter than people's and a hand-over's patience."""


def default_database(node: NodeEnvironment) -> dict[str, Any]:
    """Configuration and journal: PostgreSQL by ``DATABASE_URL``, else SQLite."""
    if node.database_url is not None:
        return _postgresql(node.database_url.reveal())
    return _sqlite(str(node.database_path), "test-omm.sqlite3", node)


def live_database(node: NodeEnvironment) -> dict[str, Any]:
    """Events, sessions and live rows: always SQLite in the data directory."""
    return _sqlite(str(node.live_path), "test-live.sqlite3", node)


def _sqlite(path: str, test_name: str, node: NodeEnvironment) -> dict[str, Any]:
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": path,
        "CONN_MAX_AGE": 0,
        "OPTIONS": {
            "timeout": BUSY_SECONDS,
            "transaction_mode": "IMMEDIATE",
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
        },
        "TEST": {"NAME": str(node.data_dir / test_name)},
    }


def _postgresql(url: str) -> dict[str, Any]:
    try:
        parts = urlsplit(url)
        port = parts.port or 5432
    except ValueError:
        raise EnvironmentProblem("DATABASE_URL is not a PostgreSQL address") from None
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": unquote(parts.hostname or ""),
        "PORT": port,
        "CONN_MAX_AGE": 0,
        "CONN_HEALTH_CHECKS": True,  # a server that was started anew has left dead connections
        "OPTIONS": {
            "pool": {
                "min_size": 1,
                "max_size": POOL_SIZE,
                "timeout": POOL_SECONDS,
                "reconnect_timeout": 1,  # by default it tries ever less often, for 5 minutes
            },
            "connect_timeout": BUSY_SECONDS,
            "keepalives_idle": BUSY_SECONDS,  # these find out that the server's host has vanished
            "keepalives_interval": 1,
            "keepalives_count": BUSY_SECONDS,
            "tcp_user_timeout": BUSY_SECONDS * 2000,
            **dict(parse_qsl(parts.query)),
        },
    }
