"""The processes of one node: their command lines and their order."""

import sys

from omm_portal.node import redis_server
from omm_portal.node.env import NodeEnvironment
from omm_portal.node.process import ChildSpec

REDIS, WEB, STANDBY, JOBS, RFP = "redis", "web", "standby", "jobs", "rfp"
STOP_ORDER = ((RFP,), (WEB, JOBS), (STANDBY,), (REDIS,))
"""Children are stopped in these steps; those of one step together."""

CELERY = (sys.executable, "-m", "celery", "-q", "-A", "omm_portal.celery:app", "worker")
QUIET = ("--without-mingle", "--without-gossip", "--without-heartbeat", "-l", "INFO")


def node_children(node: NodeEnvironment) -> tuple[ChildSpec, ...]:
    """Every child of the node; raises redis_server.RedisMissing."""
    own = (_standby(node), _web(node), _rfp(), _jobs(node))
    return own if node.redis_url else (_redis(node), *own)


def _environment(name: str) -> dict[str, str]:
    # The system checks import every page; the supervisor's start has run them already.
    return {
        "OMM_PROCESS": name,
        "DJANGO_SETTINGS_MODULE": "omm_portal.settings",
        "CELERY_SKIP_CHECKS": "1",
    }


def _redis(node: NodeEnvironment) -> ChildSpec:
    command = redis_server.command(redis_server.find_program(), node.redis_socket)
    return ChildSpec(REDIS, command, {}, stop_seconds=2.0)


def _web(node: NodeEnvironment) -> ChildSpec:
    # No --http-timeout: daphne takes it by the wall clock. One that is set forward would answer 503
    # to changes that are just being made, and every download would end after that time.
    command = (
        *(sys.executable, "-m", "daphne"),
        *("-b", node.bind, "-p", str(node.web_port), "-v", "0", "--no-server-name"),
        *("--application-close-timeout", "3"),
        *("--ping-interval", "10", "--ping-timeout", "20"),
        "omm_portal.asgi:application",
    )
    return ChildSpec(WEB, command, _environment(WEB), stop_seconds=3.0)


def _standby(node: NodeEnvironment) -> ChildSpec:
    own = ("-Q", "standby", "-P", "threads", "-c", "4", "-n", f"standby@{node.address}")
    return ChildSpec(STANDBY, (*CELERY, *own, *QUIET), _environment(STANDBY), stop_seconds=4.0)


def _jobs(node: NodeEnvironment) -> ChildSpec:
    own = ("-Q", "jobs", "-P", "threads", "-c", "2", "-n", f"jobs@{node.address}")
    return ChildSpec(JOBS, (*CELERY, *own, *QUIET), _environment(JOBS), stop_seconds=3.0)


def _rfp() -> ChildSpec:
    command = (sys.executable, "manage.py", "rfp_service")
    return ChildSpec(RFP, command, _environment(RFP), stop_seconds=1.0)
