"""Undoing changes: what comes back by itself, what needs a word, and what never comes back."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from omm_portal.accounts.models import ApiToken, User
from omm_portal.accounts.services import (
    password_reset,
    token_create,
    token_delete,
    user_create,
    user_delete,
    user_update,
)
from rfps import merge_rules as rfp_rules
from rfps import services
from rfps.models import Rfp, Site
from standby import merge_rules
from standby.domain.undo import Kind
from standby.journal import change, head
from standby.keyring import reveal
from standby.link.sip import SipTarget
from standby.models import JournalEntry, OmmSettings, SipSettings, SystemSettings
from standby.services import (
    omm_settings_update,
    sip_settings_update,
    system_settings_update,
)
from standby.undo_plan import Undo, picked
from standby.undoing import UndoBlocked, UndoStale, undo_changes, undo_preview
from standby.written import Conflict

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "live"])


@pytest.fixture(autouse=True)
def _ready(open_gate: Any, admin: User) -> None:
    """An active OMM with its administrator."""


def preview(*seqs: int, together: bool = True, overrule: tuple[str, ...] = ()) -> Undo:
    return undo_preview(picked(seqs, together=together), overrule=overrule, actor="admin")


def undo(*seqs: int, together: bool = True, overrule: tuple[str, ...] = ()) -> Undo:
    """Look, then do what was shown."""
    shown = preview(*seqs, together=together, overrule=overrule)
    entries = picked(seqs, together=together)
    return undo_changes(entries, overrule=overrule, seen=shown.seen, actor="admin").value


def last() -> int:
    return head().seq


def kinds(plan: Undo) -> list[tuple[str, Kind]]:
    return [(each.id, each.objection.kind) for each in plan.obstacles]


@pytest.fixture
def site() -> Site:
    return services.site_create(name="Ward", actor="lena").value


@pytest.fixture
def rfp(site: Site) -> Rfp:
    values = {"mac": "003042000001", "name": "Hall", "site_id": site.pk}
    return services.rfp_create(values=values, actor="lena").value


def test_a_change_is_undone_and_both_entries_know(rfp: Rfp) -> None:
    services.rfp_update(rfp=rfp, changes={"name": "Desk", "room": "7"}, actor="lena")
    seq = last()
    plan = preview(seq)
    assert last() == seq, "a preview changes nothing"
    (outcome,) = plan.outcomes
    assert outcome.now is not None
    assert outcome.then is not None
    assert (outcome.now["name"], outcome.then["name"]) == ("Desk", "Hall")
    undo(seq)
    now = Rfp.objects.get()
    assert (now.name, now.room, now.version) == ("Hall", "", 3)
    entry = JournalEntry.objects.get(seq=last())
    assert (entry.actor, entry.source, json.loads(entry.body)["undoes"]) == ("admin", "undo", seq)


def test_a_group_is_one_transaction_newest_first(site: Site) -> None:
    items = [{"mac": f"0030420000{n:02X}", "site_id": site.pk} for n in range(3)]
    before = last() - 1
    services.rfp_create_many(items=items, actor="lena")
    plan = undo(before + 1, last())
    assert len(plan.entries) == 4
    assert not Rfp.objects.exists()
    assert not Site.objects.exists()
    entries = JournalEntry.objects.order_by("-seq")[:4]
    assert {entry.source for entry in entries} == {"undo"}
    assert len({entry.transaction for entry in entries}) == 1


def test_together_or_alone() -> None:
    items = [{"mac": f"0030420000{n:02X}"} for n in range(3)]
    services.rfp_create_many(items=items, actor="lena")
    undo(last(), together=False)
    assert Rfp.objects.count() == 2
    undo(last() - 3)
    assert not Rfp.objects.exists()


def test_an_undo_is_undone_like_any_change(rfp: Rfp) -> None:
    services.rfp_delete(rfp=rfp, actor="lena")
    undo(last())
    assert Rfp.objects.get().name == "Hall"
    assert Rfp.objects.get().version > rfp.version, "who still edits the old one is noticed"
    undo(last())
    assert not Rfp.objects.exists()


def test_what_was_changed_later_stays_unless_overruled(rfp: Rfp) -> None:
    services.rfp_update(rfp=rfp, changes={"name": "Desk", "room": "7"}, actor="lena")
    seq = last()
    services.rfp_update(rfp=rfp, changes={"name": "Counter", "floor": "2"}, actor="otto")
    plan = preview(seq)
    assert kinds(plan) == [(f"{seq}:name", Kind.CHANGED)]
    (obstacle,) = plan.obstacles
    assert obstacle.later is not None
    assert (obstacle.later.seq, obstacle.later.actor) == (last(), "otto")
    assert (obstacle.ours, obstacle.former) == ("Counter", "Hall")
    undo(seq)
    now = Rfp.objects.get()
    assert (now.name, now.room, now.floor) == ("Counter", "", "2")
    undo(seq, overrule=(f"{seq}:name",))
    now = Rfp.objects.get()
    assert (now.name, now.floor) == ("Hall", "2")


def test_a_chain_is_undone_to_its_beginning(rfp: Rfp) -> None:
    first = last() + 1
    for name in ("B", "C", "D"):
        services.rfp_update(rfp=rfp, changes={"name": name}, actor="lena")
    assert kinds(preview(first)) == [(f"{first}:name", Kind.CHANGED)]
    assert undo(first, first + 1, first + 2).obstacles == []
    assert Rfp.objects.get().name == "Hall"


def test_an_object_made_since_depends_on_it(site: Site, rfp: Rfp) -> None:
    seq = JournalEntry.objects.get(object=site.pk).seq
    plan = preview(seq)
    assert kinds(plan) == [(str(seq), Kind.REFUSED)]
    assert "belongs to the site Ward" in plan.obstacles[0].objection.reason
    with pytest.raises(Conflict, match="Nothing would be different"):
        undo(seq, overrule=(str(seq),))
    assert Site.objects.exists()


def test_an_object_that_was_changed_is_removed_only_on_demand(rfp: Rfp) -> None:
    seq = last()
    services.rfp_update(rfp=rfp, changes={"name": "Desk"}, actor="otto")
    assert kinds(preview(seq)) == [(str(seq), Kind.CHANGED)]
    undo(seq, overrule=(str(seq),))
    assert not Rfp.objects.exists()


def test_what_is_gone_is_told(rfp: Rfp) -> None:
    services.rfp_update(rfp=rfp, changes={"name": "Desk"}, actor="lena")
    seq = last()
    services.rfp_delete(rfp=rfp, actor="otto")
    plan = preview(seq)
    assert kinds(plan) == [(str(seq), Kind.GONE)]
    assert plan.obstacles[0].later is not None
    assert plan.obstacles[0].later.actor == "otto"
    assert plan.is_empty


def test_a_value_that_is_taken_by_now_is_refused_and_the_rest_undone(rfp: Rfp) -> None:
    changes = {"mac": "003042000009", "name": "Desk"}
    services.rfp_update(rfp=rfp, changes=changes, actor="lena")
    seq = last()
    services.rfp_create(values={"mac": "003042000001"}, actor="otto")
    plan = undo(seq)
    assert kinds(plan) == [(f"{seq}:mac", Kind.REFUSED)]
    assert "exists already" in plan.obstacles[0].objection.reason
    now = Rfp.objects.get(pk=rfp.pk)
    assert (now.mac, now.name) == ("00:30:42:00:00:09", "Hall")


def test_a_stale_preview_does_nothing_and_names_who_was_faster(rfp: Rfp) -> None:
    services.rfp_update(rfp=rfp, changes={"name": "Desk"}, actor="lena")
    seq = last()
    seen = preview(seq).seen
    services.site_create(name="Elsewhere", actor="otto")
    services.rfp_update(rfp=rfp, changes={"name": "Counter"}, actor="otto")
    with pytest.raises(UndoStale) as caught:
        undo_changes(picked([seq]), seen=seen, actor="admin")
    assert [entry.actor for entry in caught.value.since] == ["otto"]
    assert kinds(caught.value.undo) == [(f"{seq}:name", Kind.CHANGED)]
    assert Rfp.objects.get().name == "Counter"


def test_another_object_does_not_make_it_stale(rfp: Rfp) -> None:
    seq = last()
    seen = preview(seq).seen
    services.site_create(name="Elsewhere", actor="otto")
    undo_changes(picked([seq]), seen=seen, actor="admin")
    assert not Rfp.objects.exists()


def test_what_nobody_has_seen_is_not_skipped(rfp: Rfp) -> None:
    services.rfp_update(rfp=rfp, changes={"name": "Desk", "room": "7"}, actor="lena")
    seq = last()
    services.rfp_update(rfp=rfp, changes={"name": "Counter"}, actor="otto")
    with pytest.raises(UndoBlocked) as caught:
        undo_changes(picked([seq]), actor="admin")
    assert kinds(caught.value.undo) == [(f"{seq}:name", Kind.CHANGED)]
    assert Rfp.objects.get().room == "7"
    undo_changes(picked([seq]), overrule=[f"{seq}:name"], actor="admin")
    assert (Rfp.objects.get().name, Rfp.objects.get().room) == ("Hall", "")


@pytest.fixture
def lena() -> User:
    values = {"username": "lena", "role": "full"}
    return user_create(values=values, password="a-long-password", actor="admin").value


@pytest.mark.parametrize("changes", [{"is_active": False}, {"role": "read"}])
def test_access_never_grows_by_the_way(lena: User, changes: dict[str, Any]) -> None:
    user_update(user=lena, changes={**changes, "display_name": "L."}, actor="admin")
    seq, field = last(), next(iter(changes))
    assert kinds(undo(seq)) == [(f"{seq}:{field}", Kind.CONFIRM)]
    lena.refresh_from_db()
    assert (lena.has_full_access, lena.display_name) == (False, "")
    undo(seq, overrule=(f"{seq}:{field}",))
    lena.refresh_from_db()
    assert lena.has_full_access


def test_an_old_password_never_comes_back(lena: User) -> None:
    password_reset(user=lena, actor="admin")
    seq = last()
    now = User.objects.get(pk=lena.pk).password
    everything = (str(seq), f"{seq}:password", f"{seq}:must_change_password")
    plan = preview(seq, overrule=everything)
    assert kinds(plan) == [
        (f"{seq}:password", Kind.NEVER),
        (f"{seq}:must_change_password", Kind.NEVER),
    ]
    with pytest.raises(Conflict):
        undo(seq, overrule=everything)
    assert User.objects.get(pk=lena.pk).password == now


def test_a_removed_user_comes_back_on_demand_without_a_password(lena: User) -> None:
    token_create(user=lena, now=lena.created_at)
    user_delete(user=lena, actor="admin")
    seqs = (last(), last() - 1)
    with pytest.raises(Conflict):
        undo(*seqs)
    undo(*seqs, overrule=tuple(map(str, seqs)))
    back = User.objects.get(pk=lena.pk)
    assert (back.username, back.has_usable_password()) == ("lena", False)
    assert back.must_change_password
    assert ApiToken.objects.filter(user=back).count() == 1


def test_a_revoked_token_comes_back_on_demand_only(lena: User) -> None:
    token = token_create(user=lena, now=lena.created_at).value.token
    token_delete(token=token, actor="admin")
    seq = last()
    assert kinds(preview(seq)) == [(str(seq), Kind.CONFIRM)]
    undo(seq, overrule=(str(seq),))
    assert ApiToken.objects.get().digest == token.digest


def test_the_last_administrator_stays(lena: User, admin: User) -> None:
    seq = last()
    user_update(user=admin, changes={"role": "read"}, actor="lena")
    plan = preview(seq)
    assert kinds(plan) == [(str(seq), Kind.REFUSED)]
    assert "must remain" in plan.obstacles[0].objection.reason
    assert plan.is_empty


def test_what_a_pair_begins_with_stays() -> None:
    assert {each.objection.kind for each in preview(1, 2, 3).obstacles} == {Kind.NEVER}


def test_addresses_come_back_on_trial_and_on_demand() -> None:
    now = JournalEntry.objects.latest("seq").at
    former = OmmSettings.objects.get().first_address
    changes = {"first_address": "10.9.0.1", "second_address": "10.9.0.2"}
    omm_settings_update(changes=changes, now=now, actor="lena")
    seq = last()
    ids = (f"{seq}:first_address", f"{seq}:second_address")
    assert sorted(kinds(preview(seq))) == [(each, Kind.CONFIRM) for each in ids]
    # the trial is still on: the former addresses end it
    undo(seq, overrule=ids)
    row = OmmSettings.objects.get()
    assert (row.first_address, row.trial_until) == (former, None)
    undo(last(), overrule=(str(last()),))
    row = OmmSettings.objects.get()
    assert row.first_address == "10.9.0.1"
    assert row.trial_until is not None
    assert row.previous_first_address == former


def test_a_silent_sip_server_comes_back_on_demand_only(monkeypatch: Any) -> None:
    sip_settings_update(changes={"proxy_server": "10.9.9.9"}, confirmed=True, actor="lena")
    sip_settings_update(
        changes={"proxy_server": "", "registration_period": 600}, confirmed=True, actor="lena"
    )
    seq = last()
    silent = SipTarget("10.9.9.9", 5060, "UDP", "")
    monkeypatch.setattr(merge_rules, "first_silent", lambda targets: silent)
    assert kinds(undo(seq)) == [(f"{seq}:proxy_server", Kind.CONFIRM)]
    row = SipSettings.objects.get()
    assert (row.proxy_server, row.registration_period) == ("", 3600)
    undo(seq, overrule=(f"{seq}:proxy_server",))
    assert SipSettings.objects.get().proxy_server == "10.9.9.9"


def test_rules_over_several_fields_hold() -> None:
    system_settings_update(changes={"syslog_address": "10.0.0.5"}, actor="lena")
    seq = last()
    system_settings_update(changes={"syslog_on": True}, actor="lena")
    plan = preview(seq)
    assert kinds(plan) == [(str(seq), Kind.REFUSED)]
    assert "syslog" in plan.obstacles[0].objection.reason


@pytest.mark.parametrize(
    "seqs", [[], [10**9], list(range(1, 502))], ids=["none", "unknown", "too many"]
)
def test_nonsense_is_named(seqs: list[int]) -> None:
    with pytest.raises(ValidationError) as caught:
        picked(seqs)
    assert "changes" in caught.value.error_dict


def test_a_former_secret_comes_back_on_demand_only() -> None:
    system_settings_update(changes={"snmp_community": "first"}, actor="lena")
    former = SystemSettings.objects.get().snmp_community
    changes = {"snmp_community": "second", "system_name": "Clinic"}
    system_settings_update(changes=changes, actor="lena")
    seq = last()
    assert kinds(undo(seq)) == [(f"{seq}:snmp_community", Kind.CONFIRM)]
    row = SystemSettings.objects.get()
    assert (row.system_name, reveal(row, "snmp_community")) == ("", "second")
    undo(seq, overrule=(f"{seq}:snmp_community",))
    assert SystemSettings.objects.get().snmp_community == former


def test_values_that_went_round_come_back(rfp: Rfp) -> None:
    """A change of many rows may have parked a value where no rule would allow it."""
    other = services.rfp_create(values={"mac": "003042000002"}, actor="lena").value
    first, second = rfp.mac, other.mac
    with change(actor="admin", source="restore") as made:
        for row, mac in ((rfp, "parked"), (other, first), (rfp, second)):
            row.mac = mac
            made.save(row)
    assert undo(last()).obstacles == []
    macs = dict(Rfp.objects.values_list("pk", "mac"))
    assert macs == {rfp.pk: first, other.pk: second}


def test_too_many_base_stations_do_not_come_back(rfp: Rfp, monkeypatch: Any) -> None:
    services.rfp_delete(rfp=rfp, actor="lena")
    seq = last()
    services.rfp_create(values={"mac": "003042000002"}, actor="lena")
    monkeypatch.setattr(rfp_rules, "MAX_RFPS", 1)
    assert kinds(preview(seq)) == [(str(seq), Kind.REFUSED)]
