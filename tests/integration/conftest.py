"""Pairs that live for a module (whole nodes) or the session (bare runtimes)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.bare import BarePair, bare_pair
from tests.pair import Pair, running_pair


@pytest.fixture(scope="module")
def module_pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with running_pair(tmp_path_factory.mktemp("pair")) as pair:
        yield pair


@pytest.fixture
def pair(module_pair: Pair) -> Pair:
    """A pair with one active, one standby, both synchronised."""
    return module_pair.heal()


@pytest.fixture(scope="session")
def bare_hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BarePair]:
    with bare_pair(tmp_path_factory.mktemp("bare")) as pair:
        yield pair


@pytest.fixture
def bare(bare_hosts: BarePair) -> Iterator[BarePair]:
    """Two runtimes with empty disks that do not run yet; none runs afterwards."""
    bare_hosts.empty()
    yield bare_hosts
    for node in bare_hosts.nodes:
        node.kill()
