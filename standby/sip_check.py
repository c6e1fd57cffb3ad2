"""Does a SIP server answer? Asked by services before a changed server is saved."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from django.conf import settings

from standby.link.sip import SipTarget, probe
from standby.models import SipSettings

PROBES = 3
"""A server counts as silent after so many probes without any answer."""
PROBE_TIMEOUT = 0.7

FirstSilent = Callable[[list[SipTarget]], SipTarget | None]


def check_targets(row: SipSettings) -> list[SipTarget]:
    """Whom the OMM asks for reachability: the proxy, and the registrar if it is another server."""
    servers = [
        (row.proxy_server, row.proxy_port),
        (row.registrar_server, row.registrar_port),
    ]
    return [
        SipTarget(server, port, row.transport, row.check_number)
        for server, port in dict.fromkeys(servers)
        if server
    ]


def is_same_server(one: SipTarget, other: SipTarget) -> bool:
    """True when both are reached in the same way."""
    return (one.server, one.port, one.transport) == (other.server, other.port, other.transport)


def new_targets(row: SipSettings, before: SipSettings) -> list[SipTarget]:
    """The servers of ``row`` that ``before`` did not ask, or in another way."""
    known = check_targets(before)
    return [
        target
        for target in check_targets(row)
        if not any(is_same_server(target, old) for old in known)
    ]


def first_silent(targets: list[SipTarget]) -> SipTarget | None:
    """The first of ``targets`` that gives no SIP answer at all; takes 2.1 s at most.

    Asks from this node's address, all at once.
    """
    return asyncio.run(_first_silent(targets))


async def _first_silent(targets: list[SipTarget]) -> SipTarget | None:
    answers = await asyncio.gather(*(_answers(target) for target in targets))
    return next((each for each, ok in zip(targets, answers, strict=True) if not ok), None)


async def _answers(target: SipTarget) -> bool:
    for _attempt in range(PROBES):
        if await probe(target, settings.OMM.address, PROBE_TIMEOUT):
            return True
    return False
