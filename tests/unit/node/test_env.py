"""The environment of a node: what is refused, and how."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from omm_portal.node import env
from omm_portal.node.env import NodeEnvironment
from omm_portal.node.reader import EnvironmentProblem

PAIR = {
    "OMM_ADDRESS": "10.0.0.9",
    "OMM_PEER_ADDRESS": "10.0.0.10",
    "OMM_PAIR_SECRET": "x" * 32,
    "OMM_DATA_DIR": "/nonexistent/omm",
}


def parsed(**changes: str) -> NodeEnvironment:
    return env.parse({**PAIR, **changes})


def test_defaults_are_those_of_the_documentation() -> None:
    node = parsed()
    assert (node.web_port, node.rfp_port, node.link_port) == (8000, 16321, 16322)
    assert node.bind == "10.0.0.9"
    assert (node.heartbeat_interval, node.contact_timeout) == (0.1, 1.0)
    assert node.split_policy == "longest_active"
    assert node.address_trial == 60
    assert node.all_paths == (("10.0.0.9", "10.0.0.10"),)
    assert node.run_dir == Path("/nonexistent/omm/run")


def test_lists_and_ip_version_6() -> None:
    node = parsed(
        OMM_ADDRESS="2001:DB8::0:1",
        OMM_PEER_ADDRESS="2001:db8::2",
        OMM_PATHS="fd00::1=fd00::2, fd01::1=fd01::2",
        OMM_TRUSTED_PROXIES="10.1.0.0/16,192.0.2.1",
        OMM_ALLOWED_HOSTS="omm.example, www.example",
    )
    assert node.address == "2001:db8::1"
    assert node.paths == (("fd00::1", "fd00::2"), ("fd01::1", "fd01::2"))
    assert node.trusted_proxies == ("10.1.0.0/16", "192.0.2.1/32")
    assert node.allowed_hosts == ("omm.example", "www.example")
    assert node.web_url == "http://[2001:db8::1]:8000"


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"OMM_ADRESS": "10.0.0.1"}, "OMM_ADRESS"),
        ({"OMM_ADDRESS": ""}, "OMM_ADDRESS"),
        ({"OMM_ADDRESS": "host.example"}, "OMM_ADDRESS"),
        ({"OMM_ADDRESS": "0.0.0.0"}, "OMM_ADDRESS"),
        ({"OMM_PEER_ADDRESS": "10.0.0.9"}, "OMM_PEER_ADDRESS"),
        ({"OMM_PEER_ADDRESS": "::1"}, "OMM_PEER_ADDRESS"),
        ({"OMM_PAIR_SECRET": "x" * 31}, "OMM_PAIR_SECRET"),
        ({"OMM_PAIR_SECRET": ""}, "OMM_PAIR_SECRET"),
        ({"OMM_WEB_PORT": "http"}, "OMM_WEB_PORT"),
        ({"OMM_WEB_PORT": "65536"}, "OMM_WEB_PORT"),
        ({"OMM_RFP_PORT": "8000"}, "OMM_RFP_PORT"),
        ({"OMM_HEARTBEAT_INTERVAL": "soon"}, "OMM_HEARTBEAT_INTERVAL"),
        ({"OMM_HEARTBEAT_INTERVAL": "nan"}, "OMM_HEARTBEAT_INTERVAL"),
        ({"OMM_STARTUP_WAIT": "-1"}, "OMM_STARTUP_WAIT"),
        ({"OMM_CONTACT_TIMEOUT": "0.99"}, "OMM_CONTACT_TIMEOUT"),
        ({"OMM_HEARTBEAT_INTERVAL": "0.02", "OMM_CONTACT_TIMEOUT": "0.25"}, "OMM_CONTACT_TIMEOUT"),
        ({"OMM_SPLIT_POLICY": "coin"}, "OMM_SPLIT_POLICY"),
        ({"OMM_PATHS": "10.0.0.1"}, "OMM_PATHS"),
        ({"OMM_PATHS": "10.0.0.1=there"}, "OMM_PATHS"),
        ({"OMM_PATHS": "10.1.0.9=10.1.0.10,10.1.0.9=10.1.0.11"}, "OMM_PATHS"),
        ({"OMM_TRUSTED_PROXIES": "proxy"}, "OMM_TRUSTED_PROXIES"),
        ({"OMM_PUBLIC_URL": "omm.example"}, "OMM_PUBLIC_URL"),
        ({"DATABASE_URL": "mysql://user:hidden@host/db"}, "DATABASE_URL"),
        ({"REDIS_URL": "amqp://user:hidden@host"}, "REDIS_URL"),
        ({"OMM_PAIR_SECRET_FILE": "/nonexistent/secret"}, "OMM_PAIR_SECRET"),
    ],
)
def test_a_bad_value_is_named_and_no_secret_is_shown(changes: dict[str, str], named: str) -> None:
    with pytest.raises(EnvironmentProblem) as problem:
        parsed(**changes)
    assert named in str(problem.value)
    assert "hidden" not in str(problem.value)
    assert "xxx" not in str(problem.value)


def test_a_timeout_of_exactly_ten_heartbeats_is_allowed() -> None:
    assert parsed(OMM_HEARTBEAT_INTERVAL="0.07", OMM_CONTACT_TIMEOUT="0.7").contact_timeout == 0.7


def test_secrets_are_taken_verbatim(tmp_path: Path) -> None:
    text = "$ecret#1 # not a comment ${HOME} 'quoted"
    (tmp_path / "secret").write_text(text + "\n", encoding="utf-8")
    from_file = env.parse(
        {**PAIR, "OMM_PAIR_SECRET": "", "OMM_PAIR_SECRET_FILE": str(tmp_path / "secret")}
    )
    from_value = parsed(OMM_PAIR_SECRET=text, OMM_ADMIN_PASSWORD="$ecret#1")
    assert from_file.pair_secret.reveal() == from_value.pair_secret.reveal() == text
    assert from_value.admin_password is not None
    assert from_value.admin_password.reveal() == "$ecret#1"
    assert "ecret#1" not in repr(from_value)
    assert "ecret#1" not in f"{from_value.admin_password} {from_value.pair_secret!r}"


def test_an_environment_file_is_read_verbatim_and_the_process_wins(tmp_path: Path) -> None:
    path = tmp_path / "env"
    path.write_text(
        "# a pair\n\nexport OMM_ADDRESS=10.0.0.1\nOMM_ADMIN_PASSWORD=$ecret#1 # x\n"
        "OMM_PUBLIC_URL='https://omm.example/'\nOMM_WEB_PORT=81\n",
        encoding="utf-8",
    )
    values = env.gather({"OMM_ENV_FILE": str(path), "OMM_WEB_PORT": "82"})
    assert values["OMM_ADMIN_PASSWORD"] == "$ecret#1 # x"
    assert values["OMM_WEB_PORT"] == "82"
    node = env.parse({**values, "OMM_DATA_DIR": str(tmp_path)})
    assert node.public_url == "https://omm.example"


def test_a_missing_named_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentProblem, match="OMM_ENV_FILE"):
        env.gather({"OMM_ENV_FILE": str(tmp_path / "none")})


def test_a_lone_omm_keeps_a_secret_of_its_own(tmp_path: Path) -> None:
    lone = {"OMM_ADDRESS": "10.0.0.1", "OMM_DATA_DIR": str(tmp_path / "data")}
    first, second = env.parse(lone), env.parse(lone)
    assert first.pair_secret == second.pair_secret
    assert len(first.pair_secret) >= env.SECRET_MIN_LENGTH
    assert (tmp_path / "data" / "pair-secret").stat().st_mode & 0o077 == 0


def test_a_long_data_directory_still_gets_a_redis_socket() -> None:
    node = parsed(OMM_DATA_DIR="/" + "d" * 120)
    assert len(str(node.redis_socket)) <= env.UNIX_PATH_LIMIT
    assert node.redis_socket != parsed(OMM_DATA_DIR="/" + "e" * 120).redis_socket


def test_a_bad_environment_exits_with_2_and_says_why(tmp_path: Path) -> None:
    base = {name: value for name, value in os.environ.items() if not name.startswith("OMM_")}
    values = {"OMM_ADDRESS": "127.0.0.1", "OMM_DATA_DIR": str(tmp_path), "OMM_RPF_PORT": "1"}
    ended = subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=env.BASE_DIR,
        env={**base, **values},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 2
    assert ended.stderr.strip() == "omm: OMM_RPF_PORT: no such setting (misspelt?)"
