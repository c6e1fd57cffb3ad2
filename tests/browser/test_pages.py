"""Every page, as people and their helpers see it: both themes, at a desk and on a phone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import axe_playwright_python
import pytest
from django.urls import get_resolver
from playwright.sync_api import Browser, Page

from tests.browser.site_map import WIDTHS, Content, Shown, Walk, fill, pages
from tests.pair import Pair

pytestmark = [pytest.mark.browser, pytest.mark.processes, pytest.mark.timeout(300)]

AXE = Path(axe_playwright_python.__file__).with_name("axe.min.js").read_text()
SPEED = {"resultTypes": ["violations"], "preload": False}
RULES = SPEED | {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
}
COLOURS = SPEED | {"runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}}
NO_PAGE = {
    "logout": "only a POST",
    "handover": "only a POST",
    "omm-confirm": "only a POST",
    "omm-revert": "only a POST",
    "language": "only a POST",
    "maintenance-end": "only a POST",
    "metrics": "for programs",
    "split-copy": "a file",
    "backup-file": "a file",
}
"""Addresses that are no page of the portal, and why."""


@pytest.fixture(scope="module")
def content(module_pair: Pair) -> Content:
    return fill(module_pair.heal())


@pytest.fixture(scope="module")
def walk(browser: Browser, module_pair: Pair, content: Content) -> Iterator[Walk]:
    walk = Walk(browser, module_pair)
    yield walk
    walk.close()


def watched(page: Page) -> list[str]:
    """What goes wrong on the page, and every request that leaves the two OMMs."""
    found: list[str] = []
    page.on("pageerror", lambda error: found.append(f"script: {error}"))
    page.on("console", lambda said: found.append(said.text) if said.type == "error" else None)
    page.on("request", lambda asked: found.append(asked.url) if _is_foreign(asked.url) else None)
    return found


def _is_foreign(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme not in {"data", "blob"} and not (parts.hostname or "").startswith("127.")


def broken_rules(page: Page, look: str, rules: dict[str, Any]) -> set[str]:
    """axe's violations on the page as it stands, a line each."""
    answer: Any = page.evaluate("rules => axe.run(document, rules)", rules)
    return {
        f"{rule['id']} ({look}): {node['html'][:200]} | {node.get('failureSummary', '')[:300]}"
        for rule in answer["violations"]
        for node in rule["nodes"]
    }


def problems_of(page: Page) -> Iterator[str]:
    """Broken rules and sideways scrolling in every look; a theme alters nothing but colours."""
    page.evaluate(AXE)
    for width, height in WIDTHS.items():
        page.set_viewport_size({"width": width, "height": height})
        for theme, rules in (("light", RULES), ("dark", COLOURS)):
            page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
            yield from broken_rules(page, f"{theme}, {width} px", rules)
        too_wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        if too_wide > 0:
            yield f"scrolls sideways by {too_wide} px at {width} px"


def test_every_page_is_sound(walk: Walk, content: Content) -> None:
    """No broken rule of accessibility, no sideways scrolling, no complaint, no foreign request."""
    problems: dict[str, str] = {}
    complaints = [*map(watched, (walk.page, walk.stranger))]
    for shown in pages(content):
        found = [*problems_of(walk.open(shown))]
        for said in complaints:
            found += [text for text in said if not _expected(shown, text)]
            said.clear()
        for problem in found:
            problems.setdefault(problem, shown.name)
    assert not problems, "\n".join(f"{name}: {problem}" for problem, name in problems.items())


def _expected(shown: Shown, text: str) -> bool:
    """The browser itself notes a page that is not there."""
    return shown.name == "not-found" and "404" in text


def test_the_map_has_every_page(content: Content) -> None:
    resolver = get_resolver()
    walked = {resolver.resolve(shown.path.partition("?")[0]).url_name for shown in _known(content)}
    names = {name for name in resolver.reverse_dict if isinstance(name, str)}
    assert names - walked == set(NO_PAGE)


def _known(content: Content) -> Iterator[Shown]:
    return (shown for shown in pages(content) if shown.name != "not-found")
