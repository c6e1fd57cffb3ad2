"""Requests through a proxy that OMM_TRUSTED_PROXIES names: whose they really are."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from functools import lru_cache

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase

FORWARDED = ("HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_PROTO", "HTTP_X_FORWARDED_HOST")

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class TrustedProxyMiddleware:
    """Takes the client's address from a trusted proxy's word, and nobody else's word at all."""

    sync_capable = True
    async_capable = False

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Set REMOTE_ADDR to the client's, or drop what a stranger forwarded."""
        networks = _networks(settings.OMM.trusted_proxies)
        if _is_in(request.META.get("REMOTE_ADDR", ""), networks):
            chain = request.META.get("HTTP_X_FORWARDED_FOR", "")
            request.META["REMOTE_ADDR"] = client_of(
                [request.META["REMOTE_ADDR"], *reversed(chain.split(","))], networks
            )
        else:
            for name in FORWARDED:
                request.META.pop(name, None)
        return self.get_response(request)


def address_of(request: HttpRequest) -> str:
    """The client's network address, as the middleware left it."""
    return str(request.META.get("REMOTE_ADDR", ""))


def client_of(hops: list[str], networks: tuple[Network, ...]) -> str:
    """The first hop, from the nearest on, that is not a trusted proxy; nonsense ends the walk."""
    client = hops[0]
    for hop in hops:
        address = hop.strip()
        if not _is_address(address):
            break
        client = address
        if not _is_in(address, networks):
            break
    return client


@lru_cache(maxsize=4)
def _networks(texts: tuple[str, ...]) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(text) for text in texts)


def _is_in(address: str, networks: tuple[Network, ...]) -> bool:
    return _is_address(address) and any(
        ipaddress.ip_address(address) in network for network in networks
    )


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
