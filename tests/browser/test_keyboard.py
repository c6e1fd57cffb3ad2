"""Everything can be done with the keyboard alone."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.site_map import sign_in, wait_live
from tests.pair import PASSWORD, Pair

pytestmark = [pytest.mark.browser, pytest.mark.processes, pytest.mark.timeout(180)]

MOST_STEPS = 80


def walk_to(page: Page, goal: Locator) -> None:
    """Press Tab until the focus is where it should be, and can be seen to be there."""
    for _step in range(MOST_STEPS):
        page.keyboard.press("Tab")
        if goal.evaluate("element => element === document.activeElement"):
            outline = goal.evaluate("element => getComputedStyle(element).outlineStyle")
            assert outline != "none", "the focus cannot be seen"
            return
    raise AssertionError(f"{goal} cannot be reached with the Tab key")


def test_signing_in_and_out(page: Page, pair: Pair) -> None:
    page.goto(f"{pair.active.url}/login/")
    page.keyboard.type("admin")  # the focus is in the first field
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(f"{pair.active.url}/")
    wait_live(page)

    account = page.locator(".account > summary")
    walk_to(page, account)
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Sign out")).to_be_hidden()
    expect(account).to_be_focused()
    page.keyboard.press("Enter")
    walk_to(page, page.get_by_role("button", name="Dark"))
    page.keyboard.press("Enter")
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
    walk_to(page, page.get_by_role("button", name="Sign out"))
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/login/"))
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")


def test_the_content_is_one_key_away(page: Page, pair: Pair) -> None:
    sign_in(page, pair.active, "/rfps/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('main') !== null")


def test_a_base_station_is_added_and_deleted(page: Page, pair: Pair) -> None:
    sign_in(page, pair.active, "/rfps/")
    walk_to(page, page.get_by_role("link", name="Add base station"))
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/rfps/new/"))
    walk_to(page, page.get_by_label("MAC address"))
    page.keyboard.type("00304200BEEF")
    walk_to(page, page.get_by_label("Name", exact=True))
    page.keyboard.type("Keyboard")
    walk_to(page, page.get_by_label("DECT on"))
    page.keyboard.press("Space")
    page.keyboard.press("Enter")
    expect(page.get_by_text("safe on both OMMs")).to_be_visible()

    walk_to(page, page.get_by_role("link", name="Keyboard"))
    page.keyboard.press("Enter")
    expect(page.get_by_label("DECT on")).not_to_be_checked()
    delete = page.get_by_role("link", name="Delete")
    walk_to(page, delete)
    page.keyboard.press("Enter")
    question = page.get_by_role("dialog", name="Delete the base station")
    expect(question).to_be_visible()
    page.keyboard.press("Escape")
    expect(question).to_be_hidden()
    expect(delete).to_be_focused()
    page.keyboard.press("Enter")
    yes = question.get_by_role("button", name="Delete base station")
    walk_to(page, yes)
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/rfps/$"))
    expect(page.get_by_role("link", name="Keyboard")).to_have_count(0)


def test_the_pair_is_switched_over(page: Page, pair: Pair) -> None:
    active, other = pair.active, pair.standby
    sign_in(page, active, "/standby/")
    wait_live(page)
    walk_to(page, page.locator("main").get_by_role("link", name="Switch over"))
    page.keyboard.press("Enter")
    question = page.get_by_role("dialog", name="Switch over to the other OMM?")
    expect(question.get_by_text("The other OMM becomes active")).to_be_visible()
    walk_to(page, question.get_by_role("button", name="Switch over"))
    page.keyboard.press("Enter")
    other.wait("active")
    active.wait("standby")
    expect(
        page.get_by_text("Switch-over").or_(page.get_by_text("switch-over")).first
    ).to_be_visible()
