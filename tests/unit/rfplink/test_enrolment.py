"""Keys of base stations: made once, told while unproved, never told again, never lost."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from omm_portal.accounts.models import User
from rfps import enrolment, services
from rfps.link.table import TableReader
from rfps.models import RfpKey
from standby import journal, undoing
from standby.models import JournalEntry

pytestmark = pytest.mark.django_db(databases=["default", "live"])
MAC = "00:30:42:00:00:01"


@pytest.fixture(autouse=True)
def station(open_gate: Any) -> Any:
    return services.rfp_create(values={"mac": MAC}, actor="admin").value


def key() -> RfpKey:
    return RfpKey.objects.get(mac=MAC)


def test_a_key_is_made_once_and_only_for_configured_base_stations() -> None:
    assert len(enrolment.keys_make([MAC, "00:30:42:00:00:02"]).value) == 1
    assert enrolment.keys_make([MAC]).value == []
    held = TableReader().read().stations[MAC].keys
    assert [len(each.key) for each in held] == [64]
    assert not held[0].proved


def test_the_key_is_sealed_in_table_and_journal() -> None:
    enrolment.keys_make([MAC])
    text = TableReader().read().stations[MAC].keys[0].key.hex()
    rows = str(list(RfpKey.objects.values())) + str(list(JournalEntry.objects.values()))
    assert text not in rows


def test_of_two_keys_the_proved_one_stays() -> None:
    enrolment.keys_make([MAC])
    with journal.change(actor="system", source="system") as change:
        change.save(RfpKey(mac=MAC, key=key().key))
    proved = RfpKey.objects.filter(mac=MAC).last()
    assert proved is not None
    enrolment.keys_proved([proved.pk])
    assert [(each.pk, each.proved) for each in RfpKey.objects.all()] == [(proved.pk, True)]


def test_re_enrolment_and_removal_take_the_keys_away(station: Any) -> None:
    enrolment.keys_make([MAC])
    enrolment.rfp_re_enrol(rfp=station, actor="admin")
    assert not RfpKey.objects.exists()
    enrolment.keys_make([MAC])
    services.rfp_delete(rfp=station, actor="admin")
    assert not RfpKey.objects.exists()


def test_a_proof_cannot_be_undone() -> None:
    enrolment.keys_make([MAC])
    enrolment.keys_proved([key().pk])
    last = JournalEntry.objects.latest("seq")
    with pytest.raises(undoing.UndoBlocked) as blocked:
        undoing.undo_changes([last], actor="admin")
    assert "never told again" in str(blocked.value.undo)
    assert key().proved


def test_pages_and_rest_never_show_a_key(admin: User) -> None:
    browser = Client()
    browser.force_login(admin)
    enrolment.keys_make([MAC])
    held = TableReader().read().stations[MAC].keys[0].key.hex()
    seq = JournalEntry.objects.latest("seq").seq
    for path in ("/changes/", f"/changes/{seq}/", "/api/v1/changes/"):
        shown = browser.get(path).content.decode()
        assert held not in shown
        assert key().key not in shown, f"{path} shows the sealed key"
