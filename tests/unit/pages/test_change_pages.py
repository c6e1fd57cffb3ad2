"""The change log: filters, history of one object, groups, permanent links."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from omm_portal.accounts import services as accounts
from omm_portal.accounts.models import User
from rfps import services
from rfps.models import Rfp, Site
from standby.models import JournalEntry

pytestmark = pytest.mark.django_db(databases=["default", "live"])


@pytest.fixture
def site(admin: Any) -> Site:
    return services.site_create(name="Old quay", actor="admin").value


@pytest.fixture
def rfp(site: Site) -> Rfp:
    values = {"mac": "003042000001", "name": "Hall", "site_id": site.pk}
    return services.rfp_create(values=values, actor="lena", source="api").value


def listed(browser: Client, **wanted: Any) -> list[int]:
    """The numbers of the changes that the list shows."""
    groups = browser.get("/changes/", wanted).context["groups"]
    return [row.seq for group in groups for row in group.rows]


def last() -> JournalEntry:
    return JournalEntry.objects.order_by("-seq")[0]


def test_it_filters_by_author_kind_source_and_day(browser: Client, rfp: Rfp) -> None:
    assert listed(browser, actor="LEN") == [last().seq]
    assert listed(browser, model="rfps.rfp") == [last().seq]
    assert listed(browser, source="api") == [last().seq]
    today = last().at.date().isoformat()
    assert last().seq in listed(browser, first_day=today, last_day=today)
    assert listed(browser, last_day="2001-01-01") == []
    assert listed(browser, first_day="9998-01-01", last_day="9999-12-31") == []


@pytest.mark.parametrize("search", ["old q", "new Q"])
def test_it_finds_objects_by_their_present_and_former_names(
    browser: Client, site: Site, search: str
) -> None:
    services.site_update(site=site, name="New quay", actor="admin")
    assert last().seq in listed(browser, search=search)


def test_it_finds_what_was_deleted(browser: Client, site: Site) -> None:
    services.site_delete(site=site, actor="admin")
    assert len(listed(browser, search="Old quay")) == 2


def test_searching_never_looks_at_secrets(browser: Client, admin: User) -> None:
    assert admin.password[:8] in JournalEntry.objects.filter(model="accounts.user")[0].body
    for guess in (admin.password[:8], f'","password":"{admin.password[:8]}', ".*password"):
        assert listed(browser, search=guess) == []


@pytest.mark.parametrize(
    "wanted", [{"object": "x"}, {"first_day": "soon"}, {"transaction": "1"}, {"search": "("}]
)
def test_nonsense_finds_nothing(browser: Client, rfp: Rfp, wanted: dict[str, str]) -> None:
    response = browser.get("/changes/", wanted)
    assert response.status_code == 200
    assert "Nothing matches the filter." in response.content.decode()


def test_the_history_of_one_object_is_linked_from_its_page(browser: Client, rfp: Rfp) -> None:
    services.rfp_update(rfp=rfp, changes={"room": "7"}, actor="admin")
    assert f"/changes/?object={rfp.pk}" in browser.get(f"/rfps/{rfp.pk}/").content.decode()
    response = browser.get("/changes/", {"object": str(rfp.pk)})
    assert [row.seq for group in response.context["groups"] for row in group.rows] == [
        last().seq,
        last().seq - 1,
    ]
    page = response.content.decode()
    assert "History: Hall" in page
    assert f'href="/rfps/{rfp.pk}/"' in page


@pytest.mark.parametrize("path", ["/settings/omm/", "/settings/sip/", "/settings/system/"])
def test_settings_link_to_their_history(browser: Client, admin: User, path: str) -> None:
    assert "/changes/?object=" in browser.get(path).content.decode()


def test_sites_and_users_link_to_their_history(browser: Client, site: Site, admin: User) -> None:
    for path in (f"/sites/{site.pk}/", f"/users/{admin.pk}/"):
        assert "/changes/?object=" in browser.get(path).content.decode()


def test_changes_of_one_transaction_stand_together(browser: Client, admin: User) -> None:
    items = [{"mac": f"0030420001{i:02X}"} for i in range(3)]
    services.rfp_create_many(items=items, actor="admin")
    response = browser.get("/changes/")
    group = response.context["groups"][0]
    assert (group.size, len(group.rows), group.is_joint) == (3, 3, True)
    assert "3 changes saved together" in response.content.decode()
    assert len(listed(browser, transaction=group.transaction)) == 3


def test_a_change_has_an_address_of_its_own(browser: Client, site: Site) -> None:
    services.site_update(site=site, name="New quay", actor="lena", source="api")
    page = browser.get(f"/changes/{last().seq}/").content.decode()
    for text in ("lena", "API", "<del>Old quay</del>", "<ins>New quay</ins>", last().hash):
        assert text in page
    assert f"/changes/{last().seq - 1}/" in page
    assert browser.get("/changes/99999/").status_code == 404
    assert browser.get(f"/changes/{10**30}/").status_code == 404


def test_a_changed_password_shows_as_changed_and_no_more(browser: Client, admin: User) -> None:
    accounts.user_update(user=admin, changes={}, password="an entirely new one", actor="admin")
    admin.refresh_from_db()
    page = browser.get(f"/changes/{last().seq}/", follow=True)
    # the password change ended this session: look at the rows themselves
    from standby.rows import change_rows

    row = change_rows([last()])[0]
    assert [(found.field, found.is_secret) for found in row.differences] == [("password", True)]
    assert admin.password not in page.content.decode()
