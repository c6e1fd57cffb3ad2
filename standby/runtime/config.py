"""What the runtime is told at its start."""

from __future__ import annotations

import secrets as random_source
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from omm_portal.node.env import WITNESS_PORT, host_in_url
from standby.domain.contact import Timing
from standby.domain.facts import SplitPolicy

if TYPE_CHECKING:
    from omm_portal.node.env import NodeEnvironment

VERSION = "0.1.0"


@dataclass(frozen=True, slots=True)
class RuntimeConfig:
    """Identity, addresses and durations (seconds) of one node.

    ``secrets``: the pair secret and, while it is being changed, the one before it.
    """

    node: str
    address: str
    peer_address: str
    paths: tuple[tuple[str, str], ...]
    link_port: int
    web_port: int
    secrets: tuple[bytes, ...]
    lease_path: Path
    term_path: Path
    control_socket: Path
    supervisor_socket: Path
    data_dir: Path
    timing: Timing
    policy: SplitPolicy
    replication_wait: float
    witnesses: tuple[tuple[str, int], ...] = ()
    boot: str = field(default_factory=lambda: random_source.token_hex(8))

    @property
    def witness_names(self) -> tuple[str, ...]:
        """How the witnesses are called: by address, with the port where it is not the usual one."""
        return tuple(
            host if port == WITNESS_PORT else f"{host_in_url(host)}:{port}"
            for host, port in self.witnesses
        )

    @classmethod
    def from_environment(cls, env: NodeEnvironment, node: str) -> RuntimeConfig:
        """The runtime's part of the node's environment."""
        return cls(
            node=node,
            address=env.address,
            peer_address=env.peer_address,
            paths=env.all_paths,
            link_port=env.link_port,
            web_port=env.web_port,
            secrets=env.pair_secrets,
            lease_path=env.lease_path,
            term_path=env.term_path,
            control_socket=env.control_socket,
            supervisor_socket=env.supervisor_socket,
            data_dir=env.data_dir,
            timing=Timing(
                interval=env.heartbeat_interval,
                contact_timeout=env.contact_timeout,
                startup_wait=env.startup_wait,
                handover_wait=env.handover_wait,
                error_grace=env.error_grace,
                sip_lost_wait=env.sip_lost_wait,
            ),
            policy=SplitPolicy(env.split_policy),
            replication_wait=env.replication_wait,
            witnesses=tuple((address, port) for address, port in env.witnesses),
        )
