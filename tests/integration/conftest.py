"""A pair that lives for a whole module and is healed before every test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.pair import Pair, running_pair


@pytest.fixture(scope="module")
def module_pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with running_pair(tmp_path_factory.mktemp("pair")) as pair:
        yield pair


@pytest.fixture
def pair(module_pair: Pair) -> Pair:
    """A pair with one active, one standby, both synchronised."""
    return module_pair.heal()
