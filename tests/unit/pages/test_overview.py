"""Base stations counted: on the dashboard, and before the OMM addresses are changed."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client
from django.utils import timezone

from omm_portal.accounts.models import User
from rfps import overview, services
from rfps.models import Rfp, RfpLive, Site
from rfps.overview import address_effect, rfp_counts
from standby import panels
from standby.services import omm_settings_update

pytestmark = pytest.mark.django_db(databases=["default", "live"])

LOCAL = {"ip_mode": "local", "netmask": "255.255.255.0", "gateway": "10.0.0.1"}


def local(number: int, first: str, second: str | None) -> dict[str, Any]:
    own = {"mac": f"0030420000{number:02X}", "address": f"10.0.0.{number}"}
    return {**LOCAL, **own, "first_omm": first, "second_omm": second}


@pytest.fixture
def rfps(admin: User) -> list[Rfp]:
    """Three by DHCP (two at North), three local: as the settings say, swapped, and another one."""
    changes = {"first_address": "10.0.0.2", "second_address": "10.0.0.3"}
    omm_settings_update(changes=changes, now=timezone.now(), actor="admin")
    site: Site = services.site_create(name="North", actor="admin").value
    items = [
        {"mac": "003042000001", "site_id": site.pk},
        {"mac": "003042000002", "site_id": site.pk, "dect_on": False},
        {"mac": "003042000003"},
        local(11, "10.0.0.2", "10.0.0.3"),
        local(12, "10.0.0.3", "10.0.0.2"),
        local(13, "10.0.0.2", None),
    ]
    made = services.rfp_create_many(items=items, actor="admin").value
    for rfp, connected in ((made[0], True), (made[2], False), (made[3], True)):
        RfpLive.objects.create(rfp_id=rfp.pk, connected=connected)
    return made


def test_states_are_counted(rfps: list[Rfp]) -> None:
    found = rfp_counts()
    assert (found.configured, found.connected, found.not_connected) == (6, 2, 4)
    assert (found.never_seen, found.dect_off, found.no_standby) == (3, 1, 1)


def test_every_count_of_the_dashboard_leads_to_its_base_stations(
    browser: Client, rfps: list[Rfp]
) -> None:
    page = browser.get("/").content.decode()
    counts = {"not_connected": 4, "never_seen": 3, "dect_off": 1, "no_standby": 1}
    for state, count in counts.items():
        assert f'href="/rfps/?state={state}">{count}</a>' in page
        assert len(browser.get(f"/rfps/?state={state}").context["rows"]) == count


def test_it_is_told_whom_a_change_of_addresses_reaches(rfps: list[Rfp]) -> None:
    found = address_effect()
    assert (found.by_dhcp, found.by_dhcp_connected) == (3, 1)
    shares = {(share.name, share.count, share.connected) for share in found.sites}
    assert shares == {("", 1, 0), ("North", 2, 1)}
    assert (found.local, found.local_connected) == (3, 1)
    assert (found.others, found.others_count) == ([rfps[5]], 1)


def test_the_page_of_the_addresses_shows_it(browser: Client, rfps: list[Rfp]) -> None:
    page = browser.get("/settings/omm/").content.decode()
    assert f'/rfps/{rfps[5].pk}/">00:30:42:00:00:0D</a>' in page
    assert f"?site={rfps[0].site_id}" in page
    assert "?site=none" in page
    listed = browser.get("/rfps/?state=other_omm").context["rows"]
    assert [rfp for rfp, _live, _state in listed] == [rfps[5]]


def test_without_settings_every_local_one_differs(admin: User) -> None:
    services.rfp_create(values=local(11, "10.0.0.2", "10.0.0.3"), actor="admin")
    assert address_effect().others_count == 1


def test_reports_of_removed_base_stations_do_not_count(rfps: list[Rfp]) -> None:
    for rfp in rfps[1:]:
        services.rfp_delete(rfp=rfp, actor="admin")
    found = rfp_counts()
    assert (found.configured, found.not_connected, found.never_seen) == (1, 0, 0)


def test_what_cannot_be_read_is_left_out(
    browser: Client, rfps: list[Rfp], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> None:
        raise OperationalError

    monkeypatch.setitem(panels._known, "dashboard", [("rfps/counts_card.html", broken)])
    page = browser.get("/")
    assert page.status_code == 200
    assert page.context["panels"] == []


def test_long_lists_are_cut(admin: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overview, "LISTED", 2)
    items = [local(number, "10.0.0.8", None) for number in range(11, 15)]
    services.rfp_create_many(items=items, actor="admin")
    found = address_effect()
    assert (len(found.others), found.others_count) == (2, 4)
