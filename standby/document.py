"""The status document as this node's lease tells it, also when the lease is worth nothing."""

from __future__ import annotations

import contextlib
import json
from typing import Any

from django.conf import settings
from django.utils import translation

from standby import gate
from standby.domain.facts import Role
from standby.domain.sentence import pack, say, unpack
from standby.lease import LeaseView
from standby.texts import ENGLISH, localised

Document = dict[str, Any]


def status_document(view: LeaseView) -> Document:
    """The document for pages; without a valid lease the role is ``failed``, with the reason.

    Its texts are sentences (see standby.domain.sentence): ``standby.texts.localised`` says them.
    """
    document = _parsed(view)
    if not view.valid:
        document["node"] = {**document["node"], "role": Role.FAILED.value, "synchronised": False}
        document["reason"] = say("This OMM is not working: %(why)s.", why=view.why)
        if document["peer"]:
            document["peer"] = {**document["peer"], "in_contact": False}
    return document


def _parsed(view: LeaseView) -> Document:
    document = _empty()
    if view.lease is not None:
        with contextlib.suppress(ValueError):
            document |= unpack(json.loads(view.lease.document))
    return document


def status_bytes(language: str = ENGLISH) -> bytes:
    """The document of this moment as JSON, ready to be served; cheap while the lease is valid.

    In English it also tells how its texts were made; in another language it holds just the texts.
    """
    view = gate.lease()
    if language != ENGLISH:
        with translation.override(language):
            return json.dumps(localised(status_document(view)), ensure_ascii=False).encode()
    if view.valid and view.lease is not None:
        return view.lease.document
    return json.dumps(pack(status_document(view)), ensure_ascii=False).encode()


def database_is_away() -> bool:
    """True on an OMM that serves nobody and whose database hangs: do not wait for it, then."""
    if gate.is_active():
        return False
    return status_document(gate.lease())["node"].get("database_answers") is False


def lag(document: Document) -> int | None:
    """Journal entries that the peer lacks; None without a peer."""
    journal = document.get("journal") or {}
    if journal.get("peer_seq") is None:
        return None
    return max(0, int(journal.get("seq", 0)) - int(journal["peer_seq"]))


def _empty() -> Document:
    """What is known without the runtime: every member of the document, most of them unknown."""
    peer = settings.OMM.peer_address
    return {
        "node": {
            "address": settings.OMM.address,
            "role": Role.STARTING.value,
            "synchronised": False,
            "term": 0,
            "active_since": None,
            "started_at": None,
            "boot_id": "",
            "version": "",
        },
        "peer": _empty_peer(peer) if peer else None,
        "journal": {"seq": 0, "hash": "", "peer_seq": None, "unsafe": 0, "set_aside": 0},
        "sip": {"configured": False, "reachable": None, "checked_at": None},
        "witness": None,
        "rfps": {"configured": 0, "connected": 0},
        "rules": [],
        "warnings": [],
        "reason": "",
    }


def _empty_peer(address: str) -> Document:
    return {
        "address": address,
        "in_contact": False,
        "role": None,
        "term": None,
        "last_heard_ms": None,
        "version": None,
        "paths": [],
    }
