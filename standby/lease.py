"""The role lease: how the runtime tells the node's other processes what this OMM may do.

A small file that the runtime writes at every heartbeat and that readers map into memory. The
runtime holds a kernel lock on it, so its death is seen at once by whoever can take the lock.
A lease is worth something only while it is valid; everything else means "not active".
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import mmap
import os
import struct
import threading
import time
import weakref
import zlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from standby.domain.facts import Role
from standby.domain.sentence import say

BEATS_VALID = 3
"""A lease that was not renewed for so many heartbeats is over."""

_MAGIC = b"OMMLEAS1"
_PREFIX = struct.Struct("<8sQII")  # magic, sequence counter, CRC-32 of the body, body's length
_FIXED = struct.Struct("<BBqqdd36s64s64s")
_TRAILER = struct.Struct("<Q")  # the sequence counter again
_CAPACITY = 64 * 1024
_ROLES = tuple(Role)
_ROLE_NUMBER = {role: number for number, role in enumerate(_ROLES)}
_GATE, _RFP, _CONTACT = 1, 2, 4
_LOCK_RETRIES, _LOCK_PAUSE = 50, 0.001
_READ_RETRIES = 12


class LeaseTaken(RuntimeError):
    """Another process on this data directory holds the lease."""


def boot_time() -> float:
    """Seconds since the kernel started, suspension included: the clock of every lease."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


@cache
def kernel_boot_id() -> str:
    """Names this boot of the host; boot times of different boots cannot be compared."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


@dataclass(frozen=True, slots=True)
class Lease:
    """What the runtime says about this node, as of ``renewed_at``."""

    role: Role
    term: int
    gate_open: bool
    rfp_open: bool
    node_boot: str
    """Names the runtime's process, not the host's boot."""
    role_since: float
    """Boot time of the moment the role was taken; the same as long as the role lasts."""
    renewed_at: float
    """Boot time of this write."""
    acked_seq: int
    acked_hash: str
    peer_in_contact: bool
    document: bytes
    """The status document (JSON), ready to be served."""


@dataclass(frozen=True, slots=True)
class LeaseView:
    """A reader's verdict; ``why`` is one sentence when the lease is not valid, else empty."""

    lease: Lease | None
    valid: bool
    why: str


_writers: weakref.WeakSet[LeaseWriter] = weakref.WeakSet()


class LeaseWriter:
    """The one writer of a node's lease; raises LeaseTaken when there is another.

    What an earlier process left is wiped before the lock that readers look for is taken, so
    that nobody can ever take the old content for the new writer's word.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._guard = _lock_writer(path)
        self._fd = -1
        try:
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            self._capacity = 0
            self._reserve(_CAPACITY)
            os.pwrite(self._fd, bytes(_PREFIX.size), 0)
            _lock_for_readers(self._fd)
        except BaseException:
            self.close()
            raise
        self._seq = 0
        _writers.add(self)

    def write(self, lease: Lease) -> None:
        """Make ``lease`` what every reader sees from now on (one system call).

        Raises ValueError for names or hashes that do not fit, OSError when the disk fails.
        """
        self._seq += 1
        record = _pack(lease, self._seq)
        if len(record) > self._capacity:
            self._reserve(2 * len(record))
        os.pwrite(self._fd, record, 0)

    def close(self) -> None:
        """End the lease at once; readers see that nobody holds it. May be called twice."""
        for fd in (self._fd, self._guard):
            if fd >= 0:
                os.close(fd)
        self._fd = self._guard = -1

    def _reserve(self, size: int) -> None:
        """Own the disk's blocks beforehand: later writes work on a full disk."""
        os.posix_fallocate(self._fd, 0, size)
        self._capacity = size


def _close_in_child() -> None:
    """A forked child must not keep the lock alive after its parent's death."""
    for writer in list(_writers):
        writer.close()


os.register_at_fork(after_in_child=_close_in_child)


def _lock_writer(path: Path) -> int:
    """Descriptor of the lock among writers; readers never touch it."""
    guard = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(guard, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(guard)
        raise LeaseTaken(f"another process holds {path}") from None
    return guard


def _lock_for_readers(fd: int) -> None:
    """Take the lock that readers look for; their own probes hold it for a microsecond."""
    for _attempt in range(_LOCK_RETRIES):
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(_LOCK_PAUSE)
        else:
            return
    raise LeaseTaken("another process keeps the lease locked")


def _fit(text: str, size: int) -> bytes:
    data = text.encode()
    if len(data) > size or b"\0" in data:
        raise ValueError(f"{text!r} does not fit into {size} bytes of the lease")
    return data


def _pack(lease: Lease, seq: int) -> bytes:
    flags = (_GATE if lease.gate_open else 0) | (_RFP if lease.rfp_open else 0)
    flags |= _CONTACT if lease.peer_in_contact else 0
    fixed = _FIXED.pack(
        _ROLE_NUMBER[lease.role],
        flags,
        lease.term,
        lease.acked_seq,
        lease.role_since,
        lease.renewed_at,
        _fit(kernel_boot_id(), 36),
        _fit(lease.node_boot, 64),
        _fit(lease.acked_hash, 64),
    )
    body = fixed + lease.document
    prefix = _PREFIX.pack(_MAGIC, seq, zlib.crc32(body), len(body))
    return prefix + body + _TRAILER.pack(seq)


def _unpack(body: bytes) -> tuple[Lease, str]:
    """The lease and the kernel boot id that it was written under."""
    role, flags, term, acked, since, renewed, boot, node_boot, acked_hash = _FIXED.unpack_from(body)
    lease = Lease(
        role=_ROLES[role],
        term=term,
        gate_open=bool(flags & _GATE),
        rfp_open=bool(flags & _RFP),
        node_boot=node_boot.rstrip(b"\0").decode(),
        role_since=since,
        renewed_at=renewed,
        acked_seq=acked,
        acked_hash=acked_hash.rstrip(b"\0").decode(),
        peer_in_contact=bool(flags & _CONTACT),
        document=body[_FIXED.size :],
    )
    return lease, boot.rstrip(b"\0").decode()


def _worthless(why: str) -> LeaseView:
    return LeaseView(None, valid=False, why=why)


class LeaseReader:
    """Reads a node's lease from any thread of any process.

    ``beat`` is the heartbeat interval in seconds. The file need not exist yet; it is opened
    again when it was replaced.
    """

    def __init__(self, path: Path, beat: float) -> None:
        self._path = path
        self._valid_for = BEATS_VALID * beat
        self._mutex = threading.Lock()
        self._fd = -1
        self._file: tuple[int, int] | None = None
        self._map: mmap.mmap | None = None
        self._last: tuple[bytes, Lease, str] | None = None

    def read(self) -> LeaseView:
        """The lease as of now and whether it counts; never raises."""
        with self._mutex:
            try:
                return self._read()
            except (OSError, ValueError, IndexError, struct.error) as error:
                self._drop()
                if getattr(error, "errno", None) == errno.ENOENT:
                    return _worthless(say("the standby process has not started yet"))
                return _worthless(say("the role lease cannot be read (%(error)s)", error=error))

    def close(self) -> None:
        """Give the file back."""
        with self._mutex:
            self._drop()

    def _read(self) -> LeaseView:
        self._open()
        found = self._record()
        if found is None:
            return _worthless(say("the standby process has not decided a role yet"))
        lease, kernel = found
        # The lock and the clock are looked at after the record: a verdict can only be too strict.
        why = self._why_not(lease, kernel)
        return LeaseView(lease, valid=not why, why=why)

    def _why_not(self, lease: Lease, kernel: str) -> str:
        if not self._held():
            return say("the standby process is not running")
        if kernel != kernel_boot_id():
            return say("the role lease is of an earlier boot of this host")
        age = boot_time() - lease.renewed_at
        if age >= self._valid_for:
            return say("the role lease was not renewed for %(seconds)s s", seconds=f"{age:.1f}")
        if age < -self._valid_for:
            return say("the role lease carries a time of the future")
        return ""

    def _held(self) -> bool:
        try:
            fcntl.flock(self._fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        fcntl.flock(self._fd, fcntl.LOCK_UN)
        return False

    def _record(self) -> tuple[Lease, str] | None:
        """The last whole record; None when the writer has written none yet."""
        for attempt in range(_READ_RETRIES):
            body = self._body()
            if body is not None:
                return self._parsed(body) if body else None
            if attempt > 1:
                time.sleep(0.00005 * attempt)
        # The writer was interrupted in the middle of a record: until that is whole, the one before
        # is its last word, and worth as much as its age allows.
        if self._last is not None:
            return self._last[1], self._last[2]
        raise ValueError("no whole record")

    def _body(self) -> bytes | None:
        """The body of one consistent record; empty when there is none, None when torn."""
        view = self._map
        if view is None:
            return None
        magic, seq, crc, length = _PREFIX.unpack_from(view, 0)
        if magic != _MAGIC:
            return None if magic.strip(b"\0") else b""
        end = _PREFIX.size + length
        if end + _TRAILER.size > len(view):
            self._remap()
            return None
        body = view[_PREFIX.size : end]
        torn = _TRAILER.unpack_from(view, end)[0] != seq or length < _FIXED.size
        if torn or (not self._seen(body) and zlib.crc32(body) != crc):
            return None
        return body

    def _seen(self, body: bytes) -> bool:
        return self._last is not None and self._last[0] == body

    def _parsed(self, body: bytes) -> tuple[Lease, str]:
        if self._last is None or self._last[0] != body:
            self._last = (body, *_unpack(body))
        return self._last[1], self._last[2]

    def _open(self) -> None:
        found = self._path.stat()
        if self._map is not None and self._file == (found.st_dev, found.st_ino):
            return
        self._drop()
        self._fd = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        opened = os.fstat(self._fd)
        self._file = (opened.st_dev, opened.st_ino)
        self._remap()

    def _remap(self) -> None:
        size = os.fstat(self._fd).st_size
        if size < _PREFIX.size:
            raise ValueError("the file is empty")
        self._map = mmap.mmap(self._fd, size, access=mmap.ACCESS_READ)

    def _drop(self) -> None:
        self._map = None
        self._file = None
        self._last = None
        if self._fd >= 0:
            with contextlib.suppress(OSError):
                os.close(self._fd)
        self._fd = -1
