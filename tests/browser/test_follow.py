"""An open page lives through the loss of its OMM (manual 7.15): it follows, still signed in."""

from __future__ import annotations

import re
import time

import pytest
from playwright.sync_api import Page, Route, expect

from tests.pair import PASSWORD, Node, Pair

pytestmark = [pytest.mark.browser, pytest.mark.processes, pytest.mark.timeout(180)]


def sign_in(page: Page, node: Node, path: str = "/") -> None:
    page.goto(f"{node.url}/login/?next={path}")
    page.get_by_label("User name").fill("admin")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{node.url}{path}")


def wait_live(page: Page) -> None:
    expect(page.locator("#live-badge")).to_have_text("Live")


def wait_ticket(page: Page) -> None:
    """The page holds a ticket as soon as it is live: it asks for one when it connects."""
    tickets: list[object] = []

    def note(frame: object) -> None:
        if '"type":"ticket","ticket":"' in str(frame):
            tickets.append(frame)

    page.on("websocket", lambda opened: opened.on("framereceived", note))
    # One that still came to the page before the reload is not this page's.
    page.on("framenavigated", lambda _frame: tickets.clear())
    page.reload()
    wait_live(page)
    for _ in range(100):
        if tickets:
            return
        page.wait_for_timeout(50)
    raise AssertionError("no ticket came")


def add_rfp(node: Node, mac: str, name: str) -> str:
    with node.api() as api:
        answer = api.post("/rfps/", json={"mac": mac, "name": name})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def test_a_change_survives_the_active_and_the_page_follows(page: Page, pair: Pair) -> None:
    active, other = pair.active, pair.standby
    rfp = add_rfp(active, "003042AA0001", "Reception")
    sign_in(page, active, f"/rfps/{rfp}/")

    page.get_by_label("Name", exact=True).fill("Front desk")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("The change is safe on both OMMs")).to_be_visible()

    wait_ticket(page)
    struck = time.monotonic()
    active.kill()
    page.wait_for_url(re.compile(re.escape(f"{other.url}/rfps/")))
    took = time.monotonic() - struck
    expect(page.get_by_role("link", name="Front desk")).to_be_visible()
    expect(page.locator("#warnings").get_by_text("No Standby", exact=True)).to_be_visible()
    expect(page.get_by_role("link", name="Sign in")).to_have_count(0)
    assert took < 5, f"the page needed {took:.1f} s to follow"

    page.get_by_role("link", name="Front desk").click()
    page.get_by_label("Room").fill("12")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("the change is not safe yet")).to_be_visible()
    wait_live(page)
    active.start()
    expect(page.get_by_text("The change is now safe on both OMMs")).to_be_visible(timeout=30_000)
    expect(page.locator("#warnings")).not_to_contain_text("No Standby", timeout=30_000)
    expect(page.locator(".top .pill")).to_have_text("Synchronised", timeout=30_000)
    wait_live(page)
    assert page.url.startswith(other.url), "the recovered OMM does not take the page back"


def test_a_page_follows_a_switch_over(page: Page, pair: Pair) -> None:
    active, other = pair.active, pair.standby
    sign_in(page, active, "/sites/")
    wait_ticket(page)
    with active.api() as api:
        assert api.post("/standby/switchover/").status_code == 202
    page.wait_for_url(f"{other.url}/sites/")
    expect(page.get_by_role("heading", name="Sites")).to_be_visible()
    wait_live(page)


def test_unsaved_text_moves_along(page: Page, pair: Pair) -> None:
    active, other = pair.active, pair.standby
    sign_in(page, active, "/rfps/new/")
    wait_ticket(page)
    page.get_by_label("Name", exact=True).fill("Half a na")
    page.get_by_label("MAC address").fill("003042AA0002")
    page.get_by_label("DECT on").uncheck()
    page.get_by_label("IP mode").select_option("local")
    active.kill()
    page.wait_for_url(f"{other.url}/rfps/new/")
    brought = page.locator("#brought")
    expect(brought).to_contain_text("Your unsaved text was brought along from the other OMM.")
    expect(page.get_by_label("Name", exact=True)).to_have_value("Half a na")
    expect(page.get_by_label("DECT on")).not_to_be_checked()
    expect(page.get_by_label("Netmask")).to_be_visible()
    page.get_by_label("IP mode").select_option("dhcp")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("the change is not safe yet")).to_be_visible()
    expect(page.get_by_role("link", name="Half a na")).to_be_visible()


def test_a_standby_serves_its_own_page_only(page: Page, pair: Pair) -> None:
    standby, active = pair.standby, pair.active
    page.goto(f"{standby.url}/standby/")
    expect(page.locator(".omm").first.locator(".pill")).to_have_text("Standby")
    expect(page.get_by_role("link", name="Go to the other OMM")).to_be_visible()
    page.goto(f"{standby.url}/rfps/")
    page.wait_for_url(re.compile(re.escape(active.url)))


def test_a_planned_switch_over_from_the_page(page: Page, pair: Pair) -> None:
    active, other = pair.active, pair.standby
    sign_in(page, active, "/standby/switchover/")
    page.get_by_role("button", name="Switch over").click()
    page.wait_for_url(f"{active.url}/standby/")
    other.wait("active")
    expect(page.locator(".omm").first.locator(".pill")).to_have_text("Standby")
    expect(page.locator(".omm").last.locator(".pill")).to_have_text("Active")


@pytest.mark.parametrize("is_saved", [False, True])
def test_a_save_in_the_moment_of_a_kill_is_told_of(page: Page, pair: Pair, is_saved: bool) -> None:
    """The OMM dies while a save is on its way to it, or while the answer is on its way back."""
    active, other = pair.active, pair.standby
    rfp = add_rfp(active, f"003042AA001{int(is_saved)}", "Reception")
    path = f"/rfps/{rfp}/"
    sign_in(page, active, path)
    wait_ticket(page)

    def strike(route: Route) -> None:
        if route.request.method != "POST":
            route.continue_()
            return
        if is_saved:
            route.fetch(max_redirects=0)
            active.wait_synchronised()
        active.kill()
        route.abort("connectionreset")

    page.route(f"{active.url}{path}", strike)
    page.get_by_label("Name", exact=True).fill("Front desk")
    page.get_by_role("button", name="Save").click()
    page.wait_for_url(f"{other.url}{path}")
    expect(page.get_by_text("nobody knows whether it was saved")).to_be_visible()
    expect(page.get_by_label("Name", exact=True)).to_have_value("Front desk")
    comparison = page.locator(".comparison")
    if is_saved:
        expect(comparison).to_contain_text("Nothing of it differs from what you typed.")
    else:
        expect(comparison.get_by_role("row", name="Name")).to_contain_text("Reception")
        page.get_by_role("button", name="Save").last.click()
        expect(page.get_by_text("the change is not safe yet")).to_be_visible()
    with other.api() as api:
        assert api.get(f"/rfps/{rfp}/").json()["name"] == "Front desk"
