"""The file of a back-up: JSON lines with a sum each, in xz, encrypted if there is a passphrase.

The first line tells what the file is, then comes a line for every row, then the last line with
the number of lines and a SHA-256 over all before it. Every line ends with a sum that is chained
over the line before, so the first damaged, missing, doubled or moved line is known. Nothing here
knows Django or the tables; memory holds a line and a block at a time, whatever the file says.
``docs/backup.md`` describes the format for those who read it with other means.
"""

from __future__ import annotations

import hashlib
import lzma
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import IO, Any, Final

from standby.backup.errors import BackupError, CutOff, Damaged, NotABackup, TooLarge, TooNew
from standby.backup.sealed import SealedWriter, is_sealed, open_sealed
from standby.domain.sentence import say
from standby.journal.canonical import dumps, loads
from standby.journal.errors import BadValue
from standby.journal.rows import Fields, is_uuid

FORMAT: Final = 1
KIND: Final = "omm-backup"
MAX_LINE: Final = 512 * 1024
"""Bytes of one line; a journal entry has at most 128 KiB."""
MAX_ROWS: Final = 100_000
MAX_TEXT: Final = 512 * 1024 * 1024
"""Bytes of all lines together: a small file that unpacks to more is refused."""
MAX_FILE: Final = 64 * 1024 * 1024
"""Bytes of a file that is taken in."""
_PIECE: Final = 1024
"""Packed bytes at a time: where the packing is broken is known that well."""
_STEP: Final = 64 * 1024
_PRESET: Final = 2
_MEMORY: Final = 64 * 1024 * 1024
_XZ: Final = b"\xfd7zXZ\0"
_SUM: Final = 16
_TAIL: Final = len(',"sum":"') + _SUM + len('"}')
_BEGINNING: Final = b'{"format":'
SECRETS_INSIDE: Final = "inside"
SECRETS_LEFT_OUT: Final = "left-out"
_HEADER: Final = frozenset({
    "format", "head", "kind", "lineage", "made_at", "made_by", "models", "node", "product",
    "release", "secrets",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Header:
    """The first line. ``models`` says of each model how many rows there are, with which fields."""

    made_at: str
    """UTC, canonical time."""
    made_by: str
    node: str
    lineage: str
    head: Mapping[str, Any]
    """Number and hash of the journal's last entry at that moment."""
    models: Mapping[str, Mapping[str, Any]]
    secrets: str
    release: str
    """The version of the product."""
    product: str = "OMM Portal"
    kind: str = KIND
    format: int = FORMAT

    @property
    def rows(self) -> int:
        """How many rows follow."""
        return sum(int(model["count"]) for model in self.models.values())

    @property
    def lines(self) -> int:
        """How many lines the file has."""
        return self.rows + 2


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the file; ``fields`` has all its fields but the primary key."""

    line: int
    model: str
    key: str
    fields: Fields


class _Chain:
    """The sum of each line, over the sum of the line before."""

    def __init__(self) -> None:
        self._before = ""
        self._whole = hashlib.sha256()
        self.lines = 0

    def next(self, body: str) -> str:
        """The sum of the next line, whose canonical text without a sum is ``body``."""
        found = hashlib.sha256(f"{self._before}\n{body}".encode()).hexdigest()[:_SUM]
        self._before = found
        self.lines += 1
        return found

    def keep(self, line: str) -> None:
        """Count a whole line, its end included, towards the last line's SHA-256."""
        self._whole.update(line.encode())

    @property
    def whole(self) -> str:
        """SHA-256 over all lines so far."""
        return self._whole.hexdigest()


# --- writing --------------------------------------------------------------------------------------


def write_backup(
    target: IO[bytes],
    header: Header,
    rows: Iterable[tuple[str, str]],
    *,
    passphrase: str | None = None,
) -> int:
    """Write a whole back-up; returns its number of lines.

    ``rows`` are pairs of model and canonical JSON of a row with its key as ``id``, as many as the
    header says (ValueError otherwise). With a passphrase everything is encrypted.
    """
    sealed = SealedWriter(target, passphrase) if passphrase else None
    out: IO[bytes] | SealedWriter = sealed or target
    packer = lzma.LZMACompressor(lzma.FORMAT_XZ, lzma.CHECK_SHA256, _PRESET)
    chain = _Chain()
    for line in _lines(chain, header, rows):
        out.write(packer.compress(line.encode()))
    out.write(packer.flush())
    if sealed is not None:
        sealed.finish()
    if chain.lines != header.lines:
        raise ValueError(f"{chain.lines} lines instead of {header.lines}")
    return chain.lines


def _lines(chain: _Chain, header: Header, rows: Iterable[tuple[str, str]]) -> Iterator[str]:
    yield _line(chain, dumps(asdict(header)))
    for model, text in rows:
        yield _line(chain, f'{{"model":{dumps(model)},"row":{text}}}')
    yield _line(chain, dumps({"lines": chain.lines + 1, "sha256": chain.whole}))


def _line(chain: _Chain, body: str) -> str:
    line = f'{body[:-1]},"sum":"{chain.next(body)}"}}\n'
    if len(line.encode()) > MAX_LINE:
        raise ValueError("a row is too large for a back-up")
    chain.keep(line)
    return line


# --- reading --------------------------------------------------------------------------------------


class BackupReader:
    """Reads a back-up line by line. Nothing may be done with rows before all are read.

    Raises BackupError when made (first line, passphrase) and while ``rows`` is consumed; a file
    that was read to its end is exactly what was written.
    """

    def __init__(self, source: IO[bytes], passphrase: str | None = None) -> None:
        self._chain = _Chain()
        self._total: int | None = None
        self._size = 0
        beginning = source.read(32)
        source.seek(0)
        self.is_encrypted = is_sealed(beginning)
        if self.is_encrypted:
            pieces = open_sealed(source, passphrase)
        elif beginning.startswith(_XZ):
            pieces = iter(lambda: source.read(_PIECE), b"")
        else:
            raise _no_backup()
        self._lines = _split(_unpacked(pieces))
        self.header = self._header()
        self._total = self.header.lines

    def rows(self) -> Iterator[Row]:
        """All rows, each checked; then the last line and that nothing follows."""
        left = {model: int(each["count"]) for model, each in self.header.models.items()}
        for _ in range(self.header.rows):
            value = self._next()
            row = self._row(value)
            left[row.model] = left.get(row.model, 0) - 1
            if left[row.model] < 0:
                raise self._damaged(say("there are more rows of its kind than were written"))
            yield row
        self._last()

    @property
    def digest(self) -> str:
        """SHA-256 over all lines read so far, in hex."""
        return self._chain.whole

    def check(self) -> Header:
        """Read all of it for nothing but whether it is whole."""
        for _ in self.rows():
            pass
        return self.header

    def _last(self) -> None:
        before = self._chain.whole
        value = self._next()
        if value != {"lines": self._total, "sha256": before}:
            raise self._damaged(say("it is not the end that was written"))
        try:
            more = next(self._lines, None)
        except BackupError as problem:
            raise self._behind(problem) from None
        if more is not None:
            raise Damaged(
                say("The file goes on after its last line, %(lines)s.", lines=self._chain.lines)
            )

    def _next(self) -> dict[str, Any]:
        """The next line without its sum."""
        try:
            line = next(self._lines, None)
        except BackupError as problem:
            raise self._behind(problem) from None
        if line is None:
            raise self._ends()
        if self._total is None and not line.startswith(_BEGINNING):
            raise _no_backup()
        self._size += len(line)
        if self._size > MAX_TEXT:
            raise TooLarge(say("This back-up holds more than a pair ever does."))
        return self._checked(line)

    def _checked(self, line: bytes) -> dict[str, Any]:
        try:
            text = line.decode()
            body, told = f"{text[:-_TAIL]}}}", text[-_SUM - 2 : -2]
            right = text == f'{body[:-1]},"sum":"{told}"}}'
            if self._chain.next(body) != told or not right:
                raise self._damaged(say("its sum is another"))
            value = loads(body)
        except UnicodeDecodeError:
            self._chain.lines += 1
            raise self._damaged(say("it is not a text")) from None
        except BadValue:
            raise self._damaged(say("it is not JSON as it was written")) from None
        self._chain.keep(f"{text}\n")
        if not isinstance(value, dict):
            raise self._damaged(say("it is not a JSON object"))
        return value

    def _header(self) -> Header:
        value = self._next()
        if value.get("kind") != KIND or type(value.get("format")) is not int:
            raise _no_backup()
        if value["format"] > FORMAT:
            raise TooNew(
                say(
                    "The back-up was made by a later version (%(release)s), which this one cannot "
                    "read.",
                    release=str(value.get("release"))[:40],
                )
            )
        if value.keys() != _HEADER or value["format"] < 1:
            raise self._damaged(say("it has other members than it should"))
        _check_header(value)
        header = Header(**value)
        if header.rows > MAX_ROWS:
            raise TooLarge(say("This back-up holds more than a pair ever does."))
        return header

    def _row(self, value: dict[str, Any]) -> Row:
        model, row = value.get("model"), value.get("row")
        if not isinstance(model, str) or not isinstance(row, dict) or len(value) != 2:
            raise self._damaged(say("it is not a row"))
        key = row.pop("id", None)
        known = self.header.models.get(model)
        if not is_uuid(key) or known is None or row.keys() != set(known["fields"]):
            raise self._damaged(say("it has other members than it should"))
        return Row(self._chain.lines, model, str(key), row)

    def _damaged(self, why: str) -> Damaged:
        """The line just read is not what was written."""
        line = self._chain.lines
        if self._total is None:
            return Damaged(say("Line %(line)s is damaged: %(why)s.", line=line, why=why))
        text = say(
            "Line %(line)s of %(lines)s is damaged: %(why)s.",
            line=line,
            lines=self._total,
            why=why,
        )
        return Damaged(text)

    def _behind(self, problem: BackupError) -> BackupError:
        """Something is wrong with what carries the lines."""
        if not isinstance(problem, Damaged):
            return problem
        if isinstance(problem, CutOff):
            return self._ends()
        if self._total is None:
            return Damaged(say("The beginning of the file is damaged: %(why)s.", why=problem))
        text = say(
            "The file is damaged after line %(line)s of %(lines)s: %(why)s.",
            line=self._chain.lines,
            lines=self._total,
            why=problem,
        )
        return Damaged(text)

    def _ends(self) -> Damaged:
        if self._total is None:
            return Damaged(say("The file ends before its first line does."))
        text = say(
            "The file ends after line %(line)s of %(lines)s.",
            line=self._chain.lines,
            lines=self._total,
        )
        return Damaged(text)


def _no_backup() -> NotABackup:
    return NotABackup(say("This file is not a back-up, or its beginning is damaged."))


def _check_header(value: dict[str, Any]) -> None:
    """Raise Damaged for a first line whose members are not what they should be."""
    texts = ("made_at", "made_by", "node", "lineage", "secrets", "release", "product")
    models, head = value["models"], value["head"]
    fine = (
        all(isinstance(value[name], str) and len(value[name]) <= 200 for name in texts)
        and isinstance(head, dict)
        and head.keys() == {"seq", "hash"}
        and isinstance(models, dict)
        and all(_is_model(each) for each in models.values())
    )
    if not fine:
        raise Damaged(say("Line 1 is damaged: it has other members than it should."))


def _is_model(value: Any) -> bool:
    match value:
        case {"count": int(count), "fields": list(fields)}:
            return count >= 0 and all(isinstance(name, str) for name in fields)
    return False


def _split(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Whole lines without their ends; what follows the last end was cut off and is dropped."""
    rest = b""
    for piece in pieces:
        *whole, rest = (rest + piece).split(b"\n")
        for line in whole:
            if len(line) > MAX_LINE:
                raise TooLarge(say("This back-up has a line that is too long."))
            yield line
        if len(rest) > MAX_LINE:
            raise TooLarge(say("This back-up has a line that is too long."))


def _unpacked(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """What the packed pieces hold, a limited piece at a time."""
    unpacker = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_MEMORY)
    try:
        for piece in pieces:
            if unpacker.eof:
                raise Damaged(say("something follows the end of the packed text"))
            yield unpacker.decompress(piece, _STEP)
            while not (unpacker.needs_input or unpacker.eof):
                yield unpacker.decompress(b"", _STEP)
            if unpacker.unused_data:
                raise Damaged(say("something follows the end of the packed text"))
    except lzma.LZMAError:
        raise Damaged(say("it cannot be unpacked")) from None
    if not unpacker.eof:
        raise CutOff(say("it ends too early"))
