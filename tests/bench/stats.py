"""Summaries of samples."""

from __future__ import annotations

import statistics
from collections.abc import Sequence


def percentile(samples: Sequence[float], share: float) -> float:
    """The smallest sample that is not below ``share`` of all samples (nearest rank)."""
    ordered = sorted(samples)
    rank = max(1, -(-len(ordered) * round(share * 1000) // 1000))
    return ordered[rank - 1]


def summary(seconds: Sequence[float]) -> dict[str, float]:
    """n, median, p95, p99 and max of durations in seconds, as milliseconds."""
    if not seconds:
        return {"n": 0}
    figures = {
        "median_ms": statistics.median(seconds),
        "p95_ms": percentile(seconds, 0.95),
        "p99_ms": percentile(seconds, 0.99),
        "max_ms": max(seconds),
    }
    return {"n": len(seconds), **{name: round(1000 * v, 2) for name, v in figures.items()}}
