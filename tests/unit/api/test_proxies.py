"""Whose request it is behind proxies, and when nobody's word is taken for it."""

import ipaddress

import pytest
from django.http import HttpResponse
from django.test import RequestFactory

from omm_portal.proxies import TrustedProxyMiddleware, client_of

NETWORKS = (ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("fd00::/8"))


@pytest.mark.parametrize(
    ("hops", "client"),
    [
        (["10.0.0.1", "192.0.2.7"], "192.0.2.7"),
        (["10.0.0.1", " 10.0.0.2", " 192.0.2.7", "6.6.6.6"], "192.0.2.7"),
        (["10.0.0.1", "fd00::1", "2001:db8::7"], "2001:db8::7"),
        (["10.0.0.1", "10.0.0.2"], "10.0.0.2"),
        (["10.0.0.1", "nonsense", "6.6.6.6"], "10.0.0.1"),
        (["10.0.0.1", ""], "10.0.0.1"),
    ],
)
def test_the_client_is_the_nearest_hop_that_is_no_proxy(hops, client):
    assert client_of(hops, NETWORKS) == client


def seen(settings, remote, trusted):
    import dataclasses

    settings.OMM = dataclasses.replace(settings.OMM, trusted_proxies=trusted)
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    found = {}

    def view(request):
        found.update(address=request.META["REMOTE_ADDR"], scheme=request.scheme)
        return HttpResponse()

    request = RequestFactory().get(
        "/",
        REMOTE_ADDR=remote,
        headers={"X-Forwarded-For": "6.6.6.6, 192.0.2.7", "X-Forwarded-Proto": "https"},
    )
    TrustedProxyMiddleware(view)(request)
    return found


def test_a_trusted_proxy_is_believed(settings):
    found = seen(settings, "10.0.0.1", ("10.0.0.0/8",))
    assert found == {"address": "192.0.2.7", "scheme": "https"}


def test_strangers_are_not(settings):
    assert seen(settings, "192.0.2.1", ("10.0.0.0/8",)) == {
        "address": "192.0.2.1",
        "scheme": "http",
    }
    assert seen(settings, "10.0.0.1", ()) == {"address": "10.0.0.1", "scheme": "http"}
