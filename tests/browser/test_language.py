"""A page in German stays German: what comes live, and after a fail-over on the other OMM."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_follow import sign_in, wait_live, wait_ticket
from tests.pair import Pair
from tests.unit.pages.german import english_of

pytestmark = [pytest.mark.browser, pytest.mark.processes, pytest.mark.timeout(180)]


def choose_german(page: Page) -> None:
    page.locator("details.account > summary").click()
    page.get_by_role("button", name="Deutsch").click()
    expect(page.locator("html")).to_have_attribute("lang", "de")


def test_live_news_and_the_other_omm_speak_the_chosen_language(page: Page, pair: Pair) -> None:
    active, other = pair.active, pair.standby
    sign_in(page, active)
    choose_german(page)
    wait_live(page)

    other.kill()
    warnings = page.locator("#warnings")
    expect(warnings).to_contain_text("Kein Standby", timeout=15_000)
    expect(warnings).to_contain_text("ist nicht in Kontakt")
    expect(page.locator("#events")).to_contain_text("Kein Kontakt zum anderen OMM")
    assert english_of(page.content()) == []
    other.start()
    expect(warnings).not_to_contain_text("Kein Standby", timeout=30_000)

    wait_ticket(page)
    active.kill()
    page.wait_for_url(re.compile(re.escape(other.url)), timeout=30_000)
    expect(page.locator("html")).to_have_attribute("lang", "de")
    expect(page.get_by_role("link", name="Anmelden")).to_have_count(0)
    expect(page.locator("#warnings")).to_contain_text("Kein Standby", timeout=15_000)
    assert english_of(page.content()) == []
    active.start()
