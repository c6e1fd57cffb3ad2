"""Lists in a browser: rows are exchanged in place, the address and the way back stay right."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.site_map import sign_in
from tests.pair import Pair

pytestmark = [pytest.mark.browser, pytest.mark.processes, pytest.mark.timeout(180)]

FIRST_NAME = "#list tbody tr:first-child .row-link"


@pytest.fixture(scope="module")
def filled(module_pair: Pair) -> Pair:
    """A pair with 120 base stations."""
    with module_pair.heal().active.api() as api:
        rows = [
            {"mac": f"0030420000{number:02X}", "name": f"unit {number:03}"} for number in range(120)
        ]
        assert api.post("/rfps/", json=rows).is_success
    return module_pair


@pytest.fixture
def page(context: BrowserContext, filled: Pair) -> Iterator[Page]:
    """The list of base stations, with a mark that a full page load would wipe."""
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    sign_in(page, filled.heal().active, "/rfps/")
    expect(page.locator("#live-badge")).to_have_text("Live")
    page.evaluate("window.mark = 1")
    yield page
    assert complaints == []


def sort_by_name_downwards(page: Page) -> None:
    head = page.locator("#sort-name")
    head.click()
    expect(head).to_have_class(re.compile("asc"))
    head.click()
    expect(head).to_have_class(re.compile("desc"))


def test_rows_are_exchanged_while_somebody_types(page: Page, filled: Pair) -> None:
    search = page.get_by_label("Search", exact=True)
    search.press_sequentially("unit 11")
    expect(page.locator("#list tbody tr")).to_have_count(10)
    expect(search).to_be_focused()
    expect(search).to_have_value("unit 11")
    expect(page).to_have_url(f"{filled.active.url}/rfps/?search=unit%2011")
    expect(page.locator("#list-count")).to_have_text(re.compile(r"^1.10 of 10\s*$"))
    sort_by_name_downwards(page)
    expect(page.locator(FIRST_NAME)).to_have_text("unit 119")
    expect(page).to_have_url(re.compile(r"\?search=unit\+11&ordering=-name$"))
    expect(page.locator("#sort-name")).to_be_focused()
    page.get_by_label("State").select_option("dect_off")
    expect(page.get_by_text("Nothing matches the filter.")).to_be_visible()
    expect(page).to_have_url(re.compile(r"search=unit(\+|%20)11&state=dect_off&ordering=-name$"))
    assert page.evaluate("window.mark") == 1
    expect(page.locator("#live-badge")).to_have_text("Live")


def test_the_way_back_leads_through_the_views(page: Page) -> None:
    page.get_by_role("link", name="Next page").click()
    expect(page.locator(FIRST_NAME)).to_have_text("unit 050")
    page.locator("#page-3").click()
    expect(page.locator(FIRST_NAME)).to_have_text("unit 100")
    assert page.evaluate("window.mark") == 1
    page.go_back()
    expect(page).to_have_url(re.compile(r"\?page=2$"))
    expect(page.locator(FIRST_NAME)).to_have_text("unit 050")
    page.go_back()
    expect(page).to_have_url(re.compile(r"/rfps/$"))
    expect(page.locator(FIRST_NAME)).to_have_text("unit 000")
    page.go_forward()
    expect(page.locator(FIRST_NAME)).to_have_text("unit 050")


def test_times_are_local_after_an_exchange(page: Page, filled: Pair) -> None:
    page.goto(f"{filled.active.url}/changes/")
    page.evaluate("window.mark = 1")
    page.locator("#sort-seq").click()
    expect(page.locator("#sort-seq")).to_have_class(re.compile("asc"))
    assert page.evaluate("window.mark") == 1
    expect(page.locator("#list time").first).not_to_have_text(re.compile("UTC"))


def test_without_a_script_the_same_addresses_work(page: Page, filled: Pair) -> None:
    state = page.context.storage_state()
    plain = page.context.browser.new_context(java_script_enabled=False, storage_state=state)  # type: ignore[union-attr]
    try:
        other = plain.new_page()
        other.goto(f"{filled.active.url}/rfps/")
        other.get_by_label("Search", exact=True).fill("unit 11")
        other.get_by_role("button", name="Search").click()
        expect(other.locator("#list tbody tr")).to_have_count(10)
        sort_by_name_downwards(other)
        expect(other.locator(FIRST_NAME)).to_have_text("unit 119")
    finally:
        plain.close()


def test_a_session_that_ended_asks_to_sign_in(page: Page, filled: Pair) -> None:
    page.context.clear_cookies()
    page.get_by_label("Search", exact=True).press_sequentially("unit 11")
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    expect(page).to_have_url(re.compile(r"/login/\?next=/rfps/"))


def test_a_phone_needs_no_scrolling_sideways(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= 390
    sort_by_name_downwards(page)
    expect(page.locator(FIRST_NAME)).to_have_text("unit 119")
