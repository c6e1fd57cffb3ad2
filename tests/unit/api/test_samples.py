"""The samples of the last hours over REST, for the charts on the pages."""

import time

import pytest

from standby.models import Sample
from standby.samples import JOINED, SPAN, samples_keep

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "live"])
PATH = "/api/v1/standby/samples/"


def test_columns_of_equal_length(reader_api, node):
    at = int(time.time()) // SPAN * SPAN - SPAN
    samples_keep([Sample(at=at, latency_ms=0.8, lag=3, rfps=12, here=10.0)])
    answer = reader_api.get(PATH)
    assert answer.status_code == 200
    columns = answer.json()
    assert (columns["hours"], columns["step"]) == (6, 120)
    assert {len(columns[name]) for name in ("at", *JOINED)} == {180}
    assert [value for value in columns["lag"] if value is not None] == [3]
    assert [value for value in columns["here"] if value is not None] == [10.0]
    assert set(columns["sip_ms"]) == {None}


@pytest.mark.parametrize(("hours", "step"), [(1, 20), (24, 480)])
def test_the_period_is_chosen(api, hours, step):
    columns = api.get(PATH, {"hours": hours}).json()
    assert (columns["hours"], columns["step"]) == (hours, step)
    assert columns["at"][-1] - columns["at"][0] == 179 * step


@pytest.mark.parametrize("hours", ["0", "25", "x", "1.5", "-6"])
def test_a_bad_period_is_named(api, hours):
    answer = api.get(PATH, {"hours": hours})
    assert answer.status_code == 400
    assert list(answer.json()["errors"]) == ["hours"]


def test_strangers_are_told_nothing(anonymous, node):
    assert anonymous.get(PATH).status_code == 401


def test_a_standby_tells_its_own(api, node):
    node.standby()
    assert api.get(PATH).status_code == 200
