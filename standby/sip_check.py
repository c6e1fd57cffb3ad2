"""Does a SIP server answer? Asked by services before a changed server is saved."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from django.conf import settings

from standby.link.sip import SipTarget, probe
from standby.models import SipSettings

PROBES = 3
"""A server counts as silent after so many probes without any answer (standby.md)."""
PROBE_TIMEOUT = 0.7

SipAnswers = Callable[[SipTarget], bool]


def check_target(row: SipSettings) -> SipTarget | None:
    """Whom the OMM asks for reachability: the proxy, else the registrar, None without either."""
    server = row.proxy_server or row.registrar_server
    if not server:
        return None
    port = row.proxy_port if row.proxy_server else row.registrar_port
    return SipTarget(
        server=server, port=port, transport=row.transport, check_number=row.check_number
    )


def answers(target: SipTarget) -> bool:
    """Probe ``target`` from this node's address; any SIP answer counts. Takes 2.1 s at most."""
    return asyncio.run(_any_answer(target))


async def _any_answer(target: SipTarget) -> bool:
    for _attempt in range(PROBES):
        if await probe(target, settings.OMM.address, PROBE_TIMEOUT):
            return True
    return False
