"""Keys of base stations: made, proved, taken away; every step is a change in the journal.

A key is made when its base station first asks for one, and told it in clear (the base stations'
protocol has no other way) until it has once been proved. That it was proved is replicated, so no
other OMM tells it again because it did not know.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from uuid import UUID

from rfps.link.cipher import new_key
from rfps.models import Rfp, RfpKey
from standby import journal, keyring
from standby.written import Written, expect_version

SOURCE = "system"
ACTOR = "system"


def keys_make(macs: Collection[str]) -> Written[list[RfpKey]]:
    """Make a key for each of these base stations that is configured and has none yet.

    Raises what the journal raises when this OMM accepts no change.
    """
    made: list[RfpKey] = []
    with journal.change(actor=ACTOR, source=SOURCE) as change:
        configured = set(Rfp.objects.filter(mac__in=macs).values_list("mac", flat=True))
        supplied = set(RfpKey.objects.filter(mac__in=macs).values_list("mac", flat=True))
        for mac in sorted(configured - supplied):
            row = RfpKey(mac=mac)
            keyring.put(change, row, {"key": new_key().hex()})
            made.append(row)
        change.save_all(made)
    return Written(made, change.receipt)


def keys_proved(ids: Iterable[UUID]) -> Written[None]:
    """These keys were proved: they are never told again, and other keys of the same base station
    are taken away.
    """
    with journal.change(actor=ACTOR, source=SOURCE) as change:
        proved = list(RfpKey.objects.filter(pk__in=list(ids)))
        for row in proved:
            row.proved = True
        change.save_all(proved)
        others = RfpKey.objects.filter(mac__in=[row.mac for row in proved])
        change.delete_all(others.exclude(pk__in=[row.pk for row in proved]))
    return Written(None, change.receipt)


def rfp_re_enrol(
    *, rfp: Rfp, expected_version: int | None = None, actor: str, source: str = "web"
) -> Written[None]:
    """Take a base station's keys away: at its next attempt it gets a new one, told in clear."""
    with journal.change(actor=actor, source=source) as change:
        current = expect_version(Rfp.objects.filter(pk=rfp.pk).first(), expected_version)
        change.delete_all(RfpKey.objects.filter(mac=current.mac))
    return Written(None, change.receipt)
