"""Encryption of a back-up with a passphrase: scrypt, then AES-256-GCM in numbered blocks.

The file begins with a line of its own that says how the key is made. Each block's nonce holds its
number and whether it is the last (the STREAM construction), and that first line is authenticated
with every block: blocks that are cut off, moved, doubled or of another file are found.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from standby.backup.errors import CutOff, Damaged, PassphraseNeeded, TooNew, WrongPassphrase
from standby.domain.sentence import say
from standby.journal.canonical import dumps, loads
from standby.journal.errors import BadValue

MAGIC: Final = b'{"encrypted":"omm-backup"'
"""How the first line of an encrypted back-up begins."""
FORMAT: Final = 1
BLOCK: Final = 16 * 1024
"""Bytes of one block before encryption."""
TAG: Final = 16
PREFIX: Final = 7
"""Random bytes at the beginning of every nonce."""
MAX_LINE: Final = 1024
LOG_N: Final = 16
"""scrypt's cost: 64 MiB and about a quarter of a second."""
R, P = 8, 2
MOST_LOG_N, MOST_P = 18, 4
"""A file that asks for more is refused: it would only exhaust the host."""


@dataclass(frozen=True, slots=True)
class Parameters:
    """The first line of an encrypted file."""

    line: bytes
    salt: bytes
    prefix: bytes
    check: bytes
    log_n: int
    p: int


@dataclass(frozen=True, slots=True)
class _Keys:
    content: bytes
    check: bytes


class SealedWriter:
    """A binary file that encrypts what is written to it; ``finish`` writes the last block."""

    def __init__(self, target: IO[bytes], passphrase: str) -> None:
        salt, prefix = os.urandom(16), os.urandom(PREFIX)
        keys = _keys(passphrase, salt, LOG_N, P)
        self._line = _line(salt, prefix, keys.check)
        self._target, self._prefix = target, prefix
        self._cipher = AESGCM(keys.content)
        self._waiting = bytearray()
        self._number = 0
        target.write(self._line)

    def write(self, data: bytes) -> int:
        """Encrypt whole blocks; the rest waits."""
        self._waiting += data
        while len(self._waiting) > BLOCK:
            self._block(bytes(self._waiting[:BLOCK]), is_last=False)
            del self._waiting[:BLOCK]
        return len(data)

    def finish(self) -> None:
        """Write what waits as the last block, which an empty file has too."""
        self._block(bytes(self._waiting), is_last=True)
        self._waiting.clear()

    def _block(self, data: bytes, *, is_last: bool) -> None:
        nonce = _nonce(self._prefix, self._number, is_last=is_last)
        self._target.write(self._cipher.encrypt(nonce, data, self._line))
        self._number += 1


def is_sealed(beginning: bytes) -> bool:
    """True when a file that begins so is an encrypted back-up."""
    return beginning.startswith(MAGIC)


def open_sealed(source: IO[bytes], passphrase: str | None) -> Iterator[bytes]:
    """The decrypted blocks of a file, each checked before it is given out.

    Raises PassphraseNeeded, WrongPassphrase, TooNew, and Damaged with the number of the block.
    """
    found = _parameters(source.readline(MAX_LINE + 1))
    if not passphrase:
        raise PassphraseNeeded(say("This back-up is encrypted: its passphrase is needed."))
    keys = _keys(passphrase, found.salt, found.log_n, found.p)
    if not hmac.compare_digest(keys.check, found.check):
        raise WrongPassphrase(say("The passphrase does not open this back-up."))
    return _blocks(source, AESGCM(keys.content), found)


def _blocks(source: IO[bytes], cipher: AESGCM, found: Parameters) -> Iterator[bytes]:
    number = 0
    data = source.read(BLOCK + TAG)
    while True:
        ahead = source.read(BLOCK + TAG)
        nonce = _nonce(found.prefix, number, is_last=not ahead)
        try:
            yield cipher.decrypt(nonce, data, found.line)
        except InvalidTag:
            raise _damaged(cipher, data, found, number, is_last=not ahead) from None
        if not ahead:
            return
        number += 1
        data = ahead


def _damaged(
    cipher: AESGCM, data: bytes, found: Parameters, number: int, *, is_last: bool
) -> Damaged:
    """Which of the ways of being damaged it is."""
    if is_last:
        try:
            cipher.decrypt(_nonce(found.prefix, number, is_last=False), data, found.line)
        except InvalidTag:
            pass
        else:
            return CutOff(say("it ends after its encrypted block %(block)s", block=number + 1))
    return Damaged(say("its encrypted block %(block)s is not what was written", block=number + 1))


def _nonce(prefix: bytes, number: int, *, is_last: bool) -> bytes:
    return prefix + number.to_bytes(4, "big") + bytes([is_last])


def _keys(passphrase: str, salt: bytes, log_n: int, p: int) -> _Keys:
    kdf = Scrypt(salt=salt, length=48, n=2**log_n, r=R, p=p)
    typed = unicodedata.normalize("NFC", passphrase)  # keyboards differ in how they write an umlaut
    made = kdf.derive(typed.encode("utf-8", "surrogatepass"))
    return _Keys(made[:32], made[32:])


def _line(salt: bytes, prefix: bytes, check: bytes) -> bytes:
    """The first line; its own sum tells a damaged line from a wrong passphrase."""
    members = {
        "encrypted": "omm-backup",
        "format": FORMAT,
        "kdf": {"log_n": LOG_N, "name": "scrypt", "p": P, "r": R, "salt": salt.hex()},
        "key_check": check.hex(),
        "prefix": prefix.hex(),
    }
    text = dumps(members)
    return f'{text[:-1]},"sum":"{_sum(text)}"}}\n'.encode()


def _sum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _parameters(line: bytes) -> Parameters:
    try:
        value = loads(line.removesuffix(b"\n").decode())
        told = value.pop("sum")
        is_whole = line.endswith(b"\n") and told == _sum(dumps(value))
        return _checked(line, value) if is_whole else _refuse("another sum")
    except (BadValue, UnicodeDecodeError, KeyError, TypeError, ValueError, AttributeError):
        raise Damaged(say("its first line is not what was written")) from None


def _refuse(why: str) -> Parameters:
    raise BadValue(why)


def _checked(line: bytes, value: dict[str, object]) -> Parameters:
    if value["format"] != FORMAT:
        raise TooNew(say("A later version encrypted this back-up; this one cannot open it."))
    kdf = value["kdf"]
    if not isinstance(kdf, dict) or (kdf["name"], kdf["r"]) != ("scrypt", R):
        raise BadValue("another way to make the key")
    log_n, p = kdf["log_n"], kdf["p"]
    if not (type(log_n) is int and 10 <= log_n <= MOST_LOG_N and type(p) is int):
        raise BadValue("the key is out of range")
    if not 1 <= p <= MOST_P:
        raise BadValue("the key is out of range")
    salt, prefix, check = (
        bytes.fromhex(str(text)) for text in (kdf["salt"], value["prefix"], value["key_check"])
    )
    if (len(salt), len(prefix), len(check)) != (16, PREFIX, 16):
        raise BadValue("a member has another length")
    return Parameters(line, salt, prefix, check, log_n, p)
