"""Every page of the portal with content on it: what the tests walk and the screenshots show."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.pair import PASSWORD, Node, Pair

READER = "night.shift"
READER_PASSWORD = "a-quiet-night-2026"
THEMES = ("light", "dark")
WIDTHS = {1440: 900, 390: 844}
"""Widths and heights of a window in CSS pixels: a desk, and a phone."""
ROOMS = ("Reception", "Corridor", "Workshop", "Canteen", "Stairs", "Archive")

SET_ASIDE = """
import datetime, json, uuid
from standby import journal
from standby.models import SetAside, Split
with journal.change(actor="system", source="merge") as change:
    for row_id, body in json.loads({rows!r}):
        split = Split(id=uuid.UUID(row_id), winner="10.0.0.9", loser=body["node"], term=2,
                      ended_at=datetime.datetime.now(datetime.UTC), common=80, loser_changes=1,
                      winner_changes=4)
        change.save(split)
        change.save(SetAside(id=uuid.UUID(row_id), node=body["node"], term=body["term"],
                             seq=body["seq"], hash="0" * 64, body=json.dumps(body),
                             object=uuid.UUID(body["object"]), split=split.pk))
"""


@dataclass(frozen=True)
class Shown:
    """One page: a short name, its path, and who looks at it on which OMM."""

    name: str
    path: str
    signed_in: bool = True
    on_standby: bool = False
    prepare: Callable[[Page], None] | None = None


@dataclass(frozen=True)
class Content:
    """Ids of what the pages are about."""

    rfp: str
    site: str
    user: str
    token: str
    change: int
    backup: str
    replaced: int
    """A change of which a later one altered a part again."""
    set_aside: str


def sign_in(page: Page, node: Node, path: str = "/", name: str = "admin") -> None:
    """Sign in by the form and arrive at ``path``."""
    page.goto(f"{node.url}/login/?next={path}")
    page.get_by_label("User name").fill(name)
    page.get_by_label("Password").fill(PASSWORD if name == "admin" else READER_PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{node.url}{path}")


def wait_live(page: Page) -> None:
    """Until the page says, in whatever language, that it is live."""
    expect(page.locator("#live-badge")).to_have_attribute("data-state", "live")


def fill(pair: Pair) -> Content:
    """Sites, base stations, users, settings, a token and a lost change, as people have them."""
    with pair.active.api() as api:

        def send(method: str, path: str, content: Any = None) -> Any:
            answer = api.request(method, path, json=content)
            assert answer.is_success, answer.text
            return answer.json() if answer.content else None

        sites = [
            send("POST", "/sites/", {"name": name})["id"] for name in ("Head office", "Warehouse")
        ]
        rfps = send("POST", "/rfps/", list(base_stations(sites)))
        send("PATCH", f"/rfps/{rfps[0]['id']}/", {"name": "Front desk", "room": "0.14"})
        replaced = send("GET", "/changes/?limit=1")["results"][0]["seq"]
        send("PATCH", f"/rfps/{rfps[0]['id']}/", {"name": "Desk at the door"})
        backup = send("POST", "/backups/", {})["id"]
        send("PATCH", "/settings/system/", {"system_name": "St. Anna Hospital"})
        people = {"username": READER, "display_name": "Night shift", "role": "read"}
        send("POST", "/users/", {**people, "password": READER_PASSWORD})
        user = next(
            row["id"] for row in send("GET", "/users/")["results"] if row["username"] == READER
        )
    set_aside = _lose_a_change(pair, rfps[0]["id"])
    with pair.active.api() as api:
        token = api.get("/tokens/").json()["results"][0]["id"]
        last = api.get("/changes/?limit=1&actor=admin").json()["results"][0]["seq"]
    pair.wait_healthy()
    return Content(rfps[0]["id"], sites[0], user, token, last, backup, replaced, set_aside)


def base_stations(sites: list[str]) -> Iterator[dict[str, Any]]:
    """Six on each site."""
    for number, site in enumerate(sites):
        for room, name in enumerate(ROOMS):
            yield {
                "mac": f"00:30:42:AA:0{number}:0{room}",
                "name": f"{name} {number + 1}",
                "site": site,
                "building": f"Block {'AB'[number]}",
                "floor": str(room // 2),
                "cluster": number + 1,
            }


def _lose_a_change(pair: Pair, rfp: str) -> str:
    """A change that lost a split, as reconciling would have kept it; the id of both."""
    row_id = str(uuid.uuid4())
    body = {
        "v": 1,
        "seq": 90,
        "term": 1,
        "node": pair.standby.address,
        "at": "2026-05-04T02:14:09.000000Z",
        "actor": "night.shift",
        "source": "web",
        "transaction": str(uuid.uuid4()),
        "tx_index": 0,
        "tx_size": 1,
        "model": "rfps.rfp",
        "object": rfp,
        "operation": "update",
        "before": {"name": "Reception 1", "cluster": 1},
        "after": {"name": "Desk by the door", "cluster": 3},
    }
    code = SET_ASIDE.format(rows=json.dumps([[row_id, body]]))
    done = pair.active.manage("shell", "-c", code)
    assert done.returncode == 0, done.stderr
    return row_id


def pages(content: Content) -> Iterator[Shown]:
    """All of them; a page that is missing here is found by a test."""
    yield Shown("login", "/login/", signed_in=False)
    yield Shown("dashboard", "/")
    yield Shown("standby", "/standby/")
    yield Shown("switchover", "/standby/switchover/")
    yield Shown("reboot", "/standby/reboot/")
    yield Shown("takeover", "/standby/takeover/")
    yield Shown("maintenance", "/standby/maintenance/")
    yield Shown("switchover-dialog", "/standby/", prepare=_open_switch_over)
    yield Shown("rfp-list", "/rfps/")
    yield Shown("rfp-list-empty", "/rfps/?search=nowhere")
    yield Shown("rfp-new", "/rfps/new/")
    yield Shown("rfp-errors", "/rfps/new/", prepare=_save_nonsense)
    yield Shown("rfp-edit", f"/rfps/{content.rfp}/")
    yield Shown("rfp-two-versions", f"/rfps/{content.rfp}/", prepare=_save_too_late)
    yield Shown("rfp-delete", f"/rfps/{content.rfp}/delete/")
    yield Shown("site-list", "/sites/")
    yield Shown("site-new", "/sites/new/")
    yield Shown("site-edit", f"/sites/{content.site}/")
    yield Shown("site-delete", f"/sites/{content.site}/delete/")
    yield Shown("omm-settings", "/settings/omm/")
    yield Shown("sip-settings", "/settings/sip/")
    yield Shown("system-settings", "/settings/system/")
    yield Shown("change-list", "/changes/")
    yield Shown("change-history", f"/changes/?object={content.rfp}")
    yield Shown("change", f"/changes/{content.change}/")
    yield Shown("undo", f"/changes/undo/?seq={content.change}")
    yield Shown("undo-conflicts", f"/changes/undo/?seq={content.replaced}")
    yield Shown("set-aside", "/set-aside/")
    yield Shown("set-aside-change", f"/set-aside/{content.set_aside}/")
    yield Shown("set-aside-decide", f"/set-aside/{content.set_aside}/replace/")
    yield Shown("set-aside-decide-all", "/set-aside/decide/keep/")
    yield Shown("split-list", "/splits/")
    yield Shown("split", f"/splits/{content.set_aside}/")
    yield Shown("event-list", "/events/")
    yield Shown("backup-list", "/backups/")
    yield Shown("backup-new", "/backups/new/")
    yield Shown("backup-upload", "/backups/upload/")
    yield Shown("backup-settings", "/backups/settings/")
    yield Shown("backup", f"/backups/{content.backup}/")
    yield Shown("backup-delete", f"/backups/{content.backup}/delete/")
    yield Shown("user-list", "/users/")
    yield Shown("user-new", "/users/new/")
    yield Shown("user-edit", f"/users/{content.user}/")
    yield Shown("user-delete", f"/users/{content.user}/delete/")
    yield Shown("user-password-reset", f"/users/{content.user}/password/")
    yield Shown("user-password-reset", f"/users/{content.user}/password/")
    yield Shown("password", "/password/")
    yield Shown("token-list", "/tokens/")
    yield Shown("token-new", "/tokens/new/")
    yield Shown("token-delete", f"/tokens/{content.token}/delete/")
    yield Shown("session-list", "/sessions/")
    yield Shown("not-found", "/nothing/")
    yield Shown("menu", "/", prepare=_open_menu)
    yield Shown("standby-own", "/standby/", signed_in=False, on_standby=True)
    yield Shown("standby-login", "/login/", signed_in=False, on_standby=True)


def _open_switch_over(page: Page) -> None:
    page.locator("main").get_by_role("link", name="Switch over").click()
    expect(page.get_by_role("dialog")).to_be_visible()


def _open_menu(page: Page) -> None:
    menu = page.get_by_label("Menu")
    (menu if menu.is_visible() else page.locator(".account > summary")).click()


def _save_nonsense(page: Page) -> None:
    page.get_by_label("MAC address").fill("00:30:42")
    page.get_by_label("IP mode").select_option("local")
    page.get_by_label("Address", exact=True).fill("10.0.0.300")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".errors").first).to_be_visible()


def _save_too_late(page: Page) -> None:
    version = page.locator("input[name=version]")
    version.evaluate("element => { element.value = '1'; }")
    page.get_by_label("Name", exact=True).fill("Desk 3")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="Two versions")).to_be_visible()


def window(browser: Browser, theme: Any, width: int) -> BrowserContext:
    """A browser of its own with that look."""
    return browser.new_context(
        viewport={"width": width, "height": WIDTHS[width]},
        color_scheme=theme,
        reduced_motion="reduce",  # colours are there at once
    )


class Walk:
    """Opens pages of a pair: signed in on the active OMM, or as a stranger on either."""

    def __init__(
        self,
        browser: Browser,
        pair: Pair,
        theme: str = "light",
        width: int = 1440,
        language: str = "en",
    ) -> None:
        self._active, self._standby = pair.active, pair.standby
        self._known = window(browser, theme, width)
        self._strange = window(browser, theme, width)
        self.page = self._known.new_page()
        self.stranger = self._strange.new_page()
        sign_in(self.page, self._active)
        for context in (self._known, self._strange):
            context.set_extra_http_headers({"Accept-Language": language})

    def open(self, shown: Shown) -> Page:
        """The page, prepared and quiet."""
        page = self.page if shown.signed_in else self.stranger
        node = self._standby if shown.on_standby else self._active
        page.goto(f"{node.url}{shown.path}")
        if shown.signed_in:
            wait_live(page)
        if shown.prepare:
            shown.prepare(page)
        return page

    def close(self) -> None:
        """Close both browsers."""
        self._known.close()
        self._strange.close()
