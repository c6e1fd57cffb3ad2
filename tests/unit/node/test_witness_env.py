"""Witnesses in the environment: those that an OMM asks, and a witness's own variables."""

from __future__ import annotations

import pytest

from omm_portal.node import env
from omm_portal.node.reader import EnvironmentProblem
from omm_portal.node.witness_env import parse_witness

PAIR = {
    "OMM_ADDRESS": "10.0.0.9",
    "OMM_PEER_ADDRESS": "10.0.0.10",
    "OMM_PAIR_SECRET": "x" * 32,
    "OMM_DATA_DIR": "/nonexistent/omm",
}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", ()),
        ("192.0.2.9", (("192.0.2.9", 16323),)),
        ("192.0.2.9:4000", (("192.0.2.9", 4000),)),
        ("2001:DB8::0:9", (("2001:db8::9", 16323),)),
        (
            "[2001:db8::9]:4000, 192.0.2.9, 192.0.2.8:1",
            (("2001:db8::9", 4000), ("192.0.2.9", 16323), ("192.0.2.8", 1)),
        ),
    ],
)
def test_witnesses_are_addresses_with_a_port_or_the_usual_one(
    text: str, found: tuple[tuple[str, int], ...]
) -> None:
    assert env.parse({**PAIR, "OMM_WITNESSES": text}).witnesses == found


@pytest.mark.parametrize(
    "changes",
    [
        {"OMM_WITNESSES": "host.example"},
        {"OMM_WITNESSES": "192.0.2.9:0"},
        {"OMM_WITNESSES": "192.0.2.9:70000"},
        {"OMM_WITNESSES": "192.0.2.9:"},
        {"OMM_WITNESSES": "0.0.0.0"},
        {"OMM_WITNESSES": "10.0.0.10"},
        {"OMM_WITNESSES": "192.0.2.9,192.0.2.8"},
        {"OMM_WITNESSES": "192.0.2.9:1,192.0.2.9:2,192.0.2.8"},
        {"OMM_WITNESSES": "192.0.2.9", "OMM_PEER_ADDRESS": ""},
    ],
)
def test_bad_witnesses_are_named(changes: dict[str, str]) -> None:
    with pytest.raises(EnvironmentProblem, match="OMM_WITNESSES"):
        env.parse({**PAIR, **changes})


def test_a_witness_needs_the_pair_secret_and_nothing_else() -> None:
    found = parse_witness({"OMM_PAIR_SECRET": "x" * 32, "PATH": "/bin"})
    assert (found.bind, found.port, found.secrets) == ("0.0.0.0", 16323, (b"x" * 32,))


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"OMM_PAIR_SECRET": ""}, "OMM_PAIR_SECRET"),
        ({"OMM_PAIR_SECRET": "short"}, "OMM_PAIR_SECRET"),
        ({"OMM_PAIR_SECRET_PREVIOUS": "short"}, "OMM_PAIR_SECRET_PREVIOUS"),
        ({"OMM_WITNESS_PORT": "70000"}, "OMM_WITNESS_PORT"),
        ({"OMM_WITNESS_BIND": "host"}, "OMM_WITNESS_BIND"),
        ({"OMM_WITNES_PORT": "1"}, "OMM_WITNES_PORT"),
        ({"OMM_ADDRESS": "10.0.0.1"}, "OMM_ADDRESS"),
    ],
)
def test_a_bad_variable_of_a_witness_is_named_without_its_secret(
    changes: dict[str, str], named: str
) -> None:
    values = {"OMM_PAIR_SECRET": "x" * 32, **changes}
    with pytest.raises(EnvironmentProblem, match=named) as raised:
        parse_witness(values)
    assert "xxx" not in str(raised.value)
