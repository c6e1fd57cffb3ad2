"""Datagrams that only a holder of the pair secret can make, whatever they say.

Layout: magic (4 bytes), version (1 byte), length of the node id (1 byte), node id, payload, and
HMAC-SHA256 over all of it with the key of that node id. Nothing is looked at before the HMAC is
right, not even the version, so whatever a stranger sends has no effect but a counter.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import Any, Literal

from standby.link.bounds import NODE_ID, Bound, decoded, encoded

MAX_DATAGRAM = 1200
"""Bytes; fits into one packet on any path."""
WIRE_VERSION = 1

_TAG = 32
_HEAD = 6
_SHORTEST = _HEAD + 1 + _TAG

BadKind = Literal["short", "oversized", "version", "auth", "schema", "own"]


class BadDatagram(Exception):
    """A datagram that is not what it should be.

    ``kind`` says why. "version", "schema" and "own" are only said of datagrams that a holder of
    the pair secret made; "auth" also covers what is not ours at all.
    """

    def __init__(self, kind: BadKind) -> None:
        super().__init__(kind)
        self.kind: BadKind = kind


class Sealer:
    """Makes and reads datagrams of one kind; ``key`` gives the key of a pair secret and a node id.

    With two secrets (the new one and the one before) it understands both, and speaks with
    ``secret``: the one that was last heard, before that the older one.
    """

    def __init__(
        self,
        magic: bytes,
        bound: Bound,
        key: Callable[[bytes, str], bytes],
        secrets: tuple[bytes, ...],
    ) -> None:
        self.secret = secrets[-1]
        self._magic = magic
        self._bound = bound
        self._key = key
        self._secrets = secrets
        self._keys: dict[tuple[bytes, bytes], bytes] = {}
        self._own_keys: dict[tuple[str, bytes], bytes] = {}

    def seal(self, value: Any) -> bytes:
        """The datagram, at most MAX_DATAGRAM bytes; raises ValueError for a field outside its
        bounds.
        """
        node = str(value.node)
        raw = node.encode()
        header = self._magic + bytes([WIRE_VERSION, len(raw)]) + raw
        signed = header + encoded(self._bound, value)
        if len(signed) + _TAG > MAX_DATAGRAM:
            raise ValueError(f"a datagram of {len(signed) + _TAG} bytes is too long")
        own = (node, self.secret)
        if own not in self._own_keys:
            self._own_keys[own] = self._key(self.secret, node)
        return signed + hmac.digest(self._own_keys[own], signed, "sha256")

    def open(self, data: bytes, *, own: str = "") -> Any:
        """What was sealed; raises BadDatagram and nothing else, whatever the bytes are.

        ``own``: the node id that must not come back to its sender.
        """
        if len(data) > MAX_DATAGRAM:
            raise BadDatagram("oversized")
        if len(data) < _SHORTEST:
            raise BadDatagram("short")
        node, payload, secret = self._authenticated(data)
        if not own or node != own:
            self.secret = secret
        if data[_HEAD - 2] != WIRE_VERSION:
            raise BadDatagram("version")
        if own and node == own:
            raise BadDatagram("own")
        try:
            return decoded(self._bound, node, payload)
        except (ValueError, RecursionError):
            raise BadDatagram("schema") from None

    def _authenticated(self, data: bytes) -> tuple[str, bytes, bytes]:
        """Sender, payload and pair secret of a datagram whose HMAC is right."""
        end = _HEAD + data[_HEAD - 1]
        if data[: len(self._magic)] != self._magic or end > len(data) - _TAG:
            raise BadDatagram("auth")
        raw_node = data[_HEAD:end]
        try:
            node = raw_node.decode("ascii")
        except UnicodeDecodeError:
            raise BadDatagram("auth") from None
        if not NODE_ID.fullmatch(node):
            raise BadDatagram("auth")
        return node, data[end:-_TAG], self._secret_of(node, data)

    def _secret_of(self, node: str, data: bytes) -> bytes:
        """The pair secret that a datagram of ``node`` was made with."""
        for secret in self._secrets:
            # Only keys that proved right are kept, so strangers cannot fill the memory.
            known = self._keys.get((node.encode(), secret))
            key = known or self._key(secret, node)
            if hmac.compare_digest(hmac.digest(key, data[:-_TAG], "sha256"), data[-_TAG:]):
                self._keys[node.encode(), secret] = key
                return secret
        raise BadDatagram("auth")
