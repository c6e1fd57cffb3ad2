"""The keys of a base station and the encryption of its link.

A base station's own key (RFPA) has 64 bytes. Each direction is Blowfish-CBC with a key and a
starting vector of its own; the chain runs on over all messages of a connection. Blowfish and the
clear transfer of the key are the base stations' protocol, not our choice (docs/rfp-link.md).
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets

from cryptography.hazmat.decrepit.ciphers.algorithms import Blowfish
from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext, algorithms, modes

from rfps.link.wire import CHALLENGE, HEADER, Frame, Kind, WireProblem, header, split_header

KEY = 64
"""Bytes of a base station's key."""
BLOCK = 8

_TO_RFP_SALT = bytes.fromhex("DFE66571FAC45A42")
_TO_OMM_SALT = bytes.fromhex("68E8364BE9C234C1")
_PROOF = header(Kind.ENCRYPTION_CONF, 0)
_ROOT_HASH = re.compile(rb"\$1\$\$[./0-9A-Za-z]{22}")


def new_key() -> bytes:
    """A base station's key, made at random."""
    return secrets.token_bytes(KEY)


def new_challenge() -> bytes:
    """A challenge for one connection."""
    return secrets.token_bytes(CHALLENGE)


def _xor(left: bytes, right: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(left, right, strict=True))


def _to_rfp(key: bytes, challenge: bytes) -> Cipher[modes.CBC]:
    return Cipher(Blowfish(key[0:56]), modes.CBC(_xor(_TO_RFP_SALT, challenge[23:31])))


def _to_omm(key: bytes, challenge: bytes) -> Cipher[modes.CBC]:
    return Cipher(Blowfish(key[8:64]), modes.CBC(_xor(_TO_OMM_SALT, challenge[7:15])))


def _padded(length: int) -> int:
    return (length + BLOCK - 1) & ~(BLOCK - 1)


class Sealer:
    """Encrypts what the OMM sends on one connection."""

    def __init__(self, key: bytes, challenge: bytes) -> None:
        self._cipher: CipherContext = _to_rfp(key, challenge).encryptor()

    def seal(self, frame: Frame) -> bytes:
        """The frame padded with zeros to whole blocks, encrypted."""
        plain = frame.encode()
        return self._cipher.update(plain.ljust(_padded(len(plain)), b"\0"))


def proves(key: bytes, challenge: bytes, block: bytes) -> bool:
    """Whether the first block of a base station shows that it holds ``key``."""
    plain = _to_omm(key, challenge).decryptor().update(block)
    return hmac.compare_digest(plain[:HEADER], _PROOF)


class Opener:
    """Decrypts what a base station sends on one connection, from its proof on."""

    def __init__(self, key: bytes, challenge: bytes) -> None:
        self._cipher: CipherContext = _to_omm(key, challenge).decryptor()
        self._sealed = b""
        self._plain = bytearray()

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that are whole by now. Any type and length is legal after the proof."""
        self._sealed += data
        whole = len(self._sealed) & ~(BLOCK - 1)
        if whole:
            self._plain += self._cipher.update(self._sealed[:whole])
            self._sealed = self._sealed[whole:]
        frames = []
        start = 0
        while len(self._plain) - start >= BLOCK:
            kind, length = split_header(self._plain[start : start + HEADER])
            end = start + _padded(HEADER + length)
            if len(self._plain) < end:
                break
            frames.append(Frame(kind, bytes(self._plain[start + HEADER : start + HEADER + length])))
            start = end
        del self._plain[:start]
        return frames


def re_enrolment(key: bytes, challenge: bytes, root_hash: bytes) -> Frame:
    """Tell a base station that lost its key the same key again, under the root password's hash.

    ``root_hash`` is the password in MD5-crypt form with an empty salt (26 ASCII bytes). Whoever
    knows it and hears this frame learns the key. Raises ValueError for any other form of hash.
    """
    if _ROOT_HASH.fullmatch(root_hash) is None:
        raise ValueError("the root password's hash is not of the form $1$$ and 22 characters")
    wrapping = Cipher(algorithms.AES(root_hash + challenge[26:32]), modes.ECB())  # noqa: S305
    wrapped = wrapping.encryptor().update(key)
    proof = hashlib.sha256(challenge + root_hash + wrapped).digest()
    return Frame(Kind.RE_ENROLMENT, wrapped + proof)


def hand_out(key: bytes) -> Frame:
    """Give a new base station its key, in clear: only until it has once proved it."""
    if len(key) != KEY:
        raise WireProblem(f"a key of {len(key)} bytes")
    return Frame(Kind.AUTH_KEY, key)
