"""The last hours on the dashboard: drawn, told in words, current, under the strict policy."""

from __future__ import annotations

import re
import sqlite3
import time
from contextlib import closing

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_follow import sign_in
from tests.pair import Node, Pair

pytestmark = [pytest.mark.browser, pytest.mark.processes, pytest.mark.timeout(180)]
SPAN = 10
INK = """canvas => canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data
    .some(value => value > 0)"""
LINE = """plot => getComputedStyle(plot).color"""


def fill(node: Node, hours: int = 6) -> None:
    """Samples of some hours, with a fail-over half-way and one spike of the link's latency."""
    now = int(time.time()) // SPAN * SPAN
    half = now - hours * 1800
    rows = []
    for at in range(now - hours * 3600, now - SPAN, SPAN):
        is_here = at >= half
        failing = at == half
        rows.append(
            {
                "at": at,
                "latency_ms": 148.5 if at == half - 600 else 0.8,
                "suspicion": 100 if failing else 20,
                "lag": 0,
                "rfps": 12 if is_here and not failing else 0,
                "here": 10.0 * is_here - 0.7 * failing,
                "there": 10.0 * (not is_here),
                "nobody": 0.7 * failing,
            }
        )
    names = list(rows[0])
    with closing(sqlite3.connect(node.data / "live.sqlite3", timeout=10)) as database, database:
        database.executemany(
            f"INSERT OR REPLACE INTO standby_sample ({', '.join(names)}) "
            f"VALUES ({', '.join(f':{name}' for name in names)})",
            rows,
        )


def test_the_last_hours_are_drawn_and_told(page: Page, pair: Pair, complaints: list[str]) -> None:
    errors: list[str] = []
    page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
    fill(pair.active)
    sign_in(page, pair.active)
    latency = page.get_by_role("img", name=re.compile("^Latency of the link, last 6 h"))
    expect(latency).to_have_attribute("aria-label", re.compile("between [0-9.]+ ms and 148.5 ms$"))
    assert latency.locator("canvas").evaluate(INK)
    figure = page.locator('[data-column="latency_ms"]')
    expect(figure.locator('[data-part="range"]')).to_have_text(re.compile("to 148.5 ms$"))
    latency.hover(position={"x": 40, "y": 30})
    expect(figure.locator('[data-part="range"]')).to_have_text(
        re.compile("^[0-2][0-9]:[0-5][0-9]$")
    )
    stations = page.get_by_role("img", name=re.compile("^Connected base stations, last 6 h"))
    expect(stations).to_be_visible()
    strip = page.get_by_role("img", name=re.compile("^Who was active"))
    expect(strip).to_have_attribute(
        "aria-label",
        re.compile("the other OMM, [0-9:]+ this OMM.*Without an active OMM: [0-9.]+"),
    )

    page.get_by_role("button", name="1 h", exact=True).click()
    calm = page.get_by_role("img", name=re.compile("^Latency of the link, last 1 h"))
    expect(calm).not_to_have_attribute("aria-label", re.compile("148.5"))
    assert not errors


def test_charts_follow_the_theme_and_the_width(page: Page, pair: Pair) -> None:
    fill(pair.active, hours=1)
    page.set_viewport_size({"width": 1440, "height": 900})
    sign_in(page, pair.active)
    plot = page.locator('[data-column="suspicion"] [data-part="plot"]')
    expect(plot.locator("canvas")).to_be_visible()
    painted = """plot => { const canvas = plot.querySelector("canvas");
        return [canvas.clientWidth, canvas.toDataURL()]; }"""
    colours = []
    for theme in ("light", "dark"):
        page.evaluate(
            "theme => dispatchEvent(new CustomEvent('omm-theme', {detail: theme}))", theme
        )
        page.wait_for_function(
            "theme => document.documentElement.dataset.bsTheme === theme", arg=theme
        )
        page.evaluate("() => new Promise(requestAnimationFrame)")
        colours.append((plot.evaluate(LINE), plot.evaluate(painted)[1]))
    assert colours[0][0] != colours[1][0]
    assert colours[0][1] != colours[1][1], "painted anew in the other theme's colours"

    page.set_viewport_size({"width": 390, "height": 844})
    page.wait_for_function(
        "() => [...document.querySelectorAll('#sparklines canvas')]"
        ".every(canvas => canvas.clientWidth <= innerWidth && canvas.clientWidth > 250)"
    )
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
