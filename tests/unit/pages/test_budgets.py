"""Every page costs the same few queries, with one base station as with 4,096."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connections, transaction
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from django.urls import get_resolver, reverse
from django.urls.resolvers import URLPattern, URLResolver
from django.utils import timezone

from omm_portal.accounts.models import ApiToken, User
from rfps.models import Rfp, Site
from standby import journal
from standby.backup.files import stored_list
from standby.backup.services import backup_make
from standby.models import JournalEntry, SetAside, Split, fixed_id
from tests import plenty
from tests.gate import open_gate_at
from tests.unit.pages.conftest import client_of

pytestmark = [pytest.mark.django_db(databases=["default", "live"]), pytest.mark.timeout(600)]

SIZES = (1, 100, 4096)
MOST = 10
"""Queries of a page: session, account and name of the system are three of them."""
MORE = {
    "backup": 30,
    "change-list": 17,
    "set-aside": 20,
    "undo": 30,
    "set-aside-change": 12,
    "dashboard": 16,
    "pair": 12,
    "omm-settings": 12,
}
"""Pages that show rows of every kind need a query for each kind."""
NOT_SHOWN = frozenset(
    {
        "backup-file",
        "split-copy",
        "handover",
        "language",
        "logout",
        "login",
        "maintenance-end",
        "omm-confirm",
        "omm-revert",
    }
)
"""Names whose GET shows nothing: a file, a POST alone, or it sends whoever is signed in on."""
VIEWS = {
    "rfp-list": (
        "search=RFP&cluster=2",
        "state=connected&site=none",
        "state=never_seen&ordering=name",
        "state=other_omm",
        "ordering=-state",
        "ordering=address&page=2",
        "ordering=-site",
    ),
    "site-list": ("search=1&ordering=-rfps",),
    "user-list": ("ordering=-state",),
    "token-list": ("ordering=expires",),
    "session-list": ("ordering=-browser",),
    "change-list": ("search=RFP", "model=rfps.rfp&actor=p", "ordering=seq"),
    "event-list": ("kind=roles&ordering=-severity", "severity=error"),
}
"""Queries of addresses that are measured besides the plain one."""


def page_names(patterns: Iterable[Any] | None = None) -> Iterator[tuple[str, list[str]]]:
    """The names of all paths but REST's, with the parameters that they need."""
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        if isinstance(pattern, URLResolver) and pattern.namespace is None:
            yield from page_names(pattern.url_patterns)
        elif isinstance(pattern, URLPattern) and pattern.name not in NOT_SHOWN:
            yield str(pattern.name), list(pattern.pattern.converters)


Costs = dict[tuple[str, str], list[tuple[int, int]]]
"""By name of the page and query of the address: status and number of queries at each size."""
NAMES = sorted(name for name, _parameters in page_names())


def parameters_of(name: str, needed: list[str]) -> dict[str, Any]:
    """An object for a page that is about one."""
    if not needed:
        return {}
    if "backup_id" in needed:
        made = stored_list() or [backup_make(now=timezone.now(), actor="plenty")]
        return {"backup_id": made[0].id}
    if name == "change":
        entry = JournalEntry.objects.filter(actor="plenty").latest("seq")
        return {"seq": entry.seq}
    if name.startswith("set-aside"):
        known = {"pk": SetAside.objects.earliest("seq").pk, "choice": "replace"}
        return {each: known[each] for each in needed}
    if name == "split":
        return {"pk": Split.objects.latest("ended_at").pk}
    models: dict[str, Any] = {"rfp": Rfp, "site": Site, "user": User, "token": ApiToken}
    orders = {"rfp": "mac", "site": "name", "user": "username", "token": "name"}
    kind = name.partition("-")[0]
    return {"pk": models[kind].objects.latest(orders[kind]).pk}


def plain_query(name: str) -> str:
    """The query of an address that means nothing without one."""
    if name != "undo":
        return ""
    return f"seq={JournalEntry.objects.filter(model='standby.systemsettings').latest('seq').pk}"


@pytest.fixture(scope="module")
def counted(
    django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory
) -> Costs:
    """Status and number of queries of each address at each size."""
    found: Costs = {}
    omm = replace(
        settings.OMM, data_dir=Path(tmp_path_factory.mktemp("full")), heartbeat_interval=2.0
    )
    omm.run_dir.mkdir(parents=True)
    with ExitStack() as stack:
        stack.enter_context(django_db_blocker.unblock())
        stack.enter_context(override_settings(OMM=omm))
        for alias in connections:
            whole = transaction.atomic(using=alias)
            whole._from_testcase = True  # type: ignore[attr-defined]  # as Django's TestCase does
            stack.enter_context(whole)
            stack.callback(transaction.set_rollback, True, using=alias)
        gate = open_gate_at(omm.lease_path)
        stack.callback(gate.stop)
        journal.fence_open(1)
        admin = User.objects.get(pk=fixed_id("user:admin"))
        with plenty.unguarded():
            User.objects.filter(pk=admin.pk).update(must_change_password=False)
        admin.refresh_from_db()
        browser = client_of(admin)
        for size in SIZES:
            plenty.fill(size, owner=admin)
            _look(browser, found)
    return found


def _look(browser: Client, found: Costs) -> None:
    for name, needed in page_names():
        path = reverse(name, kwargs=parameters_of(name, needed))
        for query in ("", *VIEWS.get(name, ())):
            wanted = query or plain_query(name)
            address = f"{path}?{wanted}" if wanted else path
            browser.get(address)  # the first look may fill caches
            found.setdefault((name, query), []).append(_cost(browser, address))


def _cost(browser: Client, address: str) -> tuple[int, int]:
    with ExitStack() as stack:
        watched = [
            stack.enter_context(CaptureQueriesContext(connections[alias])) for alias in connections
        ]
        status = browser.get(address).status_code
    return status, sum(map(len, watched))


@pytest.mark.parametrize("name", NAMES)
def test_a_page_costs_the_same_few_queries(counted: Costs, name: str) -> None:
    for (page, query), costs in counted.items():
        if page != name:
            continue
        assert {status for status, _count in costs} == {200}, query
        one, hundred, all_of_them = (count for _status, count in costs)
        assert hundred == all_of_them <= MORE.get(name, MOST), (query, costs)
        if query:  # a filter that finds nothing yet costs less
            assert one <= hundred, (query, costs)
        else:
            assert one == hundred, costs
