"""The status document as Prometheus metrics, for allowed networks or with a token."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator

from django.conf import settings
from django.http import HttpResponse
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from omm_portal.accounts.models import User
from standby import gate
from standby.document import Document, status_document
from standby.domain.facts import Role

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Sample = tuple[str, dict[str, str], float]


class MetricsPermission(BasePermission):
    """A token of anybody, or an address of OMM_METRICS_NETWORKS."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        return isinstance(request.user, User) or _is_allowed(request.META.get("REMOTE_ADDR", ""))


class MetricsView(APIView):
    """Answers on every OMM, whatever its role."""

    permission_classes = (MetricsPermission,)
    schema = None

    def get(self, request: Request) -> HttpResponse:
        """All samples in the text form."""
        return HttpResponse(text_of(samples(status_document(gate.lease()))), CONTENT_TYPE)


def samples(document: Document) -> Iterator[Sample]:
    """What the document says, as numbers; what is not known is left out."""
    node, journal, rfps = document["node"], document["journal"], document["rfps"]
    for role in Role:
        yield "omm_role", {"role": role.value}, float(node["role"] == role.value)
    yield "omm_term", {}, node.get("term") or 0
    yield "omm_synchronised", {}, float(bool(node.get("synchronised")))
    yield "omm_journal_seq", {}, journal["seq"]
    yield "omm_journal_unsafe", {}, journal["unsafe"]
    yield "omm_set_aside", {}, journal["set_aside"]
    yield "omm_rfps_configured", {}, rfps["configured"]
    yield "omm_rfps_connected", {}, rfps["connected"]
    if document["sip"].get("configured"):
        yield "omm_sip_reachable", {}, float(bool(document["sip"].get("reachable")))
    yield from _peer_samples(document.get("peer"))
    for warning in document["warnings"]:
        labels = {"code": warning["code"], "severity": warning["severity"]}
        yield "omm_warning", labels, 1


def _peer_samples(peer: Document | None) -> Iterator[Sample]:
    if not peer:
        return
    yield "omm_peer_in_contact", {}, float(bool(peer.get("in_contact")))
    if peer.get("last_heard_ms") is not None:
        yield "omm_peer_last_heard_seconds", {}, peer["last_heard_ms"] / 1000


def text_of(found: Iterable[Sample]) -> str:
    """Prometheus' text form; every metric is a gauge."""
    lines: list[str] = []
    named: set[str] = set()
    for name, labels, value in found:
        if name not in named:
            named.add(name)
            lines.append(f"# TYPE {name} gauge")
        inner = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
        lines.append(f"{name}{{{inner}}} {value:g}" if inner else f"{name} {value:g}")
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _is_allowed(address: str) -> bool:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    networks = (ipaddress.ip_network(text) for text in settings.OMM.metrics_networks)
    return any(found in network for network in networks)
