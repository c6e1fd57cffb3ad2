"""Every form of base stations, sites and settings, filled in by hand in a real browser."""

from __future__ import annotations

import asyncio
import re
import socket
import threading
from collections.abc import Iterator, Mapping

import pytest
from playwright.sync_api import Page, expect

from standby.link.sip_responder import SipResponder
from tests.browser.site_map import sign_in
from tests.pair import Node, Pair, running_pair

pytestmark = [pytest.mark.browser, pytest.mark.processes, pytest.mark.timeout(180)]

TRIAL = 8
"""Seconds; a minute outside of tests."""
SAFE = "The change is safe on both OMMs"
RFP: Mapping[str, str | bool] = {
    "MAC address": "00:30:42:AB:CD:EF",
    "Name": "Loading ramp",
    "Hardware type": "RFP 47",
    "Site": "North wing",
    "Building": "Block C",
    "Floor": "-1",
    "Room": "0.01",
    "Position x": "-120",
    "Position y": "480",
    "Cluster": "4096",
    "Paging area": "255",
    "DECT on": False,
    "Preferred synchronisation source": True,
    "Reflective environment": True,
    "WLAN on": True,
    "WLAN profile": "Warehouse",
    "IP mode": "Local",
    "Address": "10.9.0.11",
    "Netmask": "255.255.255.0",
    "Gateway": "10.9.0.1",
    "First OMM": "10.9.0.2",
    "Second OMM": "10.9.0.3",
    "DNS server": "10.9.0.4",
    "Syslog server": "10.9.0.5",
}
SYSTEM: Mapping[str, str | bool] = {
    "System name": "St. Anna Hospital",
    "Tone scheme": "North America",
    "Remote shell access": True,
    "Time zone": "Berlin",
    "First NTP server": "ntp1.example.org",
    "Second NTP server": "10.9.0.6",
    "Third NTP server": "ntp3.example.org",
    "Send to a syslog server": True,
    "Syslog address": "10.9.0.5",
    "Syslog port": "1514",
    "PARK": "1F10012345",
    "Regulatory domain": "EMEA",
    "Paging area size": "64",
    "DECT encryption": True,
    "SNMP contact": "Night shift, room 0.12",
    "SNMP trap host": "nms.example.org",
}


@pytest.fixture(scope="module")
def module_pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """A pair whose address trial is short."""
    directory = tmp_path_factory.mktemp("pair")
    with running_pair(directory, OMM_ADDRESS_TRIAL=str(TRIAL)) as pair:
        yield pair


@pytest.fixture
def active(pair: Pair) -> Node:
    return pair.active


def fill_in(page: Page, values: Mapping[str, str | bool]) -> None:
    """Type, choose and tick, as the kind of each field wants it."""
    for label, value in values.items():
        field = page.get_by_label(label, exact=True)
        if isinstance(value, bool):
            field.set_checked(value)
        elif field.evaluate("element => element.tagName") == "SELECT":
            field.select_option(label=value)
        else:
            field.fill(value)


def expect_filled_in(page: Page, values: Mapping[str, str | bool]) -> None:
    for label, value in values.items():
        field = page.get_by_label(label, exact=True)
        if isinstance(value, bool):
            expect(field).to_be_checked(checked=value)
        elif field.evaluate("element => element.tagName") == "SELECT":
            expect(field.locator("option:checked")).to_have_text(value)
        else:
            expect(field).to_have_value(value)


def save(page: Page, verb: str = "Save") -> None:
    """Send the form and wait for the page that answers: the old one may say the same words."""
    with page.expect_navigation():
        page.get_by_role("button", name=verb, exact=True).click()


def delete(page: Page, verb: str) -> None:
    page.get_by_role("link", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name=verb).click()
    expect(page.get_by_text(SAFE)).to_be_visible()


def test_a_site_and_a_base_station_with_everything(page: Page, active: Node) -> None:
    sign_in(page, active, "/sites/new/")
    page.get_by_label("Name").fill("North")
    save(page)
    expect(page.get_by_text(SAFE)).to_be_visible()
    page.get_by_role("link", name="North", exact=True).click()
    page.get_by_label("Name").fill("North wing")
    save(page)
    expect(page.get_by_text(SAFE)).to_be_visible()

    page.goto(f"{active.url}/rfps/new/")
    expect(page.get_by_label("Gateway")).to_be_hidden()
    page.get_by_label("IP mode").select_option(label="Local")
    fill_in(page, RFP)
    save(page)
    expect(page.get_by_text(SAFE)).to_be_visible()
    page.get_by_role("link", name="Loading ramp").click()
    expect_filled_in(page, RFP)

    changed = {"Name": "Ramp 2", "Site": "No site", "DECT on": True, "Paging area": ""}
    fill_in(page, changed)
    save(page)
    expect(page.get_by_text(SAFE)).to_be_visible()
    page.get_by_role("link", name="Ramp 2").click()
    expect_filled_in(page, {**RFP, **changed})
    delete(page, "Delete base station")
    expect(page.get_by_role("link", name="Ramp 2")).to_have_count(0)

    page.goto(f"{active.url}/sites/")
    page.get_by_role("link", name="North wing", exact=True).click()
    delete(page, "Delete site")
    expect(page.get_by_role("link", name="North wing")).to_have_count(0)


def test_all_errors_are_shown_at_once_and_nothing_typed_is_lost(page: Page, active: Node) -> None:
    sign_in(page, active, "/rfps/new/")
    wrong = {
        "MAC address": "00:30:42",
        "Name": "Half done",
        "Cluster": "5000",
        "IP mode": "Local",
        "Address": "10.0.0.300",
        "Netmask": "255.0.255.0",
    }
    page.get_by_label("IP mode").select_option(label="Local")
    fill_in(page, wrong)
    save(page)
    alert = page.get_by_role("alert").filter(has_text="6 fields need a look")
    expect(alert).to_be_visible()
    expect(page.get_by_label("MAC address")).to_be_focused()
    expect_filled_in(page, wrong)
    alert.get_by_role("link", name="Netmask").click()
    netmask = page.get_by_label("Netmask")
    expect(netmask).to_be_focused()
    expect(netmask).to_have_accessible_description(re.compile("not a netmask"))

    page.get_by_label("IP mode").select_option(label="DHCP")
    fill_in(page, {"MAC address": "00-30-42-00-0e-01", "Cluster": "2"})
    save(page)
    expect(page.get_by_label("Address", exact=True)).to_be_focused()
    fill_in(page, {"Address": "", "Netmask": ""})
    save(page)
    expect(page.get_by_text(SAFE)).to_be_visible()


def test_the_settings_of_the_system(page: Page, active: Node, pair: Pair) -> None:
    sign_in(page, active, "/settings/system/")
    fill_in(page, {"Send to a syslog server": True, "Third NTP server": "c.example"})
    save(page)
    expect(page.get_by_role("alert").get_by_role("link")).to_have_text(
        ["First NTP server", "Syslog address"]
    )
    fill_in(page, SYSTEM)
    save(page)
    expect(page.get_by_text(SAFE)).to_be_visible()
    expect_filled_in(page, SYSTEM)
    expect(page).to_have_title("System · St. Anna Hospital")
    page.get_by_role("link", name="History").click()
    page.get_by_text("16 fields").click()
    for told in ("North America", "Europe/Berlin", "ntp3.example.org"):
        expect(page.get_by_text(told, exact=True).first).to_be_visible()


def start_trial(page: Page, active: Node, second: str) -> tuple[str, str]:
    """Put another second address on trial; both former ones."""
    sign_in(page, active, "/settings/omm/")
    labels = ("First OMM address", "Second OMM address")
    former = tuple(page.get_by_label(label).input_value() for label in labels)
    page.get_by_label("Second OMM address").fill(second)
    save(page, "Start the trial")
    expect(page.get_by_text("New addresses on trial")).to_be_visible()
    expect(page.get_by_text(re.compile(r"^\d+ s left$"))).to_be_visible()
    return former[0], former[1]


def test_a_trial_reverts_by_itself_before_the_eyes(page: Page, active: Node) -> None:
    first, second = start_trial(page, active, "127.0.0.77")
    expect(page.get_by_text(f"{first} and {second} come back")).to_be_visible()
    expect(page.get_by_label("Second OMM address")).to_have_value("127.0.0.77")
    gone = expect(page.get_by_text("New addresses on trial"))
    gone.to_have_count(0, timeout=(TRIAL + 20) * 1000)
    expect(page.get_by_label("Second OMM address")).to_have_value(second)
    expect(page.get_by_label("First OMM address")).to_have_value(first)


def test_the_end_of_a_trial_leaves_typed_text_alone(page: Page, active: Node) -> None:
    page.clock.install()
    start_trial(page, active, "127.0.0.79")
    page.get_by_label("First OMM address").fill("127.0.0.7")
    page.clock.run_for((TRIAL + 10) * 1000)
    expect(page.get_by_text("The time is over")).to_be_visible()
    expect(page.get_by_label("First OMM address")).to_have_value("127.0.0.7")
    with active.api() as api:
        api.post("/settings/omm/revert/")


def test_a_trial_is_confirmed_or_taken_back(page: Page, active: Node) -> None:
    _first, second = start_trial(page, active, "127.0.0.78")
    page.get_by_role("button", name="Keep the new addresses").click()
    expect(page.get_by_text(SAFE)).to_be_visible()
    expect(page.get_by_text("New addresses on trial")).to_have_count(0)
    expect(page.get_by_label("Second OMM address")).to_have_value("127.0.0.78")
    page.get_by_label("Second OMM address").fill(second)
    save(page, "Start the trial")
    page.get_by_role("button", name="Revert now").click()
    expect(page.get_by_text(SAFE)).to_be_visible()
    expect(page.get_by_label("Second OMM address")).to_have_value("127.0.0.78")


@pytest.fixture
def sip_server() -> Iterator[SipResponder]:
    """A SIP server that answers everything."""
    responder = SipResponder()
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    asyncio.run_coroutine_threadsafe(responder.start("127.0.0.1", 0), loop).result()
    yield responder
    asyncio.run_coroutine_threadsafe(responder.close(), loop).result()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A UDP port that takes requests and never answers."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as deaf:
        deaf.bind(("127.0.0.1", 0))
        yield deaf.getsockname()[1]


def watch_waiting(page: Page) -> list[str]:
    """What the page tells while it waits for the next one, when Playwright itself is waiting."""
    shown: list[str] = []
    page.expose_function("note", lambda text: shown.append(text))  # noqa: PLW0108 (Playwright marks it)
    page.get_by_role("status", include_hidden=True).evaluate_all(
        """parts => parts.forEach((part) => {
            const tell = () => part.hidden || window.note(part.textContent);
            new MutationObserver(tell).observe(part, { attributeFilter: ["hidden"] });
        })"""
    )
    return shown


def test_sip_servers_are_asked_before_they_are_saved(
    page: Page, active: Node, sip_server: SipResponder, silent_port: int
) -> None:
    sign_in(page, active, "/settings/sip/")
    silent = {
        "Proxy server": "127.0.0.1",
        "Proxy port": str(silent_port),
        "Transport": "UDP and TCP",
        "Registration period": "600",
        "Check number": "4711",
        "Outbound proxy server": "edge.example.org",
        "Outbound proxy port": "5080",
    }
    fill_in(page, silent)
    shown = watch_waiting(page)
    save(page)
    expect(page.get_by_text("127.0.0.1 does not answer")).to_be_visible()
    assert any("Asking the SIP servers" in text for text in shown)
    expect_filled_in(page, silent)
    save(page, "Save although it does not answer")
    expect(page.get_by_text(SAFE)).to_be_visible()
    expect_filled_in(page, silent)

    sip_server.requests = 0
    fill_in(page, {"Proxy port": str(sip_server.port), "Registrar server": "127.0.0.1"})
    fill_in(page, {"Registrar port": str(sip_server.port)})
    save(page)
    expect(page.get_by_text(SAFE)).to_be_visible()
    assert sip_server.requests > 0
    assert set(sip_server.methods) == {"OPTIONS", "REGISTER"}
    expect(page.get_by_text("does not answer")).to_have_count(0)
    fill_in(page, {"Proxy server": "", "Registrar server": "", "Check number": ""})
    save(page)
    expect(page.get_by_text(SAFE)).to_be_visible()
