"""Keys of a pair, all derived from its one secret (HKDF-SHA256, a label for each purpose)."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_SALT = b"omm-portal pair secret v1"

DJANGO = "django"
TICKET = "ticket"
LINK_CA = "link-ca"
DATA_KEY = "data-key"
NAME = "name"


def derive(secret: bytes, label: str, length: int = 32) -> bytes:
    """The key of ``length`` bytes for one purpose; keys of different labels tell nothing
    about each other. Raises ValueError for an empty secret.
    """
    if not secret:
        raise ValueError("the pair secret is empty")
    kdf = HKDF(algorithm=SHA256(), length=length, salt=_SALT, info=label.encode())
    return kdf.derive(secret)


def heartbeat_key(secret: bytes, node: str) -> bytes:
    """The key of the heartbeats that ``node`` sends: one for each direction."""
    return derive(secret, f"heartbeat {node}")


def ca_key(secret: bytes) -> Ed25519PrivateKey:
    """The certificate authority of the pair's link, the same on both nodes."""
    return Ed25519PrivateKey.from_private_bytes(derive(secret, LINK_CA))


def wrapping_key(secret: bytes) -> bytes:
    """What the data key is wrapped with where it is stored (standby/keyring.py)."""
    return derive(secret, DATA_KEY)


def secret_name(secret: bytes) -> str:
    """Tells secrets apart without telling anything about them."""
    return derive(secret, NAME, 6).hex()
