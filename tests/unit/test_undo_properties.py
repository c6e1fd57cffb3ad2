"""What holds for the undo of any history of changes."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from omm_portal.accounts import services as accounts
from omm_portal.accounts.models import User
from rfps import services
from rfps.models import Rfp, Site
from standby import journal
from standby.journal import registry
from standby.journal.rows import table
from standby.models import JournalEntry
from standby.services import system_settings_update
from standby.undo_plan import picked
from standby.undoing import undo_changes, undo_preview
from standby.written import Conflict, ElementsInvalid

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "live"])

some = settings(
    max_examples=20,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # each example is slow to shrink
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
MODELS = ("rfps.site", "rfps.rfp", "standby.systemsettings", "accounts.user")
LEFT_OUT = {"version", "password", "must_change_password"}
Dump = dict[str, dict[str, dict[str, Any]]]

few = st.integers(0, 3)
names = st.sampled_from(["A", "B", "C", "D"])
fields = st.dictionaries(st.sampled_from(["name", "room", "floor"]), names, min_size=1)
operations = st.one_of(
    st.tuples(st.just("site"), names),
    st.tuples(st.just("rename"), few, names),
    st.tuples(st.just("drop site"), few),
    st.tuples(st.just("rfp"), few),
    st.tuples(st.just("rfps"), st.lists(few, min_size=2, max_size=3, unique=True)),
    st.tuples(st.just("mac"), few, few),
    st.tuples(st.just("fields"), few, fields),
    st.tuples(st.just("move"), few, st.none() | few),
    st.tuples(st.just("drop rfp"), few),
    st.tuples(st.just("system"), names),
    st.tuples(st.just("user"), names),
    st.tuples(st.just("role"), names, st.sampled_from(["full", "read"])),
)
histories = st.lists(operations, min_size=1, max_size=10)


@pytest.fixture(autouse=True)
def _ready(open_gate: Any, admin: User) -> None:
    """An active OMM; every example leaves its tables as it found them."""


def dump() -> Dump:
    """All rows that histories alter; without the version, which only ever rises, and what a
    removed user gets another of when it comes back."""
    found: Dump = {}
    for label in MODELS:
        one = table(label, connection)
        registered = registry.find(label)
        assert registered is not None
        keys = [str(pk) for pk in registered.model._default_manager.values_list("pk", flat=True)]
        rows = one.read(keys, connection)
        found[label] = {
            key: {name: value for name, value in row.items() if name not in LEFT_OUT}
            for key, row in rows.items()
        }
    return found


def mac_of(number: int) -> str:
    return f"0030420000{number:02X}"


def nth(model: Any, number: int) -> Any:
    rows = list(model.objects.order_by("pk"))
    return rows[number % len(rows)] if rows else None


def perform(operation: tuple[Any, ...]) -> None:
    """One change by the services; what breaks a rule is left out."""
    with suppress(ValidationError, Conflict, ElementsInvalid):
        _perform(operation)


def _perform(operation: tuple[Any, ...]) -> None:
    word, *rest = operation
    site, rfp = nth(Site, _number(rest)), nth(Rfp, _number(rest))
    works: dict[str, Callable[[], object]] = {
        "site": lambda: services.site_create(name=rest[0], actor="h"),
        "rfp": lambda: services.rfp_create(values={"mac": mac_of(rest[0])}, actor="h"),
        "rfps": lambda: services.rfp_create_many(
            items=[{"mac": mac_of(each)} for each in rest[0]], actor="h"
        ),
        "system": lambda: system_settings_update(changes={"system_name": rest[0]}, actor="h"),
        "user": lambda: accounts.user_create(
            values={"username": rest[0]}, password="a-long-password", actor="h"
        ),
        "role": lambda: _with_role(*rest),
    }
    if site is not None:
        works["rename"] = lambda: services.site_update(site=site, name=rest[1], actor="h")
        works["drop site"] = lambda: services.site_delete(site=site, actor="h")
    if rfp is not None:
        works["mac"] = lambda: _change(rfp, mac=mac_of(rest[1]))
        works["fields"] = lambda: _change(rfp, **rest[1])
        works["move"] = lambda: _change(rfp, site=None if rest[1] is None else nth(Site, rest[1]))
        works["drop rfp"] = lambda: services.rfp_delete(rfp=rfp, actor="h")
    if word in works:
        works[word]()


def _number(rest: list[Any]) -> int:
    return rest[0] if isinstance(rest[0], int) else 0


def _change(rfp: Rfp, **changes: Any) -> None:
    services.rfp_update(rfp=rfp, changes=changes, actor="h")


def _with_role(name: str, role: str) -> None:
    user = User.objects.filter(username=name).first()
    if user is not None:
        accounts.user_update(user=user, changes={"role": role}, actor="h")


def undo_after(seq: int) -> None:
    """Undo every change after ``seq``; access may grow, since it was there before."""
    seqs = list(JournalEntry.objects.filter(seq__gt=seq).values_list("seq", flat=True))
    if not seqs:
        return
    entries = picked(seqs)
    asked: set[str] = set()
    while more := {each.id for each in undo_preview(entries, overrule=asked, actor="h").skipped}:
        assert more - asked, "what may be overruled was overruled"
        asked |= more
    try:
        plan = undo_changes(entries, overrule=asked, actor="h").value
    except Conflict as error:
        assert error.code == "nothing-to-undo"  # noqa: PT017 (not every example raises)
    else:
        assert plan.skipped == []


@some
@given(before=histories, history=histories)
def test_undoing_the_newest_changes_restores_the_tables(
    before: list[Any], history: list[Any]
) -> None:
    start, empty = journal.head().seq, dump()
    for operation in before:
        perform(operation)
    seq, was = journal.head().seq, dump()
    for operation in history:
        perform(operation)
    undo_after(seq)
    assert dump() == was
    undo_after(start)
    assert dump() == empty


@some
@given(history=histories)
def test_undoing_the_undo_is_as_if_nothing_was_undone(history: list[Any]) -> None:
    start, empty = journal.head().seq, dump()
    for operation in history:
        perform(operation)
    done, is_now = journal.head().seq, dump()
    undo_after(start)
    assert dump() == empty
    undo_after(done)
    assert dump() == is_now
    undo_after(start)
    assert dump() == empty


@some
@given(first=fields, later=st.lists(fields, max_size=3))
def test_what_was_changed_later_is_kept_and_the_rest_comes_back(
    first: dict[str, str], later: list[dict[str, str]]
) -> None:
    start = journal.head().seq
    rfp = services.rfp_create(values={"mac": mac_of(9), "name": "A"}, actor="h").value
    was = {name: getattr(rfp, name) for name in ("name", "room", "floor")}
    _change(rfp, **first)
    seq, made = journal.head().seq, {**was, **first}
    now = dict(made)
    for changes in later:
        _change(rfp, **changes)
        now.update(changes)
    wanted = {name: was[name] if now[name] == made[name] else now[name] for name in now}
    if made != was:
        entries = picked([seq])
        try:
            seen = undo_preview(entries, actor="h").seen
            undo_changes(entries, seen=seen, actor="h")
        except Conflict:
            assert wanted == now
        rfp.refresh_from_db()
        assert {name: getattr(rfp, name) for name in wanted} == wanted
    undo_after(start)
