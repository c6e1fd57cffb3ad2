"""What a node throws away in time: node-local rows only, nothing that replicates."""

from __future__ import annotations

from datetime import datetime, timedelta

from standby.models import Event

EVENTS_KEPT = timedelta(days=180)
MOST_EVENTS = 200_000


def events_clean_up(now: datetime) -> int:
    """Drop events that are too old, or more than can be kept; returns how many went."""
    gone, _ = Event.objects.filter(at__lt=now - EVENTS_KEPT).delete()
    newest_dropped = Event.objects.order_by("-id").values_list("id", flat=True)[MOST_EVENTS:][:1]
    for last in newest_dropped:
        more, _ = Event.objects.filter(id__lte=last).delete()
        gone += more
    return gone
