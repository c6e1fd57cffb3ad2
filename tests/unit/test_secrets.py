"""Secrets at rest: sealed wherever they are stored, opened only with the pair secret."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import replace
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.test import Client
from hypothesis import assume, given
from hypothesis import strategies as st

from omm_portal.accounts.models import User
from omm_portal.node.secrets import Secret
from standby import journal, keyring, sealing, services
from standby.journal import registry
from standby.models import DataKey, JournalEntry, SystemSettings
from standby.sealing import Unreadable, is_sealed, seal, unseal
from standby.written import Conflict
from tests.gate import OpenGate
from tests.unit.pages.conftest import client_of

pytestmark = pytest.mark.django_db(databases=["default", "live"])

KEY = bytes(range(32))
TEXTS = st.text(max_size=300)
CODE, COMMUNITY = "8642-planted-code", "planted-community"


def save(**changes: Any) -> SystemSettings:
    return services.system_settings_update(changes=changes, actor="admin").value


# --- sealing ------------------------------------------------------------------------------------


@given(text=TEXTS, place=TEXTS)
def test_a_sealed_text_opens_again_and_is_sealed_alike(text: str, place: str) -> None:
    sealed = seal(KEY, "abcd", text, place=place)
    assert is_sealed(sealed)
    assert sealing.key_name(sealed) == "abcd"
    assert unseal(KEY, sealed, place=place) == text
    assert seal(KEY, "abcd", text, place=place) == sealed


@given(text=TEXTS, other=TEXTS)
def test_it_opens_neither_elsewhere_nor_with_another_key(text: str, other: str) -> None:
    assume(other != "here")
    sealed = seal(KEY, "abcd", text, place="here")
    with pytest.raises(Unreadable):
        unseal(KEY, sealed, place=other)
    with pytest.raises(Unreadable):
        unseal(KEY[::-1], sealed, place="here")


@given(text=TEXTS, position=st.integers(min_value=0), new=st.characters())
def test_what_was_altered_does_not_open(text: str, position: int, new: str) -> None:
    sealed = seal(KEY, "abcd", text, place="here")
    at = position % len(sealed)
    altered = sealed[:at] + new + sealed[at + 1 :]
    assume(altered != sealed)
    try:
        found = unseal(KEY, altered, place="here")
    except Unreadable:
        return
    # The name of the key is not part of what is sealed, and Base64 has a few spare bits.
    assert found == text


@given(st.text())
def test_no_text_is_taken_for_a_sealed_one_and_fails(text: str) -> None:
    if not is_sealed(text):
        with pytest.raises(Unreadable):
            unseal(KEY, text, place="here")


# --- secrets of the settings --------------------------------------------------------------------


def test_a_secret_is_stored_sealed_and_can_be_read(open_gate: OpenGate) -> None:
    row = save(snmp_community=COMMUNITY, dect_authentication_code=f" {CODE} ")
    assert is_sealed(row.snmp_community)
    assert keyring.reveal(row, "snmp_community") == COMMUNITY
    assert keyring.reveal(row, "dect_authentication_code") == CODE
    assert keyring.reveal(save(snmp_community=""), "snmp_community") == ""


def test_the_same_text_again_is_no_change(open_gate: OpenGate) -> None:
    save(snmp_community=COMMUNITY)
    written = services.system_settings_update(changes={"snmp_community": COMMUNITY}, actor="admin")
    assert written.receipt is None


def test_wrong_texts_are_refused_by_field(open_gate: OpenGate) -> None:
    with pytest.raises(ValidationError) as refusal:
        save(snmp_community="x" * 65, dect_authentication_code="a\nb", park="!")
    assert refusal.value.message_dict.keys() == {
        "snmp_community",
        "dect_authentication_code",
        "park",
    }
    assert not SystemSettings.objects.get().snmp_community


def test_a_plain_text_can_never_be_stored(open_gate: OpenGate) -> None:
    row = SystemSettings.objects.get()
    row.snmp_community = COMMUNITY
    with (
        pytest.raises(ValidationError),
        journal.change(actor="admin", source="web") as change,
    ):
        change.save(row)


def test_the_pair_begins_with_a_key(open_gate: OpenGate) -> None:
    key = DataKey.objects.get()
    assert len(keyring.unwrap(key)) == sealing.KEY_BYTES
    entry = JournalEntry.objects.get(model="standby.datakey")
    assert entry.source == "beginnings"


def test_secret_fields_are_secret_by_themselves() -> None:
    assert registry.secret_fields("standby.systemsettings") == {
        "snmp_community",
        "dect_authentication_code",
    }
    assert registry.secret_fields("standby.datakey") == {"wrapped"}


def test_a_pair_without_a_key_makes_one(open_gate: OpenGate) -> None:
    """As one that was begun by an earlier version."""
    with journal.change(actor="admin", source="cli") as change:
        change.delete(DataKey.objects.get())
    row = save(snmp_community=COMMUNITY)
    assert keyring.reveal(row, "snmp_community") == COMMUNITY
    assert DataKey.objects.count() == 1


def test_another_pair_secret_reads_nothing_but_can_set_anew(
    open_gate: OpenGate, settings: Any
) -> None:
    row = save(snmp_community=COMMUNITY)
    settings.OMM = replace(settings.OMM, pair_secret=Secret("n" * 40))
    with pytest.raises(Unreadable) as refusal:
        keyring.reveal(row, "snmp_community")
    assert COMMUNITY not in str(refusal.value)
    row = save(snmp_community="another one")
    assert keyring.reveal(row, "snmp_community") == "another one"
    assert DataKey.objects.count() == 2


def test_a_key_is_neither_removed_nor_taken_back(open_gate: OpenGate, settings: Any) -> None:
    rules = registry.find("standby.datakey").rules  # type: ignore[union-attr]
    key = DataKey.objects.get()
    with pytest.raises(Conflict):
        rules.check_removal(key)
    rules.check(key, key)
    settings.OMM = replace(settings.OMM, pair_secret=Secret("n" * 40))
    with pytest.raises(Conflict):
        rules.check(key, key)


# --- where a secret must not be seen ------------------------------------------------------------


@pytest.mark.django_db(databases=["default", "live"], transaction=True)
def test_a_secret_is_in_no_table_page_or_answer(admin: User, caplog: Any) -> None:
    browser = client_of(admin)
    page = browser.get("/settings/system/")
    form = page.context["form"]
    data = {name: value for name, value in form.initial.items() if value not in (None, False)}
    answer = browser.post(
        "/settings/system/",
        {**data, "snmp_community": COMMUNITY, "dect_authentication_code": CODE},
    )
    assert answer.status_code == 302, answer.content
    row = SystemSettings.objects.get()
    assert keyring.reveal(row, "snmp_community") == COMMUNITY
    sealed = (row.snmp_community, row.dect_authentication_code)
    entry = JournalEntry.objects.order_by("-seq")[0]
    seen = [
        page_text(browser, path)
        for path in (
            "/settings/system/",
            "/changes/",
            f"/changes/{entry.seq}/",
            "/events/",
            "/api/v1/settings/system/",
            "/api/v1/changes/",
        )
    ]
    shown = "\n".join([*seen, caplog.text])
    for planted in (COMMUNITY, CODE, *sealed):
        assert planted not in shown
    dumped = dump(connection.connection)
    assert sealed[0] in dumped, "the dump holds the table"
    assert COMMUNITY not in dumped
    assert CODE not in dumped
    assert json.loads(seen[4])["snmp_community_set"] is True


def page_text(browser: Client, path: str) -> str:
    answer = browser.get(path)
    assert answer.status_code == 200, path
    return answer.content.decode()


def dump(database: sqlite3.Connection) -> str:
    return "\n".join(database.iterdump())


# --- the page and the endpoint ------------------------------------------------------------------


def form_data(browser: Client) -> dict[str, Any]:
    initial = browser.get("/settings/system/").context["form"].initial
    secret = {"snmp_community", "dect_authentication_code"}
    return {
        name: value
        for name, value in initial.items()
        if value not in (None, False) and name not in secret
    }


def test_an_empty_field_keeps_the_secret_and_a_box_takes_it_away(admin: User) -> None:
    save(snmp_community=COMMUNITY)
    browser = client_of(admin)
    text = page_text(browser, "/settings/system/")
    assert "Set; leave empty to keep it." in text
    assert 'name="remove_snmp_community"' in text
    assert 'name="remove_dect_authentication_code"' not in text
    browser.post("/settings/system/", {**form_data(browser), "system_name": "North"})
    row = SystemSettings.objects.get()
    assert (row.system_name, keyring.reveal(row, "snmp_community")) == ("North", COMMUNITY)
    browser.post("/settings/system/", {**form_data(browser), "remove_snmp_community": "on"})
    assert SystemSettings.objects.get().snmp_community == ""


def test_the_form_refuses_a_secret_that_is_too_long(admin: User) -> None:
    browser = client_of(admin)
    data = {**form_data(browser), "snmp_community": "x" * 65}
    answer = browser.post("/settings/system/", data)
    assert answer.context["form"].errors.keys() == {"snmp_community"}
    assert "x" * 65 not in answer.content.decode()


def test_the_endpoint_sets_keeps_and_takes_away(admin: User) -> None:
    browser = client_of(admin)

    def patch(**changes: Any) -> Any:
        return browser.patch(
            "/api/v1/settings/system/", json.dumps(changes), content_type="application/json"
        ).json()

    assert patch(snmp_community=COMMUNITY)["snmp_community_set"] is True
    assert "snmp_community" not in patch(system_name="North")
    assert keyring.reveal(SystemSettings.objects.get(), "snmp_community") == COMMUNITY
    assert patch(snmp_community="")["snmp_community_set"] is False
    assert "snmp_community" in patch(snmp_community="x" * 65)["errors"]
