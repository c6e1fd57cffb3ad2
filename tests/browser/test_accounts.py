"""Signing in and out, roles, users, tokens and sessions, as people meet them in their browsers."""

from __future__ import annotations

import contextlib
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from tests.browser.conftest import NewPage
from tests.browser.site_map import wait_live
from tests.pair import PASSWORD, Node, Pair

pytestmark = [pytest.mark.browser, pytest.mark.processes, pytest.mark.timeout(180)]

GIVEN = "given-by-the-admin-1"
CHOSEN = "chosen-by-the-user-2"


@pytest.fixture
def active(pair: Pair) -> Node:
    return pair.active


@pytest.fixture(scope="module")
def reader(module_pair: Pair) -> str:
    """The name of somebody who may only look."""
    return add_user(module_pair.active, "reader")["username"]


def add_user(node: Node, name: str, **values: Any) -> dict[str, Any]:
    with node.api() as api:
        given = {"username": name, "role": "read", "password": GIVEN, **values}
        answer = api.post("/users/", json=given)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def enter(page: Page, node: Node, name: str = "admin", password: str = "", path: str = "/") -> None:
    """Fill in the sign-in page and send it."""
    page.goto(f"{node.url}/login/?next={path}")
    page.get_by_label("User name").fill(name)
    page.get_by_label("Password").fill(password or (PASSWORD if name == "admin" else GIVEN))
    page.get_by_role("button", name="Sign in").click()


def signed_in(page: Page, node: Node, name: str = "admin", path: str = "/") -> Page:
    """The page at ``path``, live."""
    enter(page, node, name, path=path)
    page.wait_for_url(f"{node.url}{path}")
    wait_live(page)
    return page


def expect_sign_in(page: Page, node: Node) -> None:
    page.wait_for_url(lambda url: url.startswith(f"{node.url}/login/"))
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()


def sign_out(page: Page) -> None:
    page.locator(".account > summary").click()
    page.get_by_role("button", name="Sign out").click()


def send(page: Page, path: str, **values: str) -> int:
    """What a page's form would send, without the form; the status of the answer."""
    status: int = page.evaluate(
        """async ([path, values]) => {
            const token = document.querySelector("input[name=csrfmiddlewaretoken]").value;
            const body = new URLSearchParams({ csrfmiddlewaretoken: token, ...values });
            return (await fetch(path, { method: "POST", body, redirect: "manual" })).status;
        }""",
        [path, values],
    )
    return status


# --- signing in and out -------------------------------------------------------------------------


def test_signing_in_and_out(page: Page, active: Node, new_page: NewPage) -> None:
    enter(page, active, password="not this one", path="/sites/")
    expect(page.get_by_text("The user name or the password is not right.")).to_be_visible()
    expect(page.get_by_label("Password")).to_have_value("")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{active.url}/sites/")
    other_tab = page.context.new_page()
    other_tab.goto(f"{active.url}/rfps/")
    wait_live(other_tab)
    sign_out(page)
    expect_sign_in(page, active)
    expect_sign_in(other_tab, active)
    page.goto(f"{active.url}/sites/")
    expect_sign_in(page, active)


def test_guessing_locks_out_and_can_be_lifted(page: Page, active: Node, new_page: NewPage) -> None:
    add_user(active, "lena")
    wrong = {"username": "lena", "password": "a wrong guess"}
    for _ in range(10):
        assert httpx.post(f"{active.url}/api/v1/tokens/", json=wrong).status_code == 401
    enter(page, active, "lena")
    expect(
        page.get_by_text("Too many attempts to sign in. Try again in 5 minutes.")
    ).to_be_visible()
    admin = signed_in(new_page(), active, path="/sessions/")
    row = admin.get_by_role("row").filter(has_text="lena")
    expect(row).to_contain_text("127.0.0.1")
    row.get_by_role("button", name="Lift").click()
    expect(admin.get_by_text("The lock-out is lifted.")).to_be_visible()
    signed_in(page, active, "lena")


def test_a_given_password_is_changed_before_anything_else(page: Page, active: Node) -> None:
    add_user(active, "novice", must_change_password=True)
    enter(page, active, "novice", path="/sites/")
    page.wait_for_url(f"{active.url}/password/")
    expect(page.get_by_text("At least 10 characters")).to_be_visible()
    expect(page.get_by_role("link", name="Base stations")).to_have_count(0)
    page.goto(f"{active.url}/rfps/")
    page.wait_for_url(f"{active.url}/password/")

    def change(new: str) -> None:
        page.get_by_label("Current password").fill(GIVEN)
        page.get_by_label("New password", exact=True).fill(new)
        page.get_by_label("New password again").fill(new)
        page.get_by_role("button", name="Change password").click()

    change("short")
    expect(page.get_by_text("too short")).to_be_visible()
    change(CHOSEN)
    page.wait_for_url(f"{active.url}/")
    expect(page.get_by_text("Saved")).to_be_visible()
    wait_live(page)


# --- who may do what ----------------------------------------------------------------------------


def test_readers_are_refused_on_pages_and_in_the_api(page: Page, active: Node, reader: str) -> None:
    signed_in(page, active, reader, path="/rfps/")
    expect(page.get_by_role("link", name="Add base station")).to_have_count(0)
    expect(page.get_by_role("link", name="Users")).to_have_count(0)
    for path, values in {
        "/rfps/new/": {"mac": "003042AA0011", "name": "mine"},
        "/sites/new/": {"name": "mine"},
        "/settings/system/": {"system_name": "mine"},
        "/standby/switchover/": {},
        "/standby/reboot/": {},
        "/users/new/": {"username": "mine"},
    }.items():
        assert send(page, path, **values) == 403, path
    page.goto(f"{active.url}/settings/system/")
    expect(page.get_by_role("button", name="Save")).to_have_count(0)
    expect(page.get_by_label("System name")).to_be_disabled()
    page.goto(f"{active.url}/users/")
    expect(page.get_by_text("This needs an account with full access.")).to_be_visible()
    given = {"username": reader, "password": GIVEN}
    token = httpx.post(f"{active.url}/api/v1/tokens/", json=given).json()["token"]
    with httpx.Client(
        base_url=f"{active.url}/api/v1", headers={"Authorization": f"Token {token}"}
    ) as api:
        assert api.get("/sites/").status_code == 200
        assert api.post("/sites/", json={"name": "mine"}).status_code == 403
        assert api.post("/standby/switchover/").status_code == 403
        assert api.get("/users/").status_code == 403


def test_a_readers_socket_tells_the_status_and_no_sign_ins(
    page: Page, active: Node, reader: str
) -> None:
    frames: list[str | bytes] = []

    def note(frame: str | bytes) -> None:
        frames.append(frame)

    page.on("websocket", lambda opened: opened.on("framereceived", note))
    enter(page, active, reader, password="wrong once")  # an event that is not for readers
    signed_in(page, active, reader)
    everything = "".join(map(str, frames))
    assert '"type":"snapshot"' in everything
    assert '"role":"active"' in everything
    assert "sign_in" not in everything
    assert f"{reader} signed in" not in everything


def test_a_disabled_user_is_out_within_seconds(page: Page, active: Node, new_page: NewPage) -> None:
    user = add_user(active, "leaver")
    theirs = signed_in(new_page(), active, "leaver", path="/sites/")
    signed_in(page, active, path=f"/users/{user['id']}/")
    page.get_by_label("Enabled").uncheck()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("row").filter(has_text="leaver")).to_contain_text("Disabled")
    expect_sign_in(theirs, active)
    enter(theirs, active, "leaver")
    expect(theirs.get_by_text("The user name or the password is not right.")).to_be_visible()


# --- users --------------------------------------------------------------------------------------


def test_users_are_added_changed_and_deleted(page: Page, active: Node) -> None:
    signed_in(page, active, path="/users/")
    page.get_by_role("link", name="Add user").click()
    page.get_by_label("User name").fill("two words")
    page.get_by_label("Password", exact=True).fill("short")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("and the signs")).to_be_visible()
    expect(page.get_by_text("too short")).to_be_visible()
    page.get_by_label("User name").fill("otto")
    page.get_by_label("Display name").fill("Otto the second")
    page.get_by_label("Password", exact=True).fill(GIVEN)
    page.get_by_role("button", name="Save").click()
    row = page.get_by_role("row").filter(has_text="Otto the second")
    expect(row).to_contain_text("Read-only")
    expect(row).to_contain_text("Must change the password")
    row.get_by_role("link", name="otto").click()
    page.get_by_label("Role").select_option("full")
    page.get_by_role("button", name="Save").click()
    expect(row).to_contain_text("Full access")
    row.get_by_role("link", name="otto").click()
    page.get_by_role("link", name="Delete").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Delete the user otto?")
    dialog.get_by_role("button", name="Delete user").click()
    page.wait_for_url(f"{active.url}/users/")
    expect(row).to_have_count(0)


def test_the_last_administrator_stays(page: Page, active: Node) -> None:
    signed_in(page, active, path="/users/")
    page.get_by_role("link", name="admin", exact=True).click()
    refused = page.get_by_text("One enabled user with full access must remain.")
    page.get_by_label("Role").select_option("read")
    page.get_by_role("button", name="Save").click()
    expect(refused).to_be_visible()
    page.get_by_label("Role").select_option("full")
    page.get_by_label("Enabled").uncheck()
    page.get_by_role("button", name="Save").click()
    expect(refused).to_be_visible()
    page.get_by_role("link", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete user").click()
    expect(refused).to_be_visible()


def test_a_forgotten_password_is_reset(page: Page, active: Node, new_page: NewPage) -> None:
    user = add_user(active, "forgetful")
    signed_in(page, active, path=f"/users/{user['id']}/")
    page.get_by_role("link", name="Reset password").click()
    page.get_by_role("dialog").get_by_role("button", name="Reset password").click()
    password = page.get_by_label("Password").input_value()
    page.get_by_role("link", name="I have copied it").click()
    expect(page.get_by_role("row").filter(has_text="forgetful")).to_contain_text("Must change")
    theirs = new_page()
    enter(theirs, active, "forgetful", password)
    theirs.wait_for_url(f"{active.url}/password/")


# --- tokens and sessions ------------------------------------------------------------------------


def test_a_token_is_shown_once_and_revoked(page: Page, active: Node) -> None:
    signed_in(page, active, path="/tokens/")
    page.get_by_role("link", name="Make a token").click()
    page.get_by_label("Name").fill("door panel")
    page.get_by_role("button", name="Make the token").click()
    key = page.get_by_label("Token", exact=True).input_value()
    headers = {"Authorization": f"Token {key}"}
    assert httpx.get(f"{active.url}/api/v1/sites/", headers=headers).status_code == 200
    page.get_by_role("link", name="I have copied it").click()
    expect(page.get_by_role("row").filter(has_text="door panel")).to_contain_text("Valid")
    assert key not in page.content()
    page.get_by_role("link", name="Revoke door panel").click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke token").click()
    page.wait_for_url(f"{active.url}/tokens/")
    expect(page.get_by_text("door panel")).to_have_count(0)
    assert httpx.get(f"{active.url}/api/v1/sites/", headers=headers).status_code == 401


def test_a_revoked_token_loses_its_sockets_on_both_omms(pair: Pair) -> None:
    given = {"username": "admin", "password": PASSWORD, "name": "follower"}
    made = httpx.post(f"{pair.active.url}/api/v1/tokens/", json=given).json()
    offered = [Subprotocol("omm.v1"), Subprotocol(f"token.{made['token']}")]
    pair.standby.wait_synchronised()
    with contextlib.ExitStack() as stack:
        sockets = [
            stack.enter_context(
                connect(f"ws://{node.url.partition('//')[2]}/ws/status/", subprotocols=offered)
            )
            for node in pair.nodes
        ]
        for socket in sockets:
            assert '"snapshot"' in str(socket.recv(timeout=10))
        with pair.active.api() as api:
            assert api.delete(f"/tokens/{made['id']}/").status_code == 204
        for socket in sockets:
            assert closes_with(socket) == 4401


def closes_with(socket: ClientConnection) -> int | None:
    """The code that the server closes with, after a few messages more at most."""
    with contextlib.suppress(ConnectionClosed):
        for _ in range(30):
            socket.recv(timeout=10)
    return socket.close_code


def test_a_session_is_ended_from_another_browser(
    page: Page, active: Node, new_page: NewPage
) -> None:
    add_user(active, "visitor")
    theirs = signed_in(new_page(), active, "visitor", path="/sites/")
    typing = theirs.context.new_page()
    typing.goto(f"{active.url}/password/")
    wait_live(typing)
    typing.get_by_label("Current password").fill("half a pass")
    signed_in(page, active, path="/sessions/")
    page.get_by_role("button", name="End the session of visitor").click()
    expect(page.get_by_text("1 session ended.")).to_be_visible()
    expect_sign_in(theirs, active)
    expect(typing.get_by_text("You are signed out of this OMM.")).to_be_visible()
    expect(typing.get_by_label("Current password")).to_have_value("half a pass")
