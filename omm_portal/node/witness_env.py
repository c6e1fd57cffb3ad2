"""The environment of a witness: a few variables, as strict as those of an OMM."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from omm_portal.node.env import WITNESS_PORT, gather, long_secret
from omm_portal.node.reader import EnvironmentProblem, Reader
from omm_portal.node.secrets import Secret

KNOWN_NAMES = frozenset(
    {
        "OMM_WITNESS_BIND",
        "OMM_WITNESS_PORT",
        "OMM_PAIR_SECRET",
        "OMM_PAIR_SECRET_FILE",
        "OMM_PAIR_SECRET_PREVIOUS",
        "OMM_PAIR_SECRET_PREVIOUS_FILE",
        "OMM_ENV_FILE",
    }
)


@dataclass(frozen=True, slots=True)
class WitnessEnvironment:
    """What a witness is told from outside."""

    bind: str
    port: int
    pair_secret: Secret
    pair_secret_previous: Secret | None

    @property
    def secrets(self) -> tuple[bytes, ...]:
        """The secrets that it understands, the newer one first."""
        kept = filter(None, (self.pair_secret, self.pair_secret_previous))
        return tuple(secret.reveal().encode() for secret in kept)


def load_witness() -> WitnessEnvironment:
    """From the process and ``OMM_ENV_FILE``; raises EnvironmentProblem."""
    return parse_witness(gather(os.environ))


def parse_witness(values: Mapping[str, str]) -> WitnessEnvironment:
    """Check all variables; raises EnvironmentProblem naming the variable."""
    unknown = sorted(name for name in values if name.startswith("OMM_") and name not in KNOWN_NAMES)
    if unknown:
        raise EnvironmentProblem(f"{', '.join(unknown)}: no setting of a witness")
    reader = Reader(values)
    secret = long_secret(reader, "OMM_PAIR_SECRET")
    if secret is None:
        raise EnvironmentProblem("OMM_PAIR_SECRET is missing: the secret of the two OMMs")
    return WitnessEnvironment(
        bind=reader.address("OMM_WITNESS_BIND", unspecified=True) or "0.0.0.0",  # noqa: S104
        port=reader.port("OMM_WITNESS_PORT", WITNESS_PORT),
        pair_secret=secret,
        pair_secret_previous=long_secret(reader, "OMM_PAIR_SECRET_PREVIOUS"),
    )
