"""The file of a back-up: whole or refused, and a damaged one says where it is damaged."""

from __future__ import annotations

import hashlib
import io
import json
import lzma
import re
import uuid
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from standby.backup import format as backup_format
from standby.backup import sealed
from standby.backup.errors import (
    BackupError,
    Damaged,
    NotABackup,
    PassphraseNeeded,
    TooLarge,
    TooNew,
    WrongPassphrase,
)
from standby.backup.format import BackupReader, Header, write_backup
from standby.journal.canonical import dumps

PASSPHRASE = "correct horse bättery"
FIELDS = ["count", "name", "note"]
Rows = list[dict[str, Any]]

some = settings(deadline=None, max_examples=60)
texts = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=40)
rows = st.lists(
    st.fixed_dictionaries(
        {
            "id": st.uuids().map(str),
            "name": texts,
            "count": st.integers(-(2**63), 2**63 - 1),
            "note": st.none() | st.lists(texts, max_size=3),
        }
    ),
    max_size=12,
)


@pytest.fixture(autouse=True)
def _quick_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealed, "LOG_N", 10)


def header(counts: dict[str, int]) -> Header:
    return Header(
        made_at="2026-05-04T02:14:09.000000Z",
        made_by="admin",
        node="10.0.0.1",
        lineage=str(uuid.UUID(int=7)),
        head={"seq": 12, "hash": "0" * 64},
        models={label: {"count": n, "fields": FIELDS} for label, n in counts.items()},
        secrets=backup_format.SECRETS_LEFT_OUT,
        release="0.1.0",
    )


def packed(content: Rows, passphrase: str | None = None) -> bytes:
    out = io.BytesIO()
    pairs = (("things.thing", dumps(row)) for row in content)
    write_backup(out, header({"things.thing": len(content)}), pairs, passphrase=passphrase)
    return out.getvalue()


def unpacked(data: bytes, passphrase: str | None = None) -> Rows:
    reader = BackupReader(io.BytesIO(data), passphrase)
    return [{**row.fields, "id": row.key} for row in reader.rows()]


def plenty(count: int) -> Rows:
    return [
        {"id": str(uuid.UUID(int=n)), "name": f"Base {n}", "count": n * n, "note": None}
        for n in range(count)
    ]


@some
@given(rows, st.none() | st.text(min_size=1, max_size=20))
def test_what_was_written_is_read(content: Rows, passphrase: str | None) -> None:
    assert unpacked(packed(content, passphrase), passphrase) == content


@some
@given(st.data(), st.sampled_from([None, PASSPHRASE]))
def test_any_flipped_bit_is_found(data: st.DataObject, passphrase: str | None) -> None:
    whole = packed(plenty(60), passphrase)
    at = data.draw(st.integers(0, len(whole) - 1))
    broken = bytearray(whole)
    broken[at] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(BackupError) as problem:
        unpacked(bytes(broken), passphrase)
    assert problem.value.reason


@some
@given(st.data(), st.sampled_from([None, PASSPHRASE]))
def test_any_missing_end_is_found(data: st.DataObject, passphrase: str | None) -> None:
    whole = packed(plenty(60), passphrase)
    with pytest.raises(BackupError):
        unpacked(whole[: data.draw(st.integers(0, len(whole) - 1))], passphrase)


@some
@given(st.binary(min_size=1, max_size=40), st.sampled_from([None, PASSPHRASE]))
def test_whatever_is_put_behind_it_is_found(more: bytes, passphrase: str | None) -> None:
    with pytest.raises(BackupError):
        unpacked(packed(plenty(5), passphrase) + more, passphrase)


@some
@given(
    st.binary(max_size=400),
    st.sampled_from([b"", b"\xfd7zXZ\0", sealed.MAGIC, b"\xfd7zXZ\0\0\x04\xe6\xd6\xb4F"]),
)
def test_nonsense_is_refused_in_words(noise: bytes, beginning: bytes) -> None:
    with pytest.raises(BackupError):
        unpacked(beginning + noise, PASSPHRASE)


def lines_of(data: bytes) -> list[bytes]:
    return lzma.decompress(data).splitlines(keepends=True)


def repacked(lines: list[bytes]) -> bytes:
    return lzma.compress(b"".join(lines))


@some
@given(st.data())
def test_lines_out_of_order_missing_or_twice_are_located(data: st.DataObject) -> None:
    lines = lines_of(packed(plenty(30)))
    at = data.draw(st.integers(1, len(lines) - 2))
    other = data.draw(st.integers(1, len(lines) - 2).filter(lambda n: n != at))
    low, high = sorted((at, other))
    swapped = [*lines]
    swapped[at], swapped[other] = lines[other], lines[at]
    moved = {
        low + 1: swapped,
        at + 1: [*lines[:at], *lines[at + 1 :]],
        high + 2: [*lines[: high + 1], lines[high], *lines[high + 1 :]],
    }
    for line, content in moved.items():
        with pytest.raises(Damaged, match=f"Line {line} of 32 is damaged"):
            unpacked(repacked(content))


@pytest.mark.parametrize("line", [2, 17, 31])
def test_a_changed_value_is_located(line: int) -> None:
    lines = lines_of(packed(plenty(30)))
    lines[line - 1] = lines[line - 1].replace(b"Base ", b"Cave ")
    with pytest.raises(Damaged, match=f"Line {line} of 32 is damaged: its sum is another"):
        unpacked(repacked(lines))


def test_a_missing_end_is_located() -> None:
    lines = lines_of(packed(plenty(30)))
    with pytest.raises(Damaged, match="The file ends after line 20 of 32"):
        unpacked(repacked(lines[:20]))
    whole = packed(plenty(3000))
    with pytest.raises(Damaged, match=r"The file ends after line (\d+) of 3002") as problem:
        unpacked(whole[: len(whole) // 2])
    found = re.search(r"line (\d+) of", problem.value.reason)
    assert found
    assert 1000 < int(found[1]) < 2000


def test_a_missing_or_moved_block_is_located() -> None:
    whole = packed(plenty(3000), PASSPHRASE)
    start = whole.index(b"\n") + 1
    size = sealed.BLOCK + sealed.TAG
    blocks = [whole[at : at + size] for at in range(start, len(whole), size)]
    assert len(blocks) > 2

    def read(order: list[bytes]) -> None:
        unpacked(whole[:start] + b"".join(order), PASSPHRASE)

    with pytest.raises(Damaged, match=r"The file ends after line \d+ of 3002"):
        read(blocks[:2])
    with pytest.raises(Damaged, match=r"The beginning .*: its encrypted block 1 is not"):
        read([blocks[1], blocks[0], *blocks[2:]])
    with pytest.raises(Damaged, match=r"after line \d+ of 3002: its encrypted block 2 is not"):
        read([blocks[0], *blocks[2:]])
    other = packed(plenty(3000), PASSPHRASE)
    with pytest.raises(Damaged, match=r"encrypted block 2 is not"):
        read([blocks[0], other[start + size : start + 2 * size], *blocks[2:]])


def test_the_passphrase_is_needed_and_must_be_right() -> None:
    whole = packed(plenty(3), PASSPHRASE)
    with pytest.raises(PassphraseNeeded):
        unpacked(whole)
    with pytest.raises(WrongPassphrase):
        unpacked(whole, "correct horse battery")
    decomposed = "correct horse ba\u0308ttery"
    assert unpacked(whole, decomposed) == plenty(3)
    assert b"Base" not in whole


def test_a_stranger_reads_it_with_xz_json_and_sha_256() -> None:
    whole = packed(plenty(4))
    first, *content, last = [json.loads(line) for line in lines_of(whole)]
    text = b"".join(lines_of(whole)[:-1])
    assert last["sha256"] == hashlib.sha256(text).hexdigest()
    assert first["kind"] == "omm-backup"
    assert first["models"]["things.thing"]["count"] == 4
    assert [row["row"] for row in content] == plenty(4)
    assert last["lines"] == 6


def test_a_small_file_that_unpacks_to_more_than_a_pair_holds_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bomb = lzma.compress(b"{" * (backup_format.MAX_LINE * 4))
    with pytest.raises(TooLarge):
        unpacked(bomb)
    monkeypatch.setattr(backup_format, "MAX_TEXT", 1000)
    with pytest.raises(TooLarge):
        unpacked(packed(plenty(30)))
    monkeypatch.setattr(backup_format, "MAX_ROWS", 29)
    with pytest.raises(TooLarge):
        unpacked(packed(plenty(30)))


def test_a_later_format_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = packed(plenty(1))
    monkeypatch.setattr(backup_format, "FORMAT", 0)
    with pytest.raises(TooNew, match=r"later version \(0\.1\.0\)"):
        unpacked(whole)
    with pytest.raises(NotABackup):
        unpacked(lzma.compress(b"hello\n"))
