"""What all lists share: filters, sorting, pages, and the answers to the page's script."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from omm_portal.accounts.models import User
from omm_portal.tables import Sorting, page_numbers
from rfps import services
from rfps.models import Rfp, RfpLive, Site
from standby.domain.facts import Role
from standby.models import Event
from tests.gate import OpenGate

pytestmark = pytest.mark.django_db(databases=["default", "live"])

SCRIPT = {"HX-Request": "true"}


@pytest.fixture
def site(admin: User) -> Site:
    return services.site_create(name="North", actor="admin").value


@pytest.fixture
def rfps(site: Site) -> dict[str, Rfp]:
    """Four base stations: connected, not connected, never seen, and one without a name."""
    items = [
        {"mac": "003042000004", "name": "alpha", "site_id": site.pk, "cluster": 2},
        {"mac": "003042000003", "name": "Bravo", "building": "Mill"},
        {
            "mac": "003042000002",
            "name": "charlie",
            "dect_on": False,
            "ip_mode": "local",
            "address": "10.0.0.30",
            "netmask": "255.255.255.0",
            "gateway": "10.0.0.1",
            "first_omm": "10.0.0.2",
        },
        {"mac": "003042000001", "cluster": 10},
    ]
    made = services.rfp_create_many(items=items, actor="admin").value
    RfpLive.objects.create(rfp_id=made[0].pk, connected=True, address="10.0.0.9")
    RfpLive.objects.create(rfp_id=made[1].pk, connected=False, address="10.0.0.100")
    return {rfp.mac[-1]: rfp for rfp in made}


def macs(browser: Client, **query: str) -> str:
    """The last digits of the MAC addresses that the list shows, in its order."""
    return "".join(row[0].mac[-1] for row in browser.get("/rfps/", query).context["rows"])


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ({"site": "none"}, "123"),
        ({"cluster": "2"}, "4"),
        ({"state": "connected"}, "4"),
        ({"state": "not_connected"}, "123"),
        ({"state": "never_seen"}, "12"),
        ({"state": "dect_off"}, "2"),
        ({"state": "no_standby"}, "2"),
        ({"state": "not_connected", "search": "bra"}, "3"),
        ({"search": "mill"}, "3"),
        ({"search": "42-00-00-04"}, "4"),
    ],
)
def test_base_stations_are_narrowed(
    browser: Client, rfps: dict[str, Rfp], query: dict[str, str], shown: str
) -> None:
    assert macs(browser, **query) == shown


def test_a_site_is_chosen_by_name(browser: Client, rfps: dict[str, Rfp], site: Site) -> None:
    assert macs(browser, site=str(site.pk)) == "4"
    page = browser.get("/rfps/", {"site": str(site.pk), "cluster": "2"})
    found = [(each.label, each.value) for each in page.context["narrowings"]]
    assert found == [("Site", "North"), ("Cluster", "2")]
    assert page.context["narrowings"][0].without == "/rfps/?cluster=2"
    assert page.context["all_rows"] == "/rfps/"


@pytest.mark.parametrize(
    ("ordering", "shown"),
    [
        ("", "1234"),
        ("-mac", "4321"),
        ("name", "1432"),
        ("-name", "2341"),
        ("cluster", "2341"),
        ("site", "4123"),
        ("location", "1243"),
        ("address", "4231"),
        ("-address", "3241"),
        ("state", "4312"),
        ("-state", "1234"),
        ("nonsense", "1234"),
        ("-", "1234"),
        ("mac,name", "1234"),
        ("site__name", "1234"),
    ],
)
def test_base_stations_are_sorted(
    browser: Client, rfps: dict[str, Rfp], ordering: str, shown: str
) -> None:
    assert macs(browser, ordering=ordering) == shown


@pytest.mark.parametrize("query", [{"cluster": "x"}, {"site": "x"}, {"state": "x"}])
def test_a_filter_that_is_nonsense_is_named(
    browser: Client, rfps: dict[str, Rfp], query: dict[str, str]
) -> None:
    page = browser.get("/rfps/", query)
    assert not page.context["rows"]
    name = next(iter(query))
    assert re.search(
        rf'id="id_{name}_error">.*{name}:', page.content.decode(), re.IGNORECASE | re.DOTALL
    )
    assert "Nothing matches the filter." in page.content.decode()


def test_an_empty_list_says_what_to_do(browser: Client, reading_browser: Client) -> None:
    assert "Add the first one" in browser.get("/rfps/").content.decode()
    assert "Add the first one" not in reading_browser.get("/rfps/").content.decode()
    assert "Add the first one" in browser.get("/sites/?ordering=-name").content.decode()
    assert "Nothing matches" in browser.get("/sites/?search=x").content.decode()


def test_a_head_says_how_the_list_is_sorted(browser: Client, rfps: dict[str, Rfp]) -> None:
    page = browser.get(
        "/rfps/", {"ordering": "-state", "search": "a", "page": "1"}
    ).content.decode()
    assert page.count("aria-sort") == 1
    assert 'aria-sort="descending"><a class="table-sort desc" id="sort-state"' in page
    assert 'id="sort-mac" href="/rfps/?search=a"' in page
    assert 'id="sort-cluster" href="/rfps/?search=a&amp;ordering=cluster"' in page
    assert '<input type="hidden" name="ordering" value="-state" form="filter">' in page


def test_clicks_on_a_head_go_up_down_and_back() -> None:
    columns = dict.fromkeys(("name", "at"))

    def clicks(column: str) -> list[str]:
        found = [""]
        for _ in range(4):
            sorting = Sorting.wanted(found[-1], columns, "-at")
            found.append(sorting.next_for(column))
        return found

    assert clicks("name") == ["", "name", "-name", "", "name"]
    assert clicks("at") == ["", "at", "", "at", ""]


def many_rfps(browser: Client) -> None:
    items = [{"mac": f"00304200{i:04X}", "cluster": 1 + i % 3} for i in range(1, 162)]
    services.rfp_create_many(items=items, actor="admin")


@pytest.mark.parametrize("ordering", ["mac", "cluster", "-cluster", "state", "-address", "site"])
def test_every_row_is_on_one_page(browser: Client, admin: User, ordering: str) -> None:
    many_rfps(browser)
    seen: list[str] = []
    for number in range(1, 5):
        page = browser.get("/rfps/", {"ordering": ordering, "page": str(number)})
        seen += [rfp.mac for rfp, _live, _state in page.context["rows"]]
    assert len(seen) == len(set(seen)) == 161


def test_pages_have_numbers(browser: Client, admin: User) -> None:
    many_rfps(browser)
    page = browser.get("/rfps/", {"page": "3", "ordering": "-mac", "cluster": ""})
    text = page.content.decode()
    assert "101\N{EN DASH}150 of 161" in text
    assert 'rel="prev" href="/rfps/?ordering=-mac&amp;page=2"' in text
    assert 'href="/rfps/?ordering=-mac"><span class="visually-hidden">Page </span>1' in text
    assert re.search(r'aria-current="page"[^>]*><span class="visually-hidden">Page </span>3<', text)
    for nonsense in ("x", "-1", "0", "999999999999999999999"):
        assert browser.get("/rfps/", {"page": nonsense}).status_code == 200


def test_far_pages_are_left_out() -> None:
    from django.core.paginator import Paginator

    paginator = Paginator(range(4096), 50)
    assert page_numbers(paginator, paginator.page(40)) == [1, None, 39, 40, 41, None, 82]
    assert page_numbers(Paginator(range(9), 50), Paginator(range(9), 50).page(1)) == []


def users(browser: Client, ordering: str) -> list[str]:
    rows = browser.get("/users/", {"ordering": ordering}).context["rows"]
    return [user.username for user in rows]


def test_users_sites_and_events_are_sorted(
    browser: Client, reader: User, site: Site, rfps: dict[str, Rfp]
) -> None:
    assert users(browser, "-username") == ["reader", "admin"]
    assert users(browser, "role") == ["admin", "reader"]
    assert users(browser, "password") == ["admin", "reader"]
    services.site_create(name="atoll", actor="admin")
    for ordering, names in (("", "aN"), ("-name", "Na"), ("-rfps", "Na"), ("rfps", "aN")):
        rows = browser.get("/sites/", {"ordering": ordering}).context["rows"]
        assert "".join(row.name[0] for row in rows) == names
    now = timezone.now()
    for age, severity in enumerate(("info", "error", "warning")):
        Event.objects.create(at=now - timedelta(hours=age), severity=severity, code="x", node="n")
    for ordering, expected in (("-severity", "ewi"), ("at", "wei"), ("", "iew")):
        rows = browser.get("/events/", {"ordering": ordering}).context["rows"]
        assert "".join(row["event"].severity[0] for row in rows) == expected


def test_changes_are_sorted_by_number_only(browser: Client, rfps: dict[str, Rfp]) -> None:
    def numbers(ordering: str) -> list[int]:
        groups = browser.get("/changes/", {"ordering": ordering}).context["groups"]
        return [row.seq for group in groups for row in group.rows]

    assert numbers("seq") == sorted(numbers("")) != numbers("")
    assert numbers("actor") == numbers("")


def test_the_script_gets_the_same_page(browser: Client, rfps: dict[str, Rfp]) -> None:
    whole = browser.get("/rfps/?search=a")
    part = browser.get("/rfps/?search=a", headers=SCRIPT)
    masks = re.compile(r'csrfmiddlewaretoken" value="\w+"')
    assert masks.sub("", part.content.decode()) == masks.sub("", whole.content.decode())
    for wanted in ('id="list"', 'id="list-count"', 'hx-target="#list"', 'hx-boost="true"'):
        assert wanted in part.content.decode()


def sign_out(browser: Client, gate: OpenGate) -> None:
    browser.logout()


def be_standby(browser: Client, gate: OpenGate) -> None:
    document = b'{"peer": {"address": "127.0.0.2", "in_contact": true, "role": "active"}}'
    gate.say(role=Role.STANDBY, gate_open=False, document=document)


@pytest.mark.parametrize(
    ("change", "status", "header", "value"),
    [
        (sign_out, 204, "HX-Redirect", "/login/?next=/rfps/%3Fsearch%3Da"),
        (be_standby, 409, "OMM-Active", "http://127.0.0.2:8000/rfps/?search=a"),
    ],
)
def test_no_other_page_comes_into_the_list(
    browser: Client,
    rfps: dict[str, Rfp],
    open_gate: OpenGate,
    peer: str,
    change: Callable[[Client, OpenGate], None],
    status: int,
    header: str,
    value: str,
) -> None:
    change(browser, open_gate)
    assert browser.get("/rfps/?search=a").status_code == 302
    answer: Any = browser.get("/rfps/?search=a", headers=SCRIPT)
    assert (answer.status_code, answer.headers[header]) == (status, value)
    assert not answer.content
