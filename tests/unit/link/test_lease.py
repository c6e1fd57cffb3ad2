"""The role lease: what readers believe, and what they never believe."""

import dataclasses
import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from standby import lease as lease_module
from standby.domain.facts import Role
from standby.lease import Lease, LeaseReader, LeaseTaken, LeaseWriter, boot_time

BEAT = 0.1


def make_lease(**changes: object) -> Lease:
    values: dict[str, object] = {
        "role": Role.ACTIVE,
        "term": 3,
        "gate_open": True,
        "rfp_open": False,
        "node_boot": "boot-1",
        "role_since": 12.5,
        "renewed_at": boot_time(),
        "acked_seq": 7,
        "acked_hash": "a" * 64,
        "peer_in_contact": True,
        "document": b'{"node": 1}',
    }
    return Lease(**(values | changes))  # type: ignore[arg-type]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run" / "lease"


def test_what_is_written_is_read_back_whole(path: Path) -> None:
    writer, reader = LeaseWriter(path), LeaseReader(path, BEAT)
    for role in Role:
        lease = make_lease(role=role, gate_open=role is Role.ACTIVE, document=os.urandom(3000))
        writer.write(lease)
        view = reader.read()
        assert (view.lease, view.valid, view.why) == (lease, True, "")


def test_no_file_and_an_undecided_writer_are_not_valid(path: Path) -> None:
    reader = LeaseReader(path, BEAT)
    assert reader.read().why == "the standby process has not started yet"
    writer = LeaseWriter(path)
    assert reader.read().why == "the standby process has not decided a role yet"
    writer.write(make_lease())
    assert reader.read().valid


def test_three_beats_without_renewal_end_it(path: Path) -> None:
    writer, reader = LeaseWriter(path), LeaseReader(path, BEAT)
    writer.write(make_lease(renewed_at=boot_time() - 2.5 * BEAT))
    assert reader.read().valid
    writer.write(make_lease(renewed_at=boot_time() - 3.01 * BEAT))
    view = reader.read()
    assert not view.valid
    assert view.lease is not None
    assert "not renewed for 0.3 s" in view.why


def test_another_boot_of_the_host_ends_it(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer, reader = LeaseWriter(path), LeaseReader(path, BEAT)
    with monkeypatch.context() as patch:
        patch.setattr(lease_module, "kernel_boot_id", lambda: "0" * 36)
        writer.write(make_lease())
    assert "earlier boot" in reader.read().why


def test_closing_ends_it_and_the_next_writer_starts_from_nothing(path: Path) -> None:
    writer, reader = LeaseWriter(path), LeaseReader(path, BEAT)
    writer.write(make_lease())
    writer.close()
    assert reader.read().why == "the standby process is not running"
    second = LeaseWriter(path)
    view = reader.read()
    assert not view.valid
    assert view.lease is None, "the old word must not become the new writer's"
    word = make_lease(term=4)
    second.write(word)
    assert reader.read().lease == word


def test_a_second_writer_is_refused(path: Path) -> None:
    first = LeaseWriter(path)
    with pytest.raises(LeaseTaken):
        LeaseWriter(path)
    first.write(make_lease())
    assert LeaseReader(path, BEAT).read().valid


def test_readers_that_probe_do_not_keep_a_writer_out(path: Path) -> None:
    LeaseWriter(path).close()
    fd = os.open(path, os.O_RDONLY)
    fcntl.flock(fd, fcntl.LOCK_SH)
    threading.Timer(0.01, os.close, [fd]).start()
    LeaseWriter(path).close()


def test_a_replaced_file_is_opened_again(path: Path) -> None:
    writer, reader = LeaseWriter(path), LeaseReader(path, BEAT)
    writer.write(make_lease())
    assert reader.read().valid
    writer.close()
    path.unlink()
    assert not reader.read().valid
    second = LeaseWriter(path)
    second.write(make_lease(term=9))
    view = reader.read()
    assert view.valid
    assert view.lease is not None
    assert view.lease.term == 9


def test_damage_is_never_believed(path: Path) -> None:
    writer, reader = LeaseWriter(path), LeaseReader(path, 600.0)
    writer.write(make_lease())
    whole = path.read_bytes().rstrip(b"\0")
    with path.open("r+b", buffering=0) as file:
        for index in range(len(whole)):
            file.seek(index)
            file.write(bytes([whole[index] ^ 0xFF]))
            assert not LeaseReader(path, 600.0).read().valid, index
            assert not reader.read().valid, index
            file.seek(index)
            file.write(whole[index : index + 1])
    assert reader.read().valid


def test_a_document_may_outgrow_the_file(path: Path) -> None:
    writer, reader = LeaseWriter(path), LeaseReader(path, BEAT)
    writer.write(make_lease())
    assert reader.read().valid
    lease = make_lease(document=b"x" * 300_000)
    writer.write(lease)
    assert reader.read().lease == lease


def test_text_that_does_not_fit_is_refused(path: Path) -> None:
    writer = LeaseWriter(path)
    with pytest.raises(ValueError, match="does not fit"):
        writer.write(make_lease(node_boot="x" * 65))


def test_no_torn_reads(path: Path) -> None:
    """A reader in another thread sees one of the written leases, never a mixture."""
    writer, reader = LeaseWriter(path), LeaseReader(path, 100 * BEAT)
    leases = [
        make_lease(term=n, acked_hash=str(n) * 64, document=str(n).encode() * (n * 1000))
        for n in range(1, 6)
    ]
    by_term = {lease.term: lease for lease in leases}
    writer.write(leases[0])
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            for lease in leases:
                writer.write(lease)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        for _ in range(5000):
            lease = reader.read().lease
            assert lease is not None
            assert lease == by_term[lease.term]
    finally:
        stop.set()
        thread.join()


WRITER_PROCESS = """
import os, sys, time
from pathlib import Path
from standby.domain.facts import Role
from standby.lease import Lease, LeaseWriter, boot_time
writer = LeaseWriter(Path(sys.argv[1]))
writer.write(Lease(Role.ACTIVE, 1, True, True, "b", 0.0, boot_time() + 2, 0, "", True, b"{}"))
if sys.argv[2] == "plain" or os.fork() == 0:
    print("ready", flush=True)
time.sleep(30)
"""


@pytest.mark.parametrize("mode", ["plain", "fork"])
def test_the_writers_death_is_seen_at_once(path: Path, mode: str) -> None:
    """Even when a forked child of the writer lives on."""
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER_PROCESS, str(path), mode],
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        reader = LeaseReader(path, 10.0)
        assert reader.read().valid
        process.kill()
        process.wait()
        assert reader.read().why == "the standby process is not running"
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def test_reading_is_cheap(path: Path) -> None:
    writer, reader = LeaseWriter(path), LeaseReader(path, 10.0)
    writer.write(make_lease(document=b"x" * 3000))
    best = min(_time_of(reader.read, 200) for _ in range(10))
    assert best < 50e-6, f"{best * 1e6:.1f} us a read (the aim is 20)"


def _time_of(what: object, times: int) -> float:
    start = time.perf_counter()
    for _ in range(times):
        what()  # type: ignore[operator]
    return (time.perf_counter() - start) / times


def test_every_field_of_a_lease_travels() -> None:
    """A field that somebody adds must be packed too."""
    assert {field.name for field in dataclasses.fields(Lease)} == {
        *("role", "term", "gate_open", "rfp_open", "node_boot", "role_since", "renewed_at"),
        *("acked_seq", "acked_hash", "peer_in_contact", "document"),
    }
