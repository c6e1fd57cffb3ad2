"""Texts that only the holder of a key can read: AES-256-GCM, pure functions, no storage.

A sealed text is ``v1:name:nonce:ciphertext``: ``name`` says which key, the rest is Base64 (URL
alphabet). It is bound to its *place*, e.g. one field of one row, and is of no use elsewhere. The
nonce is a digest of place and text under a key of its own, so the same text at the same place is
always sealed alike: a value that did not change can be told from one that did.
"""

from __future__ import annotations

import base64
import hmac
import re
from functools import lru_cache
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
_SEALED = re.compile(r"v1:([0-9a-f]{4,64}):([A-Za-z0-9_-]{16}):([A-Za-z0-9_-]{22,})", re.ASCII)


class Unreadable(Exception):
    """A sealed text that this key does not open; never says anything of text or key."""


def is_sealed(text: str) -> bool:
    """True for a text of the form that seal() gives."""
    return _SEALED.fullmatch(text) is not None


def key_name(sealed: str) -> str:
    """The name of the key that a text is sealed with; raises Unreadable."""
    return _parts(sealed)[0]


def seal(key: bytes, name: str, text: str, *, place: str) -> str:
    """The text under ``key``, whose name has 4 to 64 hexadecimal digits, for one place."""
    encryption, naming = _keys(key)
    bound, plain = place.encode(), text.encode()
    digest = hmac.digest(naming, len(bound).to_bytes(4, "big") + bound + plain, "sha256")
    nonce = digest[:NONCE_BYTES]
    secret = AESGCM(encryption).encrypt(nonce, plain, bound)
    return f"v1:{name}:{_encoded(nonce)}:{_encoded(secret)}"


def unseal(key: bytes, sealed: str, *, place: str) -> str:
    """The text; raises Unreadable for another key or place, and for what was altered."""
    _name, nonce, secret = _parts(sealed)
    encryption, _naming = _keys(key)
    try:
        return (
            AESGCM(encryption).decrypt(_decoded(nonce), _decoded(secret), place.encode()).decode()
        )
    except (InvalidTag, ValueError):
        raise Unreadable("sealed with another key, or altered") from None


def _parts(sealed: str) -> tuple[str, str, str]:
    found = _SEALED.fullmatch(sealed)
    if found is None:
        raise Unreadable("not a sealed text")
    return found[1], found[2], found[3]


@lru_cache(maxsize=16)
def _keys(key: bytes) -> tuple[bytes, bytes]:
    """The keys for encrypting and for making nonces."""
    if len(key) != KEY_BYTES:
        raise ValueError(f"a key has {KEY_BYTES} bytes")
    both = HKDFExpand(algorithm=SHA256(), length=64, info=b"sealing v1").derive(key)
    return both[:32], both[32:]


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
