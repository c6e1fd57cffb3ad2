"""Heartbeats on the wire: UDP datagrams that only a holder of the pair secret can make.

See ``sealed`` for the layout; the magic is ``OMMH`` and the payload a JSON object.
"""

from __future__ import annotations

from standby.domain.facts import Claim, Head, Heartbeat, Offer, Role, SplitPolicy
from standby.link.bounds import (
    ADDRESS,
    BOOT,
    COUNT,
    FLAG,
    NAME,
    NODE_ID,
    group,
    integer,
    number,
    optional,
    text,
    word,
)
from standby.link.keys import heartbeat_key
from standby.link.sealed import MAX_DATAGRAM, WIRE_VERSION, BadDatagram, Sealer

__all__ = ["HEARTBEAT", "MAX_DATAGRAM", "WIRE_VERSION", "BadDatagram", "DatagramCodec"]

_HASH = text(r"[0-9a-f]{64}")

HEAD = group(
    Head,
    {
        "seq": COUNT,
        "hash": _HASH,
        "term": COUNT,
        "lineage": text(r"[0-9A-Za-z-]{0,36}"),
        "real": FLAG,
    },
)
CLAIM = group(
    Claim,
    {
        "term": COUNT,
        "active_for": number(0, 1e10),
        "rfps": integer(0, 1_000_000),
        "policy": word(SplitPolicy),
        "acked_suffix": FLAG,
        "noticed": FLAG,
    },
)
OFFER = group(Offer, {"successor": NAME, "term": COUNT})
HEARTBEAT = group(
    Heartbeat,
    {
        "node": NAME,
        "address": ADDRESS,
        "peer_address": ADDRESS,
        "boot": BOOT,
        "counter": COUNT,
        "echo_boot": BOOT,
        "echo_counter": COUNT,
        "hears": FLAG,
        "role": word(Role),
        "gate_open": FLAG,
        "term": COUNT,
        "head": HEAD,
        "acked_seq": COUNT,
        "healthy": FLAG,
        "sip_ok": optional(FLAG),
        "yields": FLAG,
        "barred": FLAG,
        "rfps": integer(0, 1_000_000),
        "claim": optional(CLAIM),
        "offer": optional(OFFER),
        "probe": FLAG,
        "contact_timeout": number(0.001, 3600),
        "wall": number(0, 1e12),
        "version": text(r"[\x20-\x7e]{0,32}"),
        "policy": optional(word(SplitPolicy)),
        "witness": optional(FLAG),
        "secret": text(r"[0-9a-f]{0,64}"),
    },
)
"""The bounds of every field, in both directions. A new field of Heartbeat gets its line here."""


class DatagramCodec:
    """Makes and reads the heartbeats of one node.

    With a ``previous`` pair secret it understands both, and speaks with the one that the peer was
    last heard with: a peer that knows only one of them is understood and understands.
    """

    def __init__(self, secret: bytes, node: str, previous: bytes = b"") -> None:
        """``node`` is this node's id; raises ValueError when it cannot be one."""
        if not NODE_ID.fullmatch(node):
            raise ValueError(f"{node!r} is not a node id")
        self._node = node
        secrets = tuple(filter(None, (secret, previous)))
        self._sealer = Sealer(b"OMMH", HEARTBEAT, heartbeat_key, secrets)

    @property
    def secret(self) -> bytes:
        """The pair secret that the peer is known to know; before it is heard, the older one."""
        return self._sealer.secret

    def encode(self, heartbeat: Heartbeat) -> bytes:
        """The datagram, at most MAX_DATAGRAM bytes; raises ValueError for a heartbeat that is
        not this node's or has a field outside its bounds.
        """
        if heartbeat.node != self._node:
            raise ValueError(f"a heartbeat of {heartbeat.node!r} is not ours to send")
        return self._sealer.seal(heartbeat)

    def decode(self, data: bytes) -> Heartbeat:
        """The peer's heartbeat; raises BadDatagram and nothing else, whatever the bytes are.

        Whether it is fresh is not known here: the echo tells (domain/contact).
        """
        heartbeat: Heartbeat = self._sealer.open(data, own=self._node)
        return heartbeat
