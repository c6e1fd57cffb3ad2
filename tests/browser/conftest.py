"""A real pair, seen through headless Chromium."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from typing import TypeAlias

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.pair import Pair, running_pair

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "chrome"))), None)


@pytest.fixture(scope="module")
def module_pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with running_pair(tmp_path_factory.mktemp("pair")) as pair:
        yield pair


@pytest.fixture
def pair(module_pair: Pair) -> Pair:
    """A pair with one active, one standby, both synchronised."""
    return module_pair.heal()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine: browser tests are left out")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        yield browser
        browser.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context()
    context.set_default_timeout(15_000)
    yield context
    context.close()


@pytest.fixture
def complaints() -> list[str]:
    """Script errors and reports of the content security policy: there must be none."""
    return []


NewPage: TypeAlias = Callable[[], Page]


@pytest.fixture
def new_page(browser: Browser, complaints: list[str]) -> Iterator[NewPage]:
    """Makes pages in browsers of their own, as other people or other computers have them."""
    contexts: list[BrowserContext] = []

    def made() -> Page:
        context = browser.new_context()
        context.set_default_timeout(15_000)
        contexts.append(context)
        return _watched(context.new_page(), complaints)

    yield made
    for context in contexts:
        context.close()
    assert not complaints


@pytest.fixture
def page(context: BrowserContext, complaints: list[str]) -> Iterator[Page]:
    yield _watched(context.new_page(), complaints)
    assert not complaints


def _watched(page: Page, complaints: list[str]) -> Page:
    page.on("pageerror", lambda error: complaints.append(f"script: {error}"))
    page.on("console", lambda message: _note(complaints, message.type, message.text))
    return page


def _note(complaints: list[str], kind: str, text: str) -> None:
    if kind == "error" and ("Content Security Policy" in text or "Refused to" in text):
        complaints.append(text)
