"""What a restore does to the tables and to the journal, and what it refuses."""

from __future__ import annotations

import dataclasses
import io
import json
import lzma
import uuid
from typing import Any

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from omm_portal.accounts.models import AccountRole, ApiToken, User
from omm_portal.accounts.services import token_create, user_create
from rfps.models import Rfp, Site
from standby import journal, keyring
from standby.backup import sealed, upgrading
from standby.backup.errors import BackupError
from standby.backup.format import BackupReader, Header, write_backup
from standby.backup.making import make_backup
from standby.backup.planning import Choice, Plan, make_plan
from standby.backup.restoring import Outdated, Restored, restore
from standby.journal.canonical import dumps
from standby.models import DataKey, JournalEntry, OmmSettings, SystemSettings
from standby.services import system_settings_update
from standby.written import Written
from tests.gate import OpenGate

PASSPHRASE = "correct horse bättery"
ACCESS = frozenset({"accounts.user", "accounts.apitoken"})
ALL = ACCESS | {"rfps.rfp", "rfps.site", "standby.systemsettings", "standby.ommsettings"}

pytestmark = pytest.mark.django_db(databases=["default", "live"])


@pytest.fixture(autouse=True)
def _active(open_gate: OpenGate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealed, "LOG_N", 10)


def save(*rows: Any) -> None:
    with journal.change(actor="admin", source="web") as change:
        change.save_all(rows)


def remove(*rows: Any) -> None:
    with journal.change(actor="admin", source="web") as change:
        change.delete_all(rows)


def taken(passphrase: str | None = None) -> bytes:
    out = io.BytesIO()
    make_backup(out, made_by="admin", now=timezone.now(), passphrase=passphrase)
    return out.getvalue()


def planned(data: bytes, choice: Choice = Choice(), passphrase: str | None = None) -> Plan:  # noqa: B008
    return make_plan(BackupReader(io.BytesIO(data), passphrase), choice)


def restored(
    data: bytes,
    choice: Choice = Choice(),  # noqa: B008
    *,
    seen: str | None = None,
    passphrase: str | None = None,
) -> Written[Restored]:
    reader = BackupReader(io.BytesIO(data), passphrase)
    return restore(reader, choice, seen=seen, actor="admin")


def mac(number: int) -> str:
    return f"00:30:42:00:00:{number:02X}"


def reasons(plan: Plan) -> dict[str, str]:
    return {each.key: each.reason for model in plan.models for each in model.refused}


@pytest.fixture
def stations() -> list[Rfp]:
    site = Site(name="Head office")
    rfps = [Rfp(mac=mac(number), name=f"Base {number}", site=site) for number in range(4)]
    save(site, *rfps)
    return rfps


def test_what_was_changed_added_and_removed_since_is_put_back(stations: list[Rfp]) -> None:
    before = journal.table_digest()
    data = taken()
    first = Rfp.objects.get(pk=stations[0].pk)
    first.name, first.room = "Other", "1.01"
    save(first, Site(name="New"), Rfp(mac=mac(9)))
    remove(stations[1])
    head = journal.head()

    plan = planned(data, Choice(remove=True))
    rfps = next(model for model in plan.models if model.label == "rfps.rfp")
    found = {each.operation: each for each in rfps.differences}
    assert len(rfps.differences) == len(found) == 3
    assert found["update"].before == {"name": "Other", "room": "1.01"}
    assert found["update"].after == {"name": "Base 0", "room": ""}
    assert (found["create"].key, found["delete"].after) == (str(stations[1].pk), None)
    assert rfps.unchanged == 2
    done = restored(data, Choice(remove=True), seen=plan.seen)

    assert (done.value.created, done.value.changed, done.value.removed) == (1, 1, 2)
    made = JournalEntry.objects.filter(seq__gt=head.seq)
    assert {(each.source, each.actor) for each in made} == {("restore", "admin")}
    assert len({each.transaction for each in made}) == 1
    assert planned(data, Choice(remove=True)).is_empty
    assert restored(data, Choice(remove=True)).receipt is None
    journal.fence_close()
    journal.roll_back(head.seq)  # its entries hold all that takes it back
    assert sorted(Rfp.objects.values_list("mac", flat=True)) == [mac(n) for n in (0, 2, 3, 9)]
    assert journal.table_digest() != before


def test_nothing_is_removed_without_being_asked_for(stations: list[Rfp]) -> None:
    data = taken()
    save(Rfp(mac=mac(9)), Site(name="New"))
    assert planned(data).is_empty
    assert restored(data).receipt is None
    assert Rfp.objects.count() == 5


def test_only_the_chosen_models_are_touched(stations: list[Rfp]) -> None:
    data = taken()
    system_settings_update(changes={"system_name": "Elsewhere"}, actor="admin")
    remove(*stations)
    restored(data, Choice(models=frozenset({"rfps.rfp"})))
    assert Rfp.objects.count() == 4
    assert SystemSettings.objects.get().system_name == "Elsewhere"


def test_unique_values_and_references_may_move_around(stations: list[Rfp]) -> None:
    """MAC addresses swapped, a site made anew under its old name with the stations of the old."""
    old = Site.objects.get()
    data = taken()
    new = Site(name="Head office 2")
    save(new)
    one, two, *rest = Rfp.objects.order_by("mac")
    one.mac, two.mac = mac(50), mac(51)
    for rfp in (one, two, *rest):
        rfp.site = new
    save(one, two, *rest)
    one.mac, two.mac = mac(1), mac(0)
    save(one, two)
    remove(old)
    new.name = "Head office"
    save(new)

    done = restored(data, Choice(remove=True))

    assert done.value.plan.models
    assert not reasons(done.value.plan)
    assert [(site.pk, site.name) for site in Site.objects.all()] == [(old.pk, "Head office")]
    assert [rfp.pk for rfp in Rfp.objects.order_by("mac")] == [rfp.pk for rfp in stations]
    assert planned(data, Choice(remove=True)).is_empty


def test_what_cannot_be_restored_is_named_and_the_rest_is(stations: list[Rfp]) -> None:
    data = taken()
    remove(*stations)
    twin = Rfp(mac=mac(0))
    save(twin)
    plan = planned(data)
    assert list(reasons(plan)) == [str(stations[0].pk)]
    assert "something else has this value" in reasons(plan)[str(stations[0].pk)]
    restored(data)
    assert set(Rfp.objects.values_list("mac", flat=True)) == {mac(n) for n in range(4)}
    assert Rfp.objects.get(mac=mac(0)).pk == twin.pk


def test_stations_of_a_site_that_is_not_restored_wait_for_it(stations: list[Rfp]) -> None:
    data = taken()
    site = Site.objects.get()
    remove(*stations, site)
    only = Choice(models=frozenset({"rfps.rfp"}))
    assert set(reasons(planned(data, only)).values()) == {
        "It refers to something that is not here."
    }
    assert restored(data, only).receipt is None
    restored(data)
    assert Rfp.objects.filter(site=site).count() == 4


def test_a_site_stays_while_stations_that_stay_belong_to_it(stations: list[Rfp]) -> None:
    data = taken()
    site = Site(name="New")
    save(site, Rfp(mac=mac(9), site=site))
    only = Choice(models=frozenset({"rfps.site"}), remove=True)
    assert reasons(planned(data, only)) == {str(site.pk): "Something else refers to it."}


def test_what_was_shown_is_what_is_done_or_nothing(stations: list[Rfp]) -> None:
    data = taken()
    remove(stations[0])
    plan = planned(data)
    system_settings_update(changes={"system_name": "Elsewhere"}, actor="admin")
    only = Choice(models=frozenset({"rfps.rfp", "rfps.site"}))
    part = planned(data, only)
    with pytest.raises(Outdated) as refusal:
        restored(data, seen=plan.seen)
    assert refusal.value.plan.seen != plan.seen
    with pytest.raises(Outdated):
        restored(data, seen=part.seen)  # another choice than was shown
    for nonsense in ("", "x", "1.2.3", f"{9**30}.a.b"):
        with pytest.raises(Outdated):
            restored(data, seen=nonsense)
    assert Rfp.objects.count() == 3
    system_settings_update(changes={"system_name": "Here"}, actor="admin")
    assert restored(data, only, seen=part.seen).receipt  # what changed does not concern it


def test_access_is_restored_only_when_asked_for() -> None:
    user_create(
        values={"username": "maria", "role": AccountRole.FULL},
        password="a-long-one-2026",
        actor="a",
    )
    data = taken(PASSPHRASE)
    maria = User.objects.get(username="maria")
    remove(maria)
    assert restored(data, passphrase=PASSPHRASE).receipt is None
    restored(data, Choice(models=ACCESS), passphrase=PASSPHRASE)
    assert User.objects.get(username="maria").check_password("a-long-one-2026")


def test_a_file_without_secrets_keeps_those_that_are_here(admin: User) -> None:
    user_create(values={"username": "maria"}, password="a-long-one-2026", actor="a")
    user_create(values={"username": "paul"}, password="a-long-one-2026", actor="a")
    paul, maria = User.objects.get(username="paul"), User.objects.get(username="maria")
    token = token_create(user=maria, now=timezone.now()).value.token
    data = taken()
    text = lzma.decompress(data).decode()
    assert paul.password not in text
    assert token.digest not in text
    paul.display_name = "Somebody else"
    save(paul)
    remove(token, maria)

    plan = planned(data, Choice(models=ACCESS))
    assert reasons(plan) == {str(token.pk): "The file does not tell its digest."}
    assert any("has no secrets (password)" in note for model in plan.models for note in model.notes)
    restored(data, Choice(models=ACCESS))

    paul.refresh_from_db()
    assert (paul.display_name, paul.check_password("a-long-one-2026")) == ("", True)
    maria.refresh_from_db()
    assert not maria.has_usable_password()
    assert maria.must_change_password
    assert not ApiToken.objects.filter(pk=token.pk).exists()


def test_the_last_administrator_and_ones_own_account_stay(admin: User) -> None:
    data = taken(PASSPHRASE)
    user_create(
        values={"username": "maria", "role": AccountRole.FULL},
        password="a-long-one-2026",
        actor="a",
    )
    maria = User.objects.get(username="maria")
    admin.is_active = False
    save(admin)
    everything = Choice(models=ACCESS, remove=True, keep=frozenset({str(maria.pk)}))
    plan = planned(data, everything, PASSPHRASE)
    assert reasons(plan) == {str(maria.pk): "This is your own account or token: it stays as it is."}
    without_passwords = taken()  # here maria alone has full access
    admin.is_active = True
    save(admin)
    remove(maria)
    plan = planned(without_passwords, Choice(models=ACCESS, remove=True))
    assert reasons(plan) == dict.fromkeys(
        (str(admin.pk), str(maria.pk)), "One enabled user with full access must remain."
    )


def test_sealed_secrets_come_back_on_a_pair_with_another_key() -> None:
    system_settings_update(changes={"snmp_community": "s3cret-community"}, actor="admin")
    plain, data = taken(), taken(PASSPHRASE)
    assert b"s3cret-community" not in lzma.decompress(plain)
    assert b"v1:" not in lzma.decompress(plain)
    assert planned(data, passphrase=PASSPHRASE).is_empty
    system_settings_update(changes={"snmp_community": "another"}, actor="admin")
    assert planned(plain).is_empty
    old = DataKey.objects.get()
    with journal.change(actor="admin", source="cli") as change:
        change.delete(old)
        change.save(keyring.new_key(id=uuid.uuid4()))
    plan = planned(data, passphrase=PASSPHRASE)
    changed = next(model for model in plan.models if model.label == "standby.systemsettings")
    assert [list(each.after or ()) for each in changed.differences] == [["snmp_community"]]
    restored(data, passphrase=PASSPHRASE)
    row = SystemSettings.objects.get()
    assert keyring.reveal(row, "snmp_community") == "s3cret-community"
    assert planned(data, passphrase=PASSPHRASE).is_empty


def test_addresses_are_put_on_trial(stations: list[Rfp]) -> None:
    data = taken()
    row = OmmSettings.objects.get()
    was = row.first_address
    row.first_address = "10.9.9.9"
    save(row)
    restored(data)
    row.refresh_from_db()
    assert row.first_address == was
    assert row.previous_first_address == "10.9.9.9"
    assert row.trial_until is not None


def test_a_damaged_file_changes_nothing(stations: list[Rfp]) -> None:
    data = bytearray(taken())
    remove(*stations)
    data[len(data) // 2] ^= 1
    head = journal.head()
    with pytest.raises(BackupError):
        restored(bytes(data))
    assert journal.head() == head


names = st.sampled_from(["a", "b", "c", "d"])
numbers = st.integers(0, 4)
states = st.fixed_dictionaries(
    {
        "sites": st.dictionaries(numbers, names),
        "rfps": st.dictionaries(numbers, st.tuples(numbers, st.none() | numbers)),
    }
)


def _key(kind: str, number: int) -> uuid.UUID:
    return uuid.uuid5(uuid.NAMESPACE_OID, f"{kind}{number}")


def _put(state: Any) -> None:
    """Have exactly these sites and base stations, as far as the rules allow."""
    remove(*Rfp.objects.all(), *Site.objects.all())
    sites = {
        number: Site(pk=_key("site", number), name=name)
        for name, number in {name: number for number, name in state["sites"].items()}.items()
    }
    one_each = {address: (number, site) for number, (address, site) in state["rfps"].items()}
    save(
        *sites.values(),
        *(
            Rfp(
                pk=_key("rfp", number),
                mac=mac(address),
                site=None if site is None else sites.get(site),
            )
            for address, (number, site) in one_each.items()
        ),
    )


def _content() -> Any:
    return (
        set(Site.objects.values_list("pk", "name")),
        set(Rfp.objects.values_list("pk", "mac", "site")),
    )


@given(states, states)
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_from_any_state_a_whole_restore_leads_to_what_was_saved(one: Any, two: Any) -> None:
    _put(one)
    data, wanted = taken(), _content()
    _put(two)
    head, here = journal.head(), _content()
    restored(data, Choice(remove=True))
    assert _content() == wanted
    journal.fence_close()
    journal.roll_back(head.seq)
    journal.fence_open(1)
    assert _content() == here


def test_an_older_file_is_brought_to_what_this_version_holds(
    stations: list[Rfp], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Format 1 called sites places and their names titles, and knew no position of a station."""
    first, *rest = lzma.decompress(taken()).decode().splitlines()
    told = json.loads(first)["models"]
    told["rfps.place"] = {"count": told.pop("rfps.site")["count"], "fields": ["title", "version"]}
    told["rfps.rfp"]["fields"].remove("position_x")
    told["rfps.rfp"]["fields"].append("colour")
    lines = []
    for text in rest[:-1]:
        line = json.loads(text)
        if line["model"] == "rfps.site":
            line["model"] = "rfps.place"
            line["row"]["title"] = line["row"].pop("name")
        if line["model"] == "rfps.rfp":
            del line["row"]["position_x"]
            line["row"]["colour"] = "white"
        lines.append((line["model"], dumps(line["row"])))
    out = io.BytesIO()
    names = {field.name for field in dataclasses.fields(Header)}
    header = {name: value for name, value in json.loads(first).items() if name in names}
    write_backup(out, Header(**{**header, "models": told}), lines)
    step = upgrading.Step(
        to=2,
        models={"rfps.place": "rfps.site"},
        fields={"rfps.site": {"title": "name"}},
    )
    monkeypatch.setattr(upgrading, "STEPS", (step,))
    station = Rfp.objects.get(pk=stations[0].pk)
    station.position_x, station.name = 7, "Other"
    save(station)
    remove(stations[1])
    site = Site.objects.get()
    site.name = "Other"
    save(site)

    plan = planned(out.getvalue())
    rfps = next(model for model in plan.models if model.label == "rfps.rfp")
    assert any("colour" in note for note in rfps.notes)
    restored(out.getvalue())

    assert Site.objects.get().name == "Head office"
    station.refresh_from_db()
    assert (station.name, station.position_x) == ("Base 0", 7)
    assert Rfp.objects.get(pk=stations[1].pk).position_x is None
