"""What people do to the pair from its own page: switch over, hold it for maintenance, reboot."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.site_map import sign_in, wait_live
from tests.pair import Pair, eventually

pytestmark = [pytest.mark.browser, pytest.mark.processes, pytest.mark.timeout(180)]


def ask(page: Page, link: str, question: str) -> None:
    """Follow the link, read the question, say yes with the button of the same name."""
    page.locator("main").get_by_role("link", name=link).click()
    dialog = page.get_by_role("dialog", name=question)
    expect(dialog).to_be_visible()
    dialog.get_by_role("button", name=link).click()


def test_a_switch_over_moves_every_open_page(
    page: Page, context: BrowserContext, pair: Pair
) -> None:
    active, other = pair.active, pair.standby
    sign_in(page, active, "/")
    watching = context.new_page()
    watching.goto(f"{active.url}/rfps/")
    page.goto(f"{active.url}/standby/")
    wait_live(watching)
    wait_live(page)

    ask(page, "Switch over", "Switch over to the other OMM?")

    watching.wait_for_url(f"{other.url}/rfps/")
    wait_live(watching)
    expect(watching.get_by_role("link", name="Add base station")).to_be_visible()
    expect(
        page.get_by_text(re.compile("history of the roles|Role changes", re.IGNORECASE))
    ).to_be_visible()
    expect(page.locator("[data-live='node.role']").first).to_have_text("Standby")


def test_maintenance_is_shown_everywhere_and_ended_by_hand(page: Page, pair: Pair) -> None:
    active, other = pair.active, pair.standby
    sign_in(page, active, "/standby/")
    wait_live(page)
    page.locator("main").get_by_role("link", name="Begin maintenance").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("No automatic takeover until then")).to_be_visible()
    dialog.get_by_label("Reason").fill("New switch in the server room")
    dialog.get_by_role("button", name="Begin maintenance").click()

    warning = page.locator("#warnings").get_by_text("Maintenance", exact=True)
    expect(warning).to_be_visible()
    expect(page.get_by_text("New switch in the server room").first).to_be_visible()
    eventually(lambda: "maintenance" in other.warnings(), "the standby warns as well")
    page.goto(f"{active.url}/rfps/")
    expect(warning).to_be_visible()

    page.goto(f"{active.url}/standby/")
    page.locator("main").get_by_role("button", name="End maintenance").click()
    expect(warning).to_have_count(0)
    eventually(lambda: "maintenance" not in other.warnings(), "it has ended on the standby too")


def test_a_reboot_of_the_active_hands_over_first(page: Page, pair: Pair) -> None:
    active, other = pair.active, pair.standby
    began = active.status()["node"]["started_at"]
    sign_in(page, active, "/standby/")
    wait_live(page)

    ask(page, "Reboot", "Reboot this OMM?")

    other.wait("active")
    eventually(
        lambda: (found := active.status()) and found["node"]["started_at"] != began,
        "the rebooted OMM is back",
    )
    active.wait("standby")
    page.goto(f"{other.url}/standby/")
    assert page.url.startswith(other.url)
