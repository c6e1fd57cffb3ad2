"""The term on disk: never down, never lost."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from standby.termfile import TermFile, TermFileDamaged

SLOTS = (0, 4096)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "term"


def test_before_the_first_term_it_is_zero(path: Path) -> None:
    assert TermFile(path).read() == 0
    assert not path.exists()


def test_every_term_is_kept(path: Path) -> None:
    for term in (1, 2, 3, 10, 10, 2**40):
        TermFile(path).write(term)
        assert TermFile(path).read() == term


def test_it_never_goes_down(path: Path) -> None:
    TermFile(path).write(5)
    with pytest.raises(ValueError, match="cannot go down"):
        TermFile(path).write(4)
    with pytest.raises(ValueError, match="not a term"):
        TermFile(path).write(-1)
    assert TermFile(path).read() == 5


def test_the_size_never_changes_after_the_first_term(path: Path) -> None:
    TermFile(path).write(1)
    blocks = path.stat().st_blocks
    size = path.stat().st_size
    for term in range(2, 50):
        TermFile(path).write(term)
    assert (path.stat().st_size, path.stat().st_blocks) == (size, blocks)


@given(torn=st.integers(0, 20), filler=st.binary(min_size=20, max_size=20))
def test_a_torn_write_keeps_the_term_before(
    tmp_path_factory: pytest.TempPathFactory, torn: int, filler: bytes
) -> None:
    path = tmp_path_factory.mktemp("term") / "term"
    file = TermFile(path)
    for term in (1, 2):
        file.write(term)
    before = path.read_bytes()
    file.write(3)
    after = path.read_bytes()
    (slot,) = (at for at in SLOTS if before[at : at + 20] != after[at : at + 20])
    mixed = bytearray(after)
    mixed[slot + torn : slot + 20] = filler[torn:]
    path.write_bytes(mixed)
    assert file.read() == (3 if mixed == after else 2)
    file.write(4)
    assert file.read() == 4


def test_a_crash_while_the_file_is_made_leaves_zero(path: Path) -> None:
    path.parent.mkdir()
    for size in (0, 10, 4096, 8192):
        path.write_bytes(bytes(size))
        assert TermFile(path).read() == 0
    path.write_bytes(b"\xff" * 20 + bytes(8172))
    assert TermFile(path).read() == 0, "the first write was torn"


def test_damage_of_both_slots_is_told(path: Path) -> None:
    TermFile(path).write(1)
    TermFile(path).write(2)
    fd = os.open(path, os.O_RDWR)
    for at in SLOTS:
        os.pwrite(fd, b"\xff" * 20, at)
    os.close(fd)
    with pytest.raises(TermFileDamaged):
        TermFile(path).read()
    with pytest.raises(TermFileDamaged):
        TermFile(path).write(7)
