"""Counting what happens too often: in memory, for this process, forgotten after a while."""

from django.core.cache import cache


def count(key: str, window: int) -> int:
    """How often ``key`` was counted in the ``window`` seconds since the first, this included."""
    cache.add(key, 0, window)
    try:
        return cache.incr(key)
    except ValueError:  # the window ended just now
        return 1
