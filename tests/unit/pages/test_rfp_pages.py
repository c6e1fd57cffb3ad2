"""Pages of base stations and sites."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.test import Client

from rfps import services
from rfps.models import Rfp, Site

pytestmark = pytest.mark.django_db(databases=["default", "live"])


@pytest.fixture
def site(admin: Any) -> Site:
    return services.site_create(name="North", actor="admin").value


@pytest.fixture
def rfp(site: Site) -> Rfp:
    values = {"mac": "003042000001", "name": "Hall", "site_id": site.pk}
    return services.rfp_create(values=values, actor="admin").value


def fields(rfp: Rfp, **changes: Any) -> dict[str, Any]:
    """What the form of ``rfp`` sends."""
    values = {"mac": rfp.mac, "name": rfp.name, "cluster": 1, "ip_mode": "dhcp", "dect_on": "on"}
    return {**values, "version": rfp.version, **changes}


def test_it_lists_searches_and_filters(browser: Client, rfp: Rfp) -> None:
    services.rfp_create(values={"mac": "003042000002", "name": "Cellar"}, actor="admin")
    everything = browser.get("/rfps/").content.decode()
    assert "Hall" in everything
    assert "Cellar" in everything
    found = browser.get("/rfps/", {"search": "00-30-42-00-00-01"}).content.decode()
    assert "Hall" in found
    assert "Cellar" not in found
    there = browser.get("/rfps/", {"site": str(rfp.site_id)}).content.decode()
    assert "Cellar" not in there


def test_it_pages_and_keeps_the_filter(browser: Client, site: Site) -> None:
    items = [{"mac": f"0030420001{i:02X}", "name": f"unit-{i}"} for i in range(60)]
    services.rfp_create_many(items=items, actor="admin")
    first = browser.get("/rfps/", {"search": "unit"}).content.decode()
    assert "1\N{EN DASH}50 of 60" in first
    assert "?search=unit&amp;page=2" in first
    assert "51\N{EN DASH}60 of 60" in browser.get("/rfps/?search=unit&page=99").content.decode()


def test_it_creates(browser: Client, admin: Any) -> None:
    sent = {"mac": "00-30-42-00-00-09", "name": "New", "cluster": 1, "ip_mode": "dhcp"}
    response = browser.post("/rfps/new/", sent, follow=True)
    assert response.redirect_chain == [("/rfps/", 302)]
    assert Rfp.objects.get(mac="00:30:42:00:00:09").name == "New"
    assert "Saved" in response.content.decode()


def test_an_error_keeps_the_typed_text_and_stands_at_its_field(browser: Client, rfp: Rfp) -> None:
    response = browser.post(f"/rfps/{rfp.pk}/", fields(rfp, mac="nonsense", name="Half typed"))
    page = response.content.decode()
    assert response.status_code == 200
    assert "Half typed" in page
    assert "nonsense" in page
    assert response.context["form"].errors.keys() == {"mac"}
    assert 'aria-invalid="true"' in page


def test_somebody_elses_save_is_not_overwritten_unasked(browser: Client, rfp: Rfp) -> None:
    old = fields(rfp, name="Mine")
    services.rfp_update(rfp=rfp, changes={"name": "Theirs"}, actor="lena")
    response = browser.post(f"/rfps/{rfp.pk}/", old)
    assert response.status_code == 200
    assert "Somebody else saved" in response.content.decode()
    assert "Mine" in response.content.decode()
    rfp.refresh_from_db()
    assert rfp.name == "Theirs"
    again = {**old, "version": response.context["form"]["version"].value()}
    browser.post(f"/rfps/{rfp.pk}/", again)
    rfp.refresh_from_db()
    assert rfp.name == "Mine"


def test_a_closed_gate_keeps_the_text_and_says_why(
    browser: Client, rfp: Rfp, open_gate: Any
) -> None:
    open_gate.say(gate_open=False)
    response = browser.post(f"/rfps/{rfp.pk}/", fields(rfp, name="Later"))
    assert response.status_code == 503
    assert response.headers["Retry-After"] == "1"
    assert "Later" in response.content.decode()


def test_deleting_asks_first(browser: Client, rfp: Rfp) -> None:
    question = browser.get(f"/rfps/{rfp.pk}/delete/").content.decode()
    assert "Delete the base station Hall?" in question
    assert Rfp.objects.exists()
    browser.post(f"/rfps/{rfp.pk}/delete/", {"version": rfp.version})
    assert not Rfp.objects.exists()


def test_a_site_in_use_stays(browser: Client, rfp: Rfp) -> None:
    response = browser.post(f"/sites/{rfp.site_id}/delete/")
    assert response.status_code == 200
    assert "1 base station belongs to" in response.content.decode()
    assert Site.objects.exists()


def test_sites_are_made_renamed_and_removed(browser: Client, admin: Any) -> None:
    browser.post("/sites/new/", {"name": "South"})
    site = Site.objects.get()
    browser.post(f"/sites/{site.pk}/", {"name": "West", "version": site.version})
    site.refresh_from_db()
    assert site.name == "West"
    browser.post(f"/sites/{site.pk}/delete/", {"version": site.version})
    assert not Site.objects.exists()


def test_readers_look_but_do_not_touch(reading_browser: Client, rfp: Rfp) -> None:
    page = reading_browser.get(f"/rfps/{rfp.pk}/").content.decode()
    assert "Hall" in page
    assert "disabled" in page
    assert ">Save<" not in page.replace("\n", "")
    assert reading_browser.post(f"/rfps/{rfp.pk}/", fields(rfp)).status_code == 403
    assert reading_browser.get("/rfps/new/").status_code == 403
    assert reading_browser.post(f"/rfps/{rfp.pk}/delete/").status_code == 403


def test_what_is_not_there_is_404(browser: Client, admin: Any) -> None:
    assert browser.get(f"/rfps/{uuid.uuid4()}/").status_code == 404
    assert browser.get(f"/sites/{uuid.uuid4()}/").status_code == 404
