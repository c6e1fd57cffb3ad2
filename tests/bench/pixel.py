"""From the fault to the other OMM's dashboard on the screen: same tab, signed in, in Chromium."""

from __future__ import annotations

import shutil
import signal
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.bench.stats import summary
from tests.pair import PASSWORD, Node, Pair, running_pair

SETTLE = 1.0
"""Seconds of quiet before each strike."""
STOP_ROUNDS = 10
PAINT = """async () => {
  const [painted] = await new Promise((found) => {
    const watch = (list) => {
      const paints = list.getEntries().filter(({ name }) => name === "first-contentful-paint");
      if (paints.length) found(paints);
    };
    new PerformanceObserver(watch).observe({ type: "paint", buffered: true });
  });
  const [way] = performance.getEntriesByType("navigation");
  return {
    origin: performance.timeOrigin,
    arrived: way.responseEnd,
    shown: Math.max(painted.startTime, way.domInteractive),
  };
}"""
"""Wall clock of the navigation's start and, from there, the page's last byte and first paint."""


def sign_in(page: Page, node: Node) -> None:
    page.goto(f"{node.url}/login/?next=/")
    page.get_by_label("User name").fill("admin")
    page.get_by_label("Password").fill(PASSWORD)
    with page.expect_websocket() as opened:
        page.get_by_role("button", name="Sign in").click()
    opened.value.wait_for_event("framereceived", lambda frame: '"type":"ticket"' in str(frame))
    expect(page.locator("#live-badge")).to_have_text("Live")


def follow(browser: Browser, pair: Pair, strike: Callable[[Node], None]) -> dict[str, float]:
    """One fault with the dashboard open; seconds until the page left, arrived and was painted."""
    victim, heir = pair.active, pair.standby
    context = browser.new_context()
    try:
        page = context.new_page()
        sign_in(page, victim)
        time.sleep(SETTLE)
        struck = time.time() * 1000
        strike(victim)
        page.wait_for_url(f"{heir.url}/")
        found = page.evaluate(PAINT)
        expect(page.locator(".omm").first.locator(".pill").first).to_have_text("Active")
        expect(page.get_by_role("link", name="Sign in")).to_have_count(0)
    finally:
        context.close()
    left = found["origin"] - struck
    return {
        "left": left / 1000,
        "arrived": (left + found["arrived"]) / 1000,
        "shown": (left + found["shown"]) / 1000,
    }


def measure(directory: Path, rounds: int, sig: signal.Signals) -> dict[str, Any]:
    """Strike in turn, healing the pair between."""
    found = []
    chromium = shutil.which("chromium") or shutil.which("chrome")
    with running_pair(directory) as pair, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        for _ in range(rounds if sig is signal.SIGKILL else min(rounds, STOP_ROUNDS)):
            pair.wait_healthy()
            found.append(follow(browser, pair, lambda victim: victim.send(sig)))
            for node in pair.nodes:
                if sig is signal.SIGKILL and not node.lease():
                    node.kill()
            pair.heal()
        browser.close()
    return {
        **{name: summary([each[name] for each in found]) for name in ("left", "arrived", "shown")},
        "samples_ms": [round(1000 * each["shown"], 1) for each in found],
    }


KINDS = {
    "pixel_sigkill": partial(measure, sig=signal.SIGKILL),
    "pixel_sigstop": partial(measure, sig=signal.SIGSTOP),
}
