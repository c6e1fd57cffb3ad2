"""What a node throws away in time: node-local rows only, nothing that replicates."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, Min

from standby.models import Event, Sample
from standby.samples import SPAN, joined, samples_keep

EVENTS_KEPT = timedelta(days=180)
MOST_EVENTS = 200_000
SAMPLES_KEPT = 24 * 3600
SAMPLES_FINE = 6 * 3600
"""Seconds after which samples are joined to one a minute."""
MINUTE = 60


def events_clean_up(now: datetime) -> int:
    """Drop events that are too old, or more than can be kept; returns how many went."""
    gone, _ = Event.objects.filter(at__lt=now - EVENTS_KEPT).delete()
    newest_dropped = Event.objects.order_by("-id").values_list("id", flat=True)[MOST_EVENTS:][:1]
    for last in newest_dropped:
        more, _ = Event.objects.filter(id__lte=last).delete()
        gone += more
    return gone


def samples_clean_up(now: int) -> None:
    """Drop samples older than a day or from the future; join older ones to one a minute.

    ``now`` is in seconds since 1970. Bounds the table to about 3,300 rows.
    """
    samples = Sample.objects
    samples.exclude(at__gte=now - SAMPLES_KEPT, at__lte=now + SPAN).delete()
    fine_from = (now - SAMPLES_FINE) // MINUTE * MINUTE
    coarse = samples.filter(at__lt=fine_from)
    crowded = coarse.annotate(second=F("at") % MINUTE).exclude(second=0)
    first = crowded.aggregate(first=Min("at"))["first"]
    if first is None:
        return
    rest = coarse.filter(at__gte=first // MINUTE * MINUTE)
    with transaction.atomic(using=samples.db):
        minutes = [_sample_of(row) for row in joined(rest, MINUTE)]
        rest.delete()
        samples_keep(minutes)


def _sample_of(row: dict[str, Any]) -> Sample:
    measures = {name: value for name, value in row.items() if name != "slot"}
    return Sample(at=row["slot"] * MINUTE, **measures)
