"""Back-ups that are made by themselves: when, what is kept, and that a failure is told."""

from __future__ import annotations

import errno
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from standby import journal
from standby.backup import files, sealed, services
from standby.backup.format import BackupReader
from standby.backup.schedule import is_due, last_due, run_schedule
from standby.backup.state import SIZE, State, problem, read_state, write_state
from standby.services import backup_settings_update
from tests.gate import OpenGate

BERLIN = ZoneInfo("Europe/Berlin")
NOON = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
PASSPHRASE = "correct horse battery"
database = pytest.mark.django_db(databases=["default", "live"])


@pytest.mark.parametrize(
    ("at_time", "every", "now", "due"),
    [
        ("02:30", 24, "2026-05-04T12:00+02:00", "2026-05-04T02:30+02:00"),
        ("02:30", 24, "2026-05-04T02:29+02:00", "2026-05-03T02:30+02:00"),
        ("23:00", 6, "2026-05-04T12:00+02:00", "2026-05-04T11:00+02:00"),
        ("23:00", 1, "2026-05-04T12:00+02:00", "2026-05-04T12:00+02:00"),
        ("02:30", 24, "2026-03-29T12:00+02:00", "2026-03-29T03:30+02:00"),  # there was no 02:30
        ("02:30", 24, "2026-10-25T12:00+01:00", "2026-10-25T02:30+02:00"),  # there were two
    ],
)
def test_when_one_was_due(at_time: str, every: int, now: str, due: str) -> None:
    found = last_due(at_time, every, BERLIN, datetime.fromisoformat(now))
    assert found == datetime.fromisoformat(due)


@given(
    st.integers(0, 23),
    st.sampled_from([1, 2, 4, 6, 12, 24]),
    st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1)),  # noqa: DTZ001
)
def test_one_was_due_within_the_last_interval(hour: int, every: int, moment: datetime) -> None:
    now = moment.replace(tzinfo=UTC)
    late = now - last_due(f"{hour:02}:30", every, BERLIN, now)
    assert timedelta(0) <= late <= timedelta(hours=every + 1)  # one more when clocks go back


def test_a_clock_that_is_set_back_costs_one_more_and_no_silence() -> None:
    slot = last_due("02:30", 24, UTC, NOON)
    at = NOON.timestamp()
    assert not is_due(slot, State(since=0, success=at - 3600), NOON)
    assert is_due(slot, State(since=0, success=at - 86400), NOON)
    assert is_due(slot, State(since=0, success=at + 400 * 86400), NOON)
    assert not is_due(slot, State(since=at), NOON)


@pytest.fixture
def _node(open_gate: OpenGate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealed, "LOG_N", 10)
    run_schedule(NOON)
    assert not files.stored_list()  # the first is due at its time, not at the first start


def tell() -> str:
    return problem(files.folder(), NOON.timestamp())


@database
@pytest.mark.usefixtures("_node")
def test_one_is_made_when_it_is_due_also_by_a_standby() -> None:
    journal.fence_close()
    head = journal.head()
    for hour in range(1, 49):
        run_schedule(NOON + timedelta(hours=hour))
    made = files.stored_list()
    assert [(one.kind, one.made_at.hour) for one in made] == [("scheduled", 3)] * 2
    with made[0].path.open("rb") as file:
        header = BackupReader(file).check()
    assert header.head == {"seq": head.seq, "hash": head.hash}
    assert journal.head() == head


@database
@pytest.mark.usefixtures("_node")
def test_the_stored_passphrase_encrypts_and_old_ones_go() -> None:
    changes = {"passphrase": PASSPHRASE, "keep_count": 3, "every_hours": 12}
    backup_settings_update(changes=changes, actor="admin")
    by_hand = services.backup_make(now=NOON - timedelta(days=400), actor="admin")
    for hour in range(1, 72):
        run_schedule(NOON + timedelta(hours=hour))
    made = files.stored_list()
    assert [one.kind for one in made] == ["scheduled"] * 3 + ["manual"]
    assert files.stored(by_hand.id)
    with made[0].path.open("rb") as file:
        assert BackupReader(file, PASSPHRASE).check().secrets == "inside"
    backup_settings_update(changes={"scheduled": False}, actor="admin")
    for hour in range(72, 144):
        run_schedule(NOON + timedelta(hours=hour))
    assert files.stored_list() == made
    assert not problem(files.folder(), (NOON + timedelta(days=30)).timestamp())


@database
@pytest.mark.usefixtures("_node")
def test_a_full_disk_is_told_until_the_next_success(monkeypatch: pytest.MonkeyPatch) -> None:
    tries: list[int] = []

    def full(*_: Any, **__: Any) -> None:
        tries.append(1)
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(services, "make_backup", full)
        for minute in range(11):
            run_schedule(NOON + timedelta(days=1, minutes=minute))
    assert len(tries) == 3
    assert tell() == "The back-up cannot be written: No space left on device."
    assert not files.stored_list()
    assert not list(files.folder().glob(".part-*"))
    run_schedule(NOON + timedelta(days=1, hours=1))
    assert tell() == ""
    assert len(files.stored_list()) == 1


@database
@pytest.mark.usefixtures("_node")
def test_too_long_without_one_is_told_even_if_nobody_tries() -> None:
    folder, ahead = files.folder(), timedelta(hours=47)
    assert not problem(folder, (NOON + ahead).timestamp())
    told = problem(folder, (NOON + 2 * ahead).timestamp())
    assert told == "for twice the time between two, none has been made."


def test_the_state_fits_where_it_lies(tmp_path: Path) -> None:
    state = State(1.5, 2.5, 3.5, "x" * 2000, 4.5)
    write_state(tmp_path, state)
    assert (tmp_path / "schedule.json").stat().st_size == SIZE
    assert read_state(tmp_path) == state
    write_state(tmp_path, State(1.0))
    assert read_state(tmp_path) == State(1.0)
    for nonsense in (b"", b"\xff", b"[]", b'{"since": 1, "other": 2}', os.urandom(100)):
        (tmp_path / "schedule.json").write_bytes(nonsense)
        assert read_state(tmp_path) is None
        assert problem(tmp_path, 0.0) == ""
