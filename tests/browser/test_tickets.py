"""Hand-over tickets in a browser: who gets in at the other OMM, and who does not.

Tickets are made by the standby's own code and keys, with another clock where a test needs one.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest
from playwright.sync_api import Page, Response, expect

from tests.browser.conftest import NewPage
from tests.browser.site_map import sign_in, wait_live
from tests.pair import Node, Pair

pytestmark = [pytest.mark.browser, pytest.mark.processes, pytest.mark.timeout(180)]

ISSUE = """
import time
from omm_portal.accounts.models import User
from omm_portal.accounts.tickets import ticket_issue
admin = User.objects.get(username="admin")
for name, shift in ({shifts}).items():
    ticket = ticket_issue(user=admin, session_key=name, now=time.time() + shift)
    print("ticket", name, ticket)
"""
SHIFTS = {"good": 0, "watched": 0, "replayed": 0, "foreign": 0, "expired": -75, "early": 300}
FOREIGN = "http://portal.example"


@dataclass(frozen=True)
class Tickets:
    """By name: made out by the standby for the active OMM, and one made out by the active."""

    made_out: dict[str, str]
    for_the_other: str


@pytest.fixture(scope="module")
def tickets(module_pair: Pair) -> Tickets:
    """Fresh ones: they live a minute, and this file takes less."""
    made = issued(module_pair.standby, SHIFTS)
    return Tickets(made, issued(module_pair.active, {"own": 0})["own"])


def issued(node: Node, shifts: dict[str, int]) -> dict[str, str]:
    """Tickets of this node's pages, each issued so many seconds from now."""
    done = node.manage("shell", "-c", ISSUE.format(shifts=shifts))
    assert done.returncode == 0, done.stderr
    lines = (line.split() for line in done.stdout.splitlines() if line.startswith("ticket "))
    return {name: ticket for _word, name, ticket in lines}


def hand_over(page: Page, node: Node, ticket: str, path: str = "/sites/") -> None:
    """Do what the open page does: post the ticket to ``node`` in the top window."""
    page.evaluate(
        """([action, ticket, next]) => {
            const form = document.createElement("form");
            Object.assign(form, { method: "post", action });
            for (const [name, value] of Object.entries({ ticket, next })) {
                form.append(Object.assign(document.createElement("input"),
                                          { type: "hidden", name, value }));
            }
            document.body.append(form);
            form.submit();
        }""",
        [f"{node.url}/handover/", ticket, path],
    )


def expect_refused(page: Page, node: Node) -> None:
    """The sign-in page of ``node``, which says why; it would lead on; nobody is signed in."""
    page.wait_for_url(f"{node.url}/login/?next=%2Fsites%2F&moved=1")
    expect(page.get_by_text("The other OMM could not sign you in here")).to_be_visible()
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    assert not [c for c in page.context.cookies() if c["name"].startswith("omm-session")]
    page.goto(f"{node.url}/sites/")
    page.wait_for_url(f"{node.url}/login/?next=/sites/")


def from_peer(page: Page, pair: Pair) -> Page:
    page.goto(f"{pair.standby.url}/standby/")
    return page


def test_a_ticket_signs_in_and_stays_secret(page: Page, pair: Pair, tickets: Tickets) -> None:
    urls: list[str] = []
    page.on("request", lambda request: urls.append(request.url))
    page.on("response", lambda response: urls.extend(_redirect(response)))
    hand_over(from_peer(page, pair), pair.active, tickets.made_out["watched"])
    page.wait_for_url(f"{pair.active.url}/sites/")
    expect(page.get_by_role("heading", name="Sites")).to_be_visible()
    wait_live(page)
    content = tickets.made_out["watched"].split(":")[0]
    assert len(content) > 40
    assert not [url for url in urls if content in url]
    assert not [line for node in pair.nodes for line in log_lines(node) if content in line]


def _redirect(response: Response) -> list[str]:
    return [response.headers.get("location", "")]


def log_lines(node: Node) -> list[str]:
    """Everything that this node's processes have written."""
    logs = list((node.data / "logs").glob("*.log"))
    assert logs
    texts = [path.read_text(errors="replace") for path in (node.directory / "out", *logs)]
    return [line for text in texts for line in text.splitlines()]


def test_a_ticket_works_once(pair: Pair, tickets: Tickets, new_page: NewPage) -> None:
    first, second = new_page(), new_page()
    hand_over(from_peer(first, pair), pair.active, tickets.made_out["replayed"])
    first.wait_for_url(f"{pair.active.url}/sites/")
    hand_over(from_peer(second, pair), pair.active, tickets.made_out["replayed"])
    expect_refused(second, pair.active)
    first.reload()
    expect(first.get_by_role("heading", name="Sites")).to_be_visible()


def test_a_ticket_from_a_foreign_page_is_refused(page: Page, pair: Pair, tickets: Tickets) -> None:
    page.route(f"{FOREIGN}/*", lambda route: route.fulfill(body="<p>Win a prize</p>"))
    page.goto(f"{FOREIGN}/")
    hand_over(page, pair.active, tickets.made_out["foreign"])
    expect_refused(page, pair.active)
    hand_over(from_peer(page, pair), pair.active, tickets.made_out["foreign"])
    page.wait_for_url(f"{pair.active.url}/sites/")  # it was the page that was wrong


@pytest.mark.parametrize("kind", ["expired", "early", "forged", "empty", "for the other OMM"])
def test_a_ticket_that_is_not_good_signs_nobody_in(
    page: Page, pair: Pair, tickets: Tickets, kind: str
) -> None:
    good = tickets.made_out["good"]
    swapped = good[:10] + ("a" if good[10] != "a" else "b") + good[11:]
    others = {"forged": swapped, "empty": "", "for the other OMM": tickets.for_the_other}
    hand_over(from_peer(page, pair), pair.active, {**tickets.made_out, **others}[kind])
    expect_refused(page, pair.active)


def test_a_standby_takes_no_ticket(page: Page, pair: Pair, tickets: Tickets) -> None:
    page.goto(f"{pair.active.url}/login/")
    hand_over(page, pair.standby, tickets.for_the_other)
    page.wait_for_url(lambda url: url.startswith(f"{pair.standby.url}/login/"))
    assert not [c for c in page.context.cookies() if c["name"].startswith("omm-session")]


def ticket_of(page: Page, node: Node) -> str:
    """Sign in at ``node`` and take the ticket that the open page is given."""
    frames: list[str] = []

    def note(frame: str | bytes) -> None:
        frames.append(str(frame))

    page.on("websocket", lambda opened: opened.on("framereceived", note))
    sign_in(page, node)
    wait_live(page)
    for _ in range(100):
        for frame in frames:
            if '"type":"ticket"' in frame:
                return str(json.loads(frame)["ticket"])
        page.wait_for_timeout(50)
    raise AssertionError("no ticket came")


def test_signing_out_voids_the_ticket_at_the_other_omm(pair: Pair, new_page: NewPage) -> None:
    active, other = pair.active, pair.standby
    leaving, staying = new_page(), new_page()
    void, good = ticket_of(leaving, active), ticket_of(staying, active)
    leaving.locator(".account > summary").click()
    leaving.get_by_role("button", name="Sign out").click()
    leaving.wait_for_url(f"{active.url}/login/")
    staying.goto("about:blank")  # its ticket is used below
    with active.api() as api:
        assert api.post("/standby/switchover/").status_code == 202
    other.wait("active")
    hand_over(leaving, other, void)
    expect_refused(leaving, other)
    strange = new_page()
    strange.goto(f"{active.url}/login/")
    hand_over(strange, other, good)
    strange.wait_for_url(f"{other.url}/sites/")
