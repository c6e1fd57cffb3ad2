"""How the pair did in the last hours: this node's samples, kept by the runtime, read by charts.

A chart is drawn from few points, and what matters at night is what went wrong: whenever samples
are joined, of each measure the worst stays.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db.models import F, Max, Min, QuerySet, Sum
from django.db.models.aggregates import Aggregate

from standby.document import Document
from standby.models import Sample

SPAN = 10
"""Seconds of one sample."""
POINTS = 180
"""Values of one column, whatever its period."""

JOINED: Mapping[str, type[Aggregate]] = {
    "latency_ms": Max,
    "silence_ms": Max,
    "suspicion": Max,
    "lag": Max,
    "unsafe": Max,
    "rfps": Min,
    "sip_ms": Max,
    "here": Sum,
    "there": Sum,
    "nobody": Sum,
}
"""Every measure and how several samples become one."""


def samples_keep(rows: Sequence[Sample]) -> None:
    """Write samples; one of the same time is replaced, as when the clock was set back."""
    Sample.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["at"], update_fields=list(JOINED)
    )


def joined(rows: QuerySet[Sample], step: int) -> Iterable[dict[str, Any]]:
    """Samples joined to one for every ``step`` seconds: ``slot`` (time / step) and the measures."""
    measures = {f"{name}_": how(name) for name, how in JOINED.items()}
    slots = rows.annotate(slot=F("at") / step).values("slot").annotate(**measures)
    for row in slots.order_by("slot"):
        yield {name.removesuffix("_"): value for name, value in row.items()}


def sample_columns(now: float, hours: int) -> Document:
    """The last ``hours`` as columns of POINTS values for equal times, oldest first.

    ``at`` is when each time begins (seconds since 1970). None where nothing is known, as while
    this OMM did not run; the sample that is being taken is not waited for.
    """
    step = hours * 3600 // POINTS
    last = (int(now) - SPAN) // step
    slots = range(last - POINTS + 1, last + 1)
    rows = Sample.objects.filter(at__gte=slots.start * step, at__lt=slots.stop * step)
    found = {row["slot"]: row for row in joined(rows, step)}
    columns = {name: [_tidy(found.get(slot, {}).get(name)) for slot in slots] for name in JOINED}
    return {"hours": hours, "step": step, "at": [slot * step for slot in slots], **columns}


def _tidy(value: float | None) -> float | None:
    return round(value, 2) if isinstance(value, float) else value
