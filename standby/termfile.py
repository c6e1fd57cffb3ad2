"""The highest term this node ever saw, kept where even a full disk cannot stop it.

Two slots, written in turn and synced before the call returns: a torn write spoils one slot and
the other still holds the value before.
"""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path

_SLOT = struct.Struct("<8sQI")  # magic, term, CRC-32 of both
_MAGIC = b"OMMTERM1"
_SPACING = 4096
_SIZE = 2 * _SPACING
_MAX = 2**63 - 1


class TermFileDamaged(OSError):
    """Both slots hold something that is not a term."""


class TermFile:
    """A number on disk that never goes down."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> int:
        """The term last written, 0 before the first one; raises TermFileDamaged."""
        try:
            fd = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return 0
        try:
            return max(self._slots(fd))
        finally:
            os.close(fd)

    def write(self, term: int) -> None:
        """Keep ``term``; it is on the disk when this returns.

        Raises ValueError for a term below the kept one, OSError when the disk fails (then the
        kept one is still there).
        """
        if not 0 <= term <= _MAX:
            raise ValueError(f"{term} is not a term")
        fd = self._open()
        try:
            slots = self._slots(fd)
            kept = max(slots)
            if term < kept:
                raise ValueError(f"the term cannot go down from {kept} to {term}")
            if term > kept:
                self._put(fd, slots.index(min(slots)), term)
        finally:
            os.close(fd)

    @staticmethod
    def _slots(fd: int) -> tuple[int, int]:
        raw = [os.pread(fd, _SLOT.size, index * _SPACING) for index in range(2)]
        terms = [_slot_term(data) for data in raw]
        unused = [not data.strip(b"\0") for data in raw]
        if terms == [None, None] and not any(unused):
            raise TermFileDamaged("the file that keeps this node's term is damaged")
        # A slot that is unused or torn never held the last value that was confirmed.
        return (-1 if terms[0] is None else terms[0]), (0 if terms[1] is None else terms[1])

    @staticmethod
    def _put(fd: int, slot: int, term: int) -> None:
        head = struct.pack("<8sQ", _MAGIC, term)
        os.pwrite(fd, head + struct.pack("<I", zlib.crc32(head)), slot * _SPACING)
        os.fdatasync(fd)

    def _open(self) -> int:
        try:
            fd = os.open(self._path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if os.fstat(fd).st_size < _SIZE:
            self._allocate(fd)
        return fd

    def _allocate(self, fd: int) -> None:
        """Write every byte once, so that later writes need no new block."""
        try:
            size = os.fstat(fd).st_size
            os.pwrite(fd, bytes(_SIZE - size), size)
            os.fsync(fd)
            directory = os.open(self._path.parent, os.O_RDONLY | os.O_CLOEXEC)
            try:
                os.fsync(directory)
            finally:
                os.close(directory)
        except BaseException:
            os.close(fd)
            raise


def _slot_term(data: bytes) -> int | None:
    if len(data) < _SLOT.size:
        return None
    magic, term, crc = _SLOT.unpack(data)
    if magic != _MAGIC or zlib.crc32(data[:16]) != crc:
        return None
    return int(term)
