"""Pages of a full OMM: how long it takes to answer, and how many bytes a browser loads.

The time is from sending a request to daphne to the last byte of its answer, over loopback, one
request at a time, signed in; beside it the processor time that the web process used for an
answer, which other work on the machine lengthens less. Bytes are what Chromium received, heads
included, the messages of the WebSocket not: *first* with an empty cache, *later* the same again.
"""

from __future__ import annotations

import os
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Browser, expect, sync_playwright

from tests.bench import writing
from tests.bench.stats import summary
from tests.browser.conftest import CHROMIUM
from tests.pair import PASSWORD, Node, Pair

RFPS = 4096
CHANGES = 6000
LEAST = 30
WARM_UP = 5
SETTLE = 2.0


def pages(directory: Path, rounds: int) -> dict[str, Any]:
    """Every kind of page, at least 30 requests of each; then its bytes."""
    node = replace(Pair.make(directory).a, peer="")
    try:
        node.start().wait_gate()
        made = writing.run(node, "pages", str(RFPS), str(CHANGES))[-1]
        time.sleep(SETTLE)
        paths = {
            "list": "/rfps/",
            "list_narrowed": f"/rfps/?site={made['site']}&state=connected&ordering=-name",
            "list_by_state": "/rfps/?ordering=-state&page=3",
            "detail": f"/rfps/{made['rfp']}/",
            "dashboard": "/",
            "changes": "/changes/",
        }
        with closing(node.signed_in()) as client:
            web, count = node.pids()["web"], max(rounds, LEAST)
            times = {name: _times(client, path, count, web) for name, path in paths.items()}
        sizes = _sizes(node, paths)
    finally:
        node.kill()
    return {"rfps": RFPS, "entries": made["seq"], "times": times, "bytes": sizes}


def _times(client: httpx.Client, path: str, count: int, web: int) -> dict[str, float]:
    found = []
    for number in range(WARM_UP + count):
        if number == WARM_UP:
            busy = processor_seconds(web)
        began = time.perf_counter()
        answer = client.get(path)
        found.append(time.perf_counter() - began)
        assert answer.status_code == 200, answer.text
        assert not answer.history, "it leads elsewhere: not signed in?"
    used = (processor_seconds(web) - busy) / count
    return {**summary(found[WARM_UP:]), "processor_ms": round(1000 * used, 1)}


def processor_seconds(pid: int) -> float:
    """Processor time that a process has used, all its threads together."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _sizes(node: Node, paths: dict[str, str]) -> dict[str, dict[str, int]]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        try:
            context = browser.new_context()
            page = context.new_page()
            page.goto(f"{node.url}/login/")
            page.get_by_label("User name").fill("admin")
            page.get_by_label("Password").fill(PASSWORD)
            page.get_by_role("button", name="Sign in").click()
            page.wait_for_url(f"{node.url}/")
            state = context.storage_state()
            context.close()
            return {name: _loaded(browser, state, node.url + path) for name, path in paths.items()}
        finally:
            browser.close()


def _loaded(browser: Browser, state: Any, url: str) -> dict[str, int]:
    """Bytes of the first and of a later view."""
    context = browser.new_context(storage_state=state)
    try:
        page = context.new_page()
        network = context.new_cdp_session(page)
        network.send("Network.enable")
        counted = {"bytes": 0}
        network.on("Network.loadingFinished", lambda event: _add(counted, event))
        views = []
        for _view in range(2):
            counted["bytes"] = 0
            page.goto(url, wait_until="networkidle")
            expect(page.locator("#live-badge")).to_have_text("Live")
            views.append(counted["bytes"])
    finally:
        context.close()
    return {"first": views[0], "later": views[1]}


def _add(counted: dict[str, int], event: dict[str, Any]) -> None:
    counted["bytes"] += int(event["encodedDataLength"])
