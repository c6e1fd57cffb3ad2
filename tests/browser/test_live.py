"""Open pages stay current, say when they do not, and lose nothing when their OMM goes away."""

from __future__ import annotations

import re
import signal
import time

import pytest
from playwright.sync_api import Browser, Page, WebSocketRoute, expect

from tests.browser.conftest import NewPage
from tests.browser.test_follow import sign_in, wait_live, wait_ticket
from tests.pair import Node, Pair

pytestmark = [pytest.mark.browser, pytest.mark.processes, pytest.mark.timeout(180)]


def add_site(page: Page, name: str) -> None:
    page.get_by_label("Name").fill(name)
    page.get_by_role("button", name="Save").click()


def never_loaded_again(page: Page) -> None:
    """From now on a reload of the page would be noticed by ``is_same_page``."""
    page.evaluate("() => { document.documentElement.dataset.marked = ''; }")


def is_same_page(page: Page) -> None:
    expect(page.locator("html[data-marked]")).to_have_count(1)


def test_what_one_person_does_the_other_one_sees(new_page: NewPage, pair: Pair) -> None:
    one, other = new_page(), new_page()
    sign_in(one, pair.active, "/sites/new/")
    sign_in(other, pair.active)
    wait_live(other)
    never_loaded_again(other)
    add_site(one, "Seen by both")
    expect(other.locator("#events")).to_contain_text("Seen by both")
    wait_live(one)
    never_loaded_again(one)
    pair.standby.kill()
    for page in (one, other):
        expect(page.locator("#warnings").get_by_text("No Standby", exact=True)).to_be_visible()
        is_same_page(page)


def test_the_dashboard_follows_a_killed_omm(page: Page, pair: Pair) -> None:
    active, other = pair.active, pair.standby
    sign_in(page, active)
    page.emulate_media(color_scheme="light")
    page.evaluate("() => dispatchEvent(new CustomEvent('omm-theme', { detail: 'dark' }))")
    wait_ticket(page)
    struck = time.monotonic()
    active.kill()
    page.wait_for_url(f"{other.url}/")
    took = time.monotonic() - struck
    expect(page.locator(".omm").first.locator(".pill").first).to_have_text("Active")
    expect(page.get_by_role("link", name="Sign in")).to_have_count(0)
    expect(page.locator("html[data-bs-theme=dark]")).to_have_count(1)
    wait_live(page)
    assert took < 5, f"the page needed {took:.1f} s to follow"


def test_a_save_pressed_at_a_hung_omm_moves_along(page: Page, pair: Pair) -> None:
    active, other = pair.active, pair.standby
    sign_in(page, active, "/sites/new/")
    wait_ticket(page)
    page.get_by_label("Name").fill("Pressed too late")
    active.send(signal.SIGSTOP)
    page.get_by_role("button", name="Save").click(no_wait_after=True)
    expect(page).to_have_url(f"{other.url}/sites/new/", timeout=15_000)
    # Sent at once, or held back if the page had noticed already.
    told = page.get_by_text(re.compile("nobody knows whether it was saved|It is not saved yet"))
    expect(told).to_be_visible()
    expect(page.get_by_label("Name")).to_have_value("Pressed too late")
    page.get_by_role("button", name="Save").click()
    page.wait_for_url(f"{other.url}/sites/")
    expect(page.get_by_role("link", name="Pressed too late")).to_be_visible()


def test_an_edit_keeps_the_version_it_began_with(page: Page, pair: Pair) -> None:
    """What somebody else saved meanwhile on the other OMM is still noticed there."""
    active, other = pair.active, pair.standby
    with active.api() as api:
        site = api.post("/sites/", json={"name": "Hall"}).json()["id"]
    path = f"/sites/{site}/"
    sign_in(page, active, path)
    wait_ticket(page)
    page.get_by_label("Name").fill("Main hall")
    active.kill()
    page.wait_for_url(f"{other.url}{path}")
    expect(page.get_by_label("Name")).to_have_value("Main hall")
    with other.api() as api:
        assert api.patch(f"/sites/{site}/", json={"name": "Great hall"}).status_code == 200
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Somebody else saved this in the meantime.")).to_be_visible()


def test_without_sockets_it_polls_and_is_live_again_later(page: Page, pair: Pair) -> None:
    blocked = True

    def route(socket: WebSocketRoute) -> None:
        if blocked:
            socket.close()
        else:
            socket.connect_to_server()

    page.route_web_socket(re.compile("/ws/status/"), route)
    sign_in(page, pair.active)
    expect(page.locator("#live-badge")).to_have_text("Polling")
    pair.standby.kill()
    expect(page.locator("#warnings").get_by_text("No Standby", exact=True)).to_be_visible()
    blocked = False
    expect(page.locator("#live-badge")).to_have_text("Live", timeout=20_000)


def test_a_page_without_any_omm_says_since_when(page: Page, pair: Pair) -> None:
    active = pair.active
    sign_in(page, active, "/sites/new/")
    wait_live(page)
    page.get_by_label("Name").fill("Typed before")
    pair.standby.kill()
    active.send(signal.SIGSTOP)
    expect(page.locator("#live-badge")).to_contain_text("Stale since")
    page.get_by_role("button", name="Save").click(no_wait_after=True)
    expect(page.locator("#moved")).to_contain_text("Your text is kept")
    active.send(signal.SIGCONT)
    page.wait_for_url(f"{active.url}/sites/")
    expect(page.get_by_role("link", name="Typed before")).to_be_visible()
    wait_live(page)


def test_a_switch_over_from_the_page_moves_both_browsers(new_page: NewPage, pair: Pair) -> None:
    active, other = pair.active, pair.standby
    one, two = new_page(), new_page()
    sign_in(two, active, "/sites/")
    wait_ticket(two)
    sign_in(one, active, "/standby/switchover/")
    one.get_by_role("button", name="Switch over").click()
    two.wait_for_url(f"{other.url}/sites/")
    wait_live(two)
    one.wait_for_url(f"{active.url}/standby/")
    one.goto(f"{active.url}/sites/")
    one.wait_for_url(re.compile(re.escape(other.url)))


def test_without_a_script_a_save_goes_on_at_the_active_omm(browser: Browser, pair: Pair) -> None:
    active, other = pair.active, pair.standby
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    sign_in(page, active, "/sites/new/")
    page.get_by_label("Name").fill("By hand")
    switch_over(active, other)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="Not saved yet")).to_be_visible()
    expect(page.get_by_text("By hand")).to_be_visible()
    page.get_by_role("button", name="Go on at the active OMM").click()
    page.wait_for_url(f"{other.url}/sites/new/")
    expect(page.locator("#brought dd")).to_have_text("By hand")
    context.close()


def switch_over(active: Node, other: Node) -> None:
    with active.api() as api:
        assert api.post("/standby/switchover/").status_code == 202
    other.wait("active").wait_gate()
