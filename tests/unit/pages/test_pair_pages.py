"""Dashboard, standby page and its actions, settings, what happened."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from rfps import services as rfp_services
from standby import actions, services
from standby.domain.facts import Role
from standby.models import Event, OmmSettings, SetAside, SipSettings, SystemSettings
from tests.gate import OpenGate
from tests.unit.pages.sending import form_data

pytestmark = pytest.mark.django_db(databases=["default", "live"])

NO_STANDBY = {
    "code": "no_standby",
    "severity": "error",
    "message": "No Standby: the other OMM, 127.0.0.2, is not in contact.",
    "since": "2026-01-01T00:00:00Z",
}


def show(gate: OpenGate, **members: Any) -> None:
    """Have the lease carry a document with these members."""
    document = {"node": {"address": "127.0.0.1", "role": "active", "synchronised": False}}
    gate.say(document=json.dumps({**document, **members}).encode())


def test_no_standby_is_on_every_page(browser: Client, open_gate: OpenGate, peer: str) -> None:
    show(open_gate, warnings=[NO_STANDBY])
    for path in ("/", "/rfps/", "/settings/sip/", "/changes/", "/standby/"):
        page = browser.get(path).content.decode()
        assert '<strong data-part="title">No Standby</strong>' in page
        assert "The other OMM, 127.0.0.2, is not in contact." in page


def test_a_warning_cannot_bring_markup(browser: Client, open_gate: OpenGate) -> None:
    evil = {"code": "odd", "severity": "warning", "message": "</script><b>x", "since": None}
    show(open_gate, warnings=[evil])
    page = browser.get("/").content.decode()
    assert "</script><b>x" not in page
    assert "&lt;/script&gt;&lt;b&gt;x" in page


def test_pages_carry_a_strict_policy(browser: Client, admin: Any) -> None:
    policy = browser.get("/").headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy


def test_strangers_see_the_standby_page_but_no_buttons(admin: Any, open_gate: OpenGate) -> None:
    stranger = Client(headers={"host": "127.0.0.1"})
    page = stranger.get("/standby/").content.decode()
    assert "This OMM" in page
    assert "Reboot</a>" not in page


def test_a_standby_shows_its_own_page_for_any_other(
    browser: Client, open_gate: OpenGate, peer: str
) -> None:
    open_gate.say(role=Role.STANDBY, gate_open=False)
    assert browser.get("/rfps/").headers["Location"] == "/standby/"
    page = browser.get("/standby/").content.decode()
    assert "Force takeover" in page
    assert f"http://{peer}:" in page


def test_a_switch_over_names_what_happens_and_shows_the_checks(
    browser: Client, admin: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = actions.Check("sip", False, "The SIP proxy does not answer.", "Check the network.")
    monkeypatch.setattr(actions, "preflight", lambda: (failed,))
    page = browser.get("/standby/switchover/").content.decode()
    assert "becomes active, this one standby" in page
    assert "The SIP proxy does not answer." in page
    assert "Check the network." in page


def test_an_action_that_is_refused_says_why(
    browser: Client, admin: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = actions.ActionAnswer(False, "The other OMM is not eligible.", ())
    monkeypatch.setattr(actions, "switchover", lambda *, actor: answer)
    response = browser.post("/standby/switchover/")
    assert response.status_code == 409
    assert "The other OMM is not eligible." in response.content.decode()


def test_an_accepted_action_is_done_in_the_users_name(
    browser: Client, admin: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = []
    answer = actions.ActionAnswer(True, "Rebooting.", ())
    monkeypatch.setattr(actions, "reboot", lambda *, actor: names.append(actor) or answer)
    response = browser.post("/standby/reboot/", follow=True)
    assert names == ["admin"]
    assert "Rebooting." in response.content.decode()


def test_a_silent_runtime_is_told(browser: Client, admin: Any) -> None:
    response = browser.post("/standby/reboot/")
    assert response.status_code == 503
    assert "gives no answer" in response.content.decode()


def test_force_needs_the_peers_address(
    browser: Client, peer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    forced = []
    answer = actions.ActionAnswer(True, "Taking over.", ())
    monkeypatch.setattr(actions, "takeover", lambda *, actor, force: forced.append(force) or answer)
    assert browser.post("/standby/takeover/", {"peer_address": "127.0.0.3"}).status_code == 200
    assert browser.post("/standby/takeover/", {"peer_address": ""}).status_code == 200
    assert not forced
    assert browser.post("/standby/takeover/", {"peer_address": peer}).status_code == 302
    assert forced == [True]


def omm_row() -> OmmSettings:
    return OmmSettings.objects.get(pk=services.OMM_ID)


def start_trial(browser: Client) -> None:
    sent = {"first_address": "10.0.0.1", "second_address": "10.0.0.2"}
    browser.post("/settings/omm/", {**sent, "version": omm_row().version})


def test_new_addresses_are_on_trial_until_confirmed(browser: Client, admin: Any) -> None:
    start_trial(browser)
    page = browser.get("/settings/omm/").content.decode()
    assert "New addresses on trial" in page
    assert "data-deadline" in page
    browser.post("/settings/omm/confirm/")
    row = omm_row()
    assert (row.first_address, row.trial_until) == ("10.0.0.1", None)


def test_new_addresses_can_be_taken_back(browser: Client, admin: Any) -> None:
    before = omm_row().first_address
    start_trial(browser)
    assert omm_row().first_address == "10.0.0.1"
    browser.post("/settings/omm/revert/")
    row = omm_row()
    assert (row.first_address, row.trial_until) == (before, None)


def test_there_may_be_nothing_to_confirm(browser: Client, admin: Any) -> None:
    page = browser.post("/settings/omm/confirm/", follow=True).content.decode()
    assert "No change of the OMM addresses is on trial." in page


def test_a_sip_server_that_does_not_answer_is_asked_about(
    browser: Client, admin: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = services.sip_settings_update.__kwdefaults__
    monkeypatch.setitem(asked, "probe", lambda targets: targets[0])
    sent = form_data(browser, "/settings/sip/", proxy_server="192.0.2.9")
    response = browser.post("/settings/sip/", sent)
    assert "192.0.2.9 does not answer" in response.content.decode()
    assert 'name="confirm"' in response.content.decode()
    assert not SipSettings.objects.filter(proxy_server="192.0.2.9").exists()
    assert browser.post("/settings/sip/", {**sent, "confirm": "1"}).status_code == 302
    assert SipSettings.objects.filter(proxy_server="192.0.2.9").exists()


def test_the_systems_name_is_in_every_title(browser: Client, admin: Any) -> None:
    sent = form_data(browser, "/settings/system/", system_name="Harbour & Sons")
    browser.post("/settings/system/", sent)
    assert SystemSettings.objects.get().system_name == "Harbour & Sons"
    assert "<title>Dashboard · Harbour &amp; Sons</title>" in browser.get("/").content.decode()


def test_an_unsafe_change_says_so_and_carries_its_number(
    browser: Client, open_gate: OpenGate, peer: str
) -> None:
    page = browser.post("/sites/new/", {"name": "Pier"}, follow=True).content.decode()
    assert "not safe yet" in page
    assert "data-unsafe-seq=" in page


def test_the_change_log_shows_before_and_after(browser: Client, admin: Any) -> None:
    site = rfp_services.site_create(name="Old quay", actor="admin").value
    rfp_services.site_update(site=site, name="New quay", actor="lena", source="api")
    page = browser.get("/changes/").content.decode()
    assert "<del>Old quay</del>" in page
    assert "<ins>New quay</ins>" in page
    assert "lena" in page
    assert "Not safe" in page


def test_the_change_log_speaks_in_names_not_ids(browser: Client, admin: Any) -> None:
    site = rfp_services.site_create(name="Quay", actor="admin").value
    rfp = rfp_services.rfp_create(values={"mac": "003042000001"}, actor="admin").value
    rfp_services.rfp_update(rfp=rfp, changes={"site_id": site.pk}, actor="admin")
    page = browser.get("/changes/").content.decode()
    assert "<ins>Quay</ins>" in page
    assert f">{site.pk}" not in page


def test_no_password_hash_reaches_the_change_log(browser: Client, admin: Any) -> None:
    assert admin.password not in browser.get("/changes/").content.decode()


def test_set_aside_changes_are_listed(browser: Client, admin: Any) -> None:
    from standby import journal

    body = {
        "seq": 7,
        "term": 2,
        "node": "127.0.0.2",
        "at": "2026-01-01T00:00:00.000000Z",
        "actor": "lena",
        "source": "web",
        "transaction": str(admin.pk),
        "tx_index": 0,
        "tx_size": 1,
        "model": "rfps.site",
        "object": str(admin.pk),
        "operation": "update",
        "before": {"name": "Quay"},
        "after": {"name": "Lost quay"},
    }
    row = SetAside(
        id=admin.pk, node="127.0.0.2", term=2, seq=7, hash="0" * 64, body=json.dumps(body)
    )
    with journal.change(actor="system", source="merge") as change:
        change.save(row)
    page = browser.get("/set-aside/").content.decode()
    assert "Lost quay" in page
    assert "lena" in page
    assert "Open" in page
    detail = browser.get(f"/set-aside/{admin.pk}/").content.decode()
    assert f"/set-aside/{admin.pk}/" in page
    assert "Quay" in detail
    assert "Lost quay" in detail
    assert "lena" in detail
    assert browser.get("/set-aside/00000000-0000-4000-8000-000000000000/").status_code == 404


def test_events_are_listed_with_their_details(browser: Client, admin: Any) -> None:
    Event.objects.create(
        node="127.0.0.2",
        code="role",
        severity="warning",
        message="Became active <now>",
        details={"probes": 3},
    )
    page = browser.get("/events/").content.decode()
    assert "Became active &lt;now&gt;" in page
    assert "&quot;probes&quot;: 3" in page
