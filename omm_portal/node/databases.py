"""The node's two databases as Django wants to be told of them."""

from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from omm_portal.node.env import NodeEnvironment
from omm_portal.node.reader import EnvironmentProblem

BUSY_SECONDS = 5
POOL_SIZE = 16


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
        "OPTIONS": {
            "pool": {"min_size": 1, "max_size": POOL_SIZE, "timeout": BUSY_SECONDS},
            "connect_timeout": BUSY_SECONDS,
            **dict(parse_qsl(parts.query)),
        },
    }
