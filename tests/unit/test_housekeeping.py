"""Old events go, new ones stay."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from standby import housekeeping
from standby.models import Event

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.django_db(databases=["default", "live"])
def test_old_events_go() -> None:
    for days in (1, 179, 181, 900):
        Event.objects.create(at=NOW - timedelta(days=days), node="10.0.0.1", code="x", message="m")
    assert housekeeping.events_clean_up(NOW) == 2
    assert Event.objects.count() == 2


@pytest.mark.django_db(databases=["default", "live"])
def test_too_many_events_lose_the_oldest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(housekeeping, "MOST_EVENTS", 3)
    for number in range(5):
        Event.objects.create(at=NOW, node="10.0.0.1", code="x", message=str(number))
    assert housekeeping.events_clean_up(NOW) == 2
    assert sorted(Event.objects.values_list("message", flat=True)) == ["2", "3", "4"]
