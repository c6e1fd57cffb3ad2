"""Changes that lost a split meet what the winner has: every one ends in exactly one class."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from omm_portal.accounts.models import User
from omm_portal.accounts.services import token_create, user_create, user_update
from rfps import services
from rfps.models import Rfp, Site
from standby import journal, merging
from standby.accounting import Accountant, full_account
from standby.deciding import set_aside_decide
from standby.domain.accounting import Account, digest_of
from standby.domain.aside import consistent
from standby.journal import guard, set_aside
from standby.models import JournalEntry, OmmSettings, SetAside, Split, SystemSettings
from standby.services import SYSTEM_ID, omm_settings_update, system_settings_update
from tests.unit.pages.conftest import client_of

LOSER = "10.0.0.9"


@pytest.fixture(autouse=True)
def _ready(transactional_db: None, open_gate: Any, admin: User) -> None:
    """Commits are real: a merge must not depend on the test's own transaction."""


@pytest.fixture
def lost() -> Callable[..., None]:
    """Does something as the losing side would have done it, then takes it back and hands it in."""

    def lose(*works: Callable[[], object]) -> None:
        common = journal.head().seq
        for work in works:
            work()
        batch = journal.read_batch(common, 10**7)
        journal.fence_close()
        journal.roll_back(common)
        journal.fence_open(1)
        lost_ones.extend(batch.entries)

    def hand_in() -> None:
        journal.receive_set_aside([item_of(wire) for wire in lost_ones])
        lost_ones.clear()

    lost_ones: list[journal.WireEntry] = []
    lose.hand_in = hand_in  # type: ignore[attr-defined]
    return lose


def item_of(wire: journal.WireEntry, split: str | None = None) -> dict[str, Any]:
    entry = journal.parse(wire)
    key = set_aside.set_aside_id(entry.node, entry.term, entry.seq, entry.hash)
    names = ("node", "term", "seq", "hash", "body")
    return {"id": str(key), "split": split, **{name: getattr(entry, name) for name in names}}


def merge_all() -> dict[str, int]:
    """Judge everything; the count of each class."""
    for _ in range(1000):
        if not merging.merge_step():
            break
    states = list(SetAside.objects.values_list("state", flat=True))
    assert not merging.waiting().exists()
    return {state: states.count(state) for state in sorted(set(states))}


def the_account() -> Account:
    """Of the only split."""
    return full_account(Split.objects.get())


def rename(site: Site, name: str) -> None:
    services.site_update(site=site, name=name, actor="lena")


def system_name(name: str) -> None:
    system_settings_update(changes={"system_name": name}, actor="lena")


def test_what_only_one_side_touched_is_merged_and_names_its_author(lost: Any) -> None:
    site = services.site_create(name="Ward", actor="admin").value
    lost(
        lambda: rename(site, "Ward 7"),
        lambda: services.site_create(name="New", actor="lena"),
        lambda: system_name("Clinic"),
    )
    services.site_create(name="Other", actor="admin")
    lost.hand_in()
    head = journal.head().seq
    assert merge_all() == {"merged": 3}
    assert set(Site.objects.values_list("name", flat=True)) == {"Ward 7", "New", "Other"}
    assert SystemSettings.objects.get(pk=SYSTEM_ID).system_name == "Clinic"
    entry = JournalEntry.objects.filter(seq__gt=head, model="rfps.site").first()
    assert entry is not None
    body = json.loads(entry.body)
    assert (body["source"], body["original"]["actor"]) == ("merge", "lena")
    transactions = set(
        JournalEntry.objects.filter(seq__gt=head).values_list("transaction", flat=True)
    )
    assert len(transactions) == 3, "a transaction of the loser is one of the winner's"


def test_a_field_that_both_changed_is_open_and_the_others_are_merged(lost: Any) -> None:
    rfp = services.rfp_create(values={"mac": "003042000001", "name": "A"}, actor="admin").value
    lost(
        lambda: services.rfp_update(
            rfp=rfp, changes={"name": "Theirs", "room": "7", "floor": "2"}, actor="lena"
        )
    )
    services.rfp_update(rfp=rfp, changes={"name": "Ours", "floor": "2"}, actor="admin")
    lost.hand_in()
    assert merge_all() == {"open": 1}
    row = SetAside.objects.get()
    assert row.fields == {"name": "open", "room": "merged", "floor": "merged"}
    assert row.reason["text"] == "Both sides changed it."
    now = Rfp.objects.get()
    assert (now.name, now.room, now.floor) == ("Ours", "7", "2")


def test_a_change_that_builds_on_an_open_one_is_open_too(lost: Any) -> None:
    site = services.site_create(name="Ward", actor="admin").value
    lost(lambda: rename(site, "B"), lambda: rename(site, "Ours"), lambda: rename(site, "C"))
    rename(site, "Ours")
    lost.hand_in()
    assert merge_all() == {"merged": 1, "open": 2}
    assert Site.objects.get().name == "Ours"


def test_a_change_that_is_in_the_journal_is_not_done_again() -> None:
    """An older disk put back has brought it there, and somebody has taken it back since."""
    site = services.site_create(name="Ward", actor="admin").value
    common = journal.head().seq
    rename(site, "Ward 7")
    wires = journal.read_batch(common, 10**7).entries
    rename(site, "Ward")
    journal.receive_set_aside([item_of(wire) for wire in wires])
    assert merge_all() == {"merged": 1}
    assert Site.objects.get().name == "Ward"


def test_two_decisions_on_one_change_are_not_mixed(lost: Any) -> None:
    """One side kept a field of an open change; the other, cut off, replaced all of it."""
    rfp = services.rfp_create(values={"mac": "003042000001"}, actor="admin").value
    theirs = {"name": "Theirs", "room": "7"}
    lost(lambda: services.rfp_update(rfp=rfp, changes=theirs, actor="lena"))
    services.rfp_update(rfp=rfp, changes={"name": "Ours", "room": "1"}, actor="admin")
    lost.hand_in()
    assert merge_all() == {"open": 1}
    row = SetAside.objects.get()
    lost(lambda: decide(row, choice="replace"))
    decide(row, choice="keep", fields=["name"])
    lost.hand_in()
    merge_all()
    row.refresh_from_db()
    assert consistent(row.state, row.fields)
    assert row.state == "open", "the room can still be decided"
    assert row.fields == {"name": "kept", "room": "open"}
    asked = SetAside.objects.get(object=row.pk)
    assert asked.state == "open"
    assert (asked.fields["state"], asked.fields["fields"]) == ("open", "open")


def decide(row: SetAside, **choice: Any) -> None:
    set_aside_decide(pk=row.pk, now=timezone.now(), actor="admin", **choice)


def test_what_the_rules_refuse_is_open_with_the_reason(lost: Any) -> None:
    lost(
        lambda: services.site_create(name="Ward", actor="lena"),
        lambda: services.rfp_create(
            values={"mac": "003042000001", "site": Site.objects.get()}, actor="lena"
        ),
        lambda: services.rfp_create(values={"mac": "003042000002"}, actor="lena"),
    )
    services.site_create(name="Ward", actor="admin")
    lost.hand_in()
    assert merge_all() == {"merged": 1, "open": 2}
    why = [row.reason["text"] for row in SetAside.objects.filter(state="open")]
    assert "A site of this name exists already." in why[0]
    assert "There is no such site." in why[1]
    assert Rfp.objects.get().mac == "00:30:42:00:00:02"


def test_one_bad_field_does_not_hold_back_the_others(lost: Any) -> None:
    rfps = [
        services.rfp_create(values={"mac": f"00304200000{n}"}, actor="admin").value for n in (1, 2)
    ]
    lost(
        lambda: services.rfp_update(
            rfp=rfps[0], changes={"mac": "003042000009", "room": "7"}, actor="lena"
        )
    )
    services.rfp_update(rfp=rfps[1], changes={"mac": "003042000009"}, actor="admin")
    lost.hand_in()
    assert merge_all() == {"open": 1}
    assert SetAside.objects.get().fields == {"mac": "open", "room": "merged"}
    assert Rfp.objects.get(pk=rfps[0].pk).room == "7"


@pytest.mark.parametrize(("touched", "state"), [(False, "merged"), (True, "open")])
def test_a_removal_is_merged_unless_the_object_was_changed(
    lost: Any, touched: bool, state: str
) -> None:
    rfp = services.rfp_create(values={"mac": "003042000001"}, actor="admin").value
    lost(lambda: services.rfp_delete(rfp=rfp, actor="lena"))
    if touched:
        services.rfp_update(rfp=rfp, changes={"room": "7"}, actor="admin")
    lost.hand_in()
    assert merge_all() == {state: 1}
    assert Rfp.objects.count() == touched


def test_an_object_that_is_gone_is_not_changed(lost: Any) -> None:
    site = services.site_create(name="Ward", actor="admin").value
    other = services.site_create(name="Other", actor="admin").value
    lost(lambda: rename(site, "B"), lambda: services.site_delete(site=other, actor="lena"))
    services.site_delete(site=site, actor="admin")
    services.site_delete(site=other, actor="admin")
    lost.hand_in()
    assert merge_all() == {"merged": 1, "open": 1}
    assert not Site.objects.exists()


def test_access_never_grows_by_a_merge_but_shrinks_at_once(lost: Any, admin: User) -> None:
    one, two = (
        user_create(
            values={"username": name, "role": "full"}, password="a-long-password", actor="admin"
        ).value
        for name in ("one", "two")
    )
    user_update(user=two, changes={"is_active": False}, actor="admin")
    lost(
        lambda: user_update(user=one, changes={"is_active": False}, actor="lena"),
        lambda: user_update(
            user=two, changes={"is_active": True, "display_name": "Two"}, actor="lena"
        ),
        lambda: user_create(values={"username": "three"}, password="a-long-password", actor="lena"),
    )
    lost.hand_in()
    assert merge_all() == {"merged": 1, "open": 2}
    assert not User.objects.get(username="one").is_active
    now = User.objects.get(username="two")
    assert (now.is_active, now.display_name) == (False, "Two")
    assert not User.objects.filter(username="three").exists()


def test_the_last_administrator_is_never_taken_away(lost: Any, admin: User) -> None:
    other = user_create(
        values={"username": "two", "role": "full"}, password="a-long-password", actor="admin"
    ).value
    lost(lambda: user_update(user=admin, changes={"role": "read"}, actor="two"))
    user_update(user=other, changes={"role": "read"}, actor="admin")
    lost.hand_in()
    assert merge_all() == {"open": 1}
    assert "full access must remain" in SetAside.objects.get().reason["text"]
    assert User.objects.get(pk=admin.pk).role == "full"


def test_addresses_of_the_omms_are_never_changed_without_a_trial(lost: Any) -> None:
    lost(
        lambda: omm_settings_update(
            changes={"first_address": "10.0.0.1"}, now=timezone.now(), actor="lena"
        )
    )
    lost.hand_in()
    assert merge_all() == {"open": 1}
    assert OmmSettings.objects.get().first_address != "10.0.0.1"


def test_merging_twice_or_again_after_an_interruption_changes_nothing(
    lost: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A crash between two of the loser's transactions, and in the middle of one."""
    lost(*(lambda n=n: services.site_create(name=f"S{n}", actor="lena") for n in range(3)))
    lost.hand_in()
    assert sum(merging.merge_step(seconds=0).values()) == 1
    real = merging.carry_out

    def dies(*args: Any) -> None:
        real(*args)
        raise RuntimeError("power loss")

    with monkeypatch.context() as patch, pytest.raises(RuntimeError):
        patch.setattr(merging, "carry_out", dies)
        merging.merge_step()
    assert Site.objects.count() == 1
    assert merge_all() == {"merged": 3}
    head = journal.head()
    assert merging.merge_step() == {}
    assert journal.head() == head
    assert Site.objects.count() == 3


def test_a_transaction_waits_for_its_rest(lost: Any) -> None:
    """Only whole transactions are merged, and nothing before the loser has sent everything."""
    common = journal.head().seq
    services.rfp_create_many(items=[{"mac": f"00304200000{n}"} for n in range(3)], actor="lena")
    wires = journal.read_batch(common, 10**7).entries
    journal.fence_close()
    journal.roll_back(common)
    journal.fence_open(1)
    split = "5b5c2d5e-0a6f-5c43-9f0e-1d9c5b7e8a12"
    facts = {
        "id": split,
        "winner": "10.0.0.10",
        "loser": LOSER,
        "term": 2,
        "began_at": None,
        "ended_at": "2026-01-01T00:00:00.000000Z",
        "reason": None,
        "common": common,
        "loser_changes": 3,
        "until": common,
    }
    items = [item_of(wire, split) for wire in wires]
    facts["digest"] = digest_of(str(item["id"]) for item in items)
    journal.receive_set_aside(items[:2], [facts])
    assert merging.merge_step() == {}
    assert the_account().missing == 1
    journal.receive_set_aside(items, [facts])
    assert (the_account().missing, list(the_account().problems())) == (0, [])
    assert merge_all() == {"merged": 3}
    assert Rfp.objects.count() == 3
    found = Split.objects.get()
    assert (found.loser_changes, found.winner_changes) == (3, 0)
    assert the_account().tallies["merged"].all == 3


def test_a_change_of_another_version_is_open(lost: Any) -> None:
    lost(lambda: services.site_create(name="Ward", actor="lena"))
    lost.hand_in()
    row = SetAside.objects.get()
    row.body = row.body.replace('"rfps.site"', '"rfps.antenna"')
    with journal.change(actor="system", source="system") as change:
        change.save(row)
    assert merge_all() == {"open": 1}


@pytest.fixture
def settled(lost: Any) -> Split:
    """A split that lost three changes, all merged but the last, which is open."""
    split = "5b5c2d5e-0a6f-5c43-9f0e-1d9c5b7e8a12"
    common = journal.head().seq
    for name in ("A", "B", "C"):
        services.site_create(name=name, actor="lena")
    items = [item_of(wire, split) for wire in journal.read_batch(common, 10**7).entries]
    journal.fence_close()
    journal.roll_back(common)
    journal.fence_open(1)
    services.site_create(name="C", actor="admin")
    facts = {
        "id": split,
        "winner": "10.0.0.10",
        "loser": LOSER,
        "term": 2,
        "ended_at": "2026-01-01T00:00:00.000000Z",
        "common": common,
        "loser_changes": 3,
        "digest": digest_of(str(item["id"]) for item in items),
    }
    journal.receive_set_aside(items, [facts])
    assert merge_all() == {"merged": 2, "open": 1}
    return Split.objects.get()


def plant(**values: Any) -> None:
    """Alter the first set-aside change past all rules."""
    with guard.lifted(connection):
        SetAside.objects.filter(pk=SetAside.objects.order_by("seq")[0].pk).update(**values)


def exchange() -> None:
    """Another change in the place of the first one: the count is right."""
    with guard.lifted(connection):
        row = SetAside.objects.order_by("seq")[0]
        row.delete()
        row.pk = uuid.uuid4()
        row.save(force_insert=True)


def double() -> None:
    """The first one twice."""
    with guard.lifted(connection):
        row = SetAside.objects.order_by("seq")[0]
        row.pk = uuid.uuid4()
        row.save(force_insert=True)


@pytest.mark.django_db(transaction=True, databases=["default", "live"])
@pytest.mark.parametrize(
    ("fault", "text"),
    [
        (exchange, "not those that were set aside"),
        (double, "1 change more is listed"),
        (lambda: plant(state="lost"), "1 change is in no class"),
        (lambda: plant(state="kept"), "1 change is in no class"),
        (lambda: plant(judged_at=None), "1 change is in no class"),
    ],
    ids=["exchanged", "twice", "no class", "kept by nobody", "merged unseen"],
)
def test_a_change_that_is_not_in_exactly_one_class_is_noticed(
    settled: Split, admin: User, fault: Any, text: str
) -> None:
    """While the pair runs, on the split's page and in REST."""
    accountant = Accountant()
    accountant.look()
    assert (accountant.missing, accountant.problems) == (0, {})
    browser = client_of(admin)
    assert "in exactly one class" in browser.get(f"/splits/{settled.pk}/").content.decode()
    fault()
    accountant = Accountant()
    accountant.look()
    assert text in accountant.problems[settled.pk][0]
    page = browser.get(f"/splits/{settled.pk}/").content.decode()
    assert text in page
    assert "does not add up" in page
    assert "in exactly one class" not in page
    key = token_create(user=admin, now=timezone.now()).value.key
    rest = Client(headers={"host": "127.0.0.1", "authorization": f"Token {key}"})
    assert text in rest.get(f"/api/v1/splits/{settled.pk}/").json()["problems"][0]


def test_a_removed_one_is_missing(settled: Split) -> None:
    accountant = Accountant()
    accountant.look()
    with guard.lifted(connection):
        SetAside.objects.order_by("seq")[0].delete()
    accountant.look()
    assert (accountant.missing, the_account().missing) == (1, 1)
