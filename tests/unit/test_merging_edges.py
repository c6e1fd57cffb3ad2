"""The corners of a merge: removed, made twice, disabled, settings, and what hangs on what."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import translation

from omm_portal.accounts.models import User
from omm_portal.accounts.services import user_create, user_delete, user_update
from rfps import services
from rfps.models import Rfp, Site
from standby import journal
from standby.models import SetAside, SipSettings, SystemSettings
from standby.services import SIP_ID, SYSTEM_ID, sip_settings_update, system_settings_update
from standby.set_aside_rows import set_aside_rows
from tests.unit.test_merging import lost, merge_all  # noqa: F401 (a fixture)

MAC = "003042000001"
LONG = "a-long-password"


@pytest.fixture(autouse=True)
def _ready(transactional_db: None, open_gate: Any, admin: User) -> None:
    """Commits are real."""


def reasons() -> list[str]:
    return [row.reason["text"] for row in SetAside.objects.filter(state="open").order_by("seq")]


def test_the_same_base_station_made_on_both_sides(lost: Any) -> None:  # noqa: F811
    """One MAC address, one base station; the other side's own words for it wait."""
    lost(
        lambda: services.rfp_create(values={"mac": MAC, "name": "Theirs"}, actor="lena"),
        lambda: services.rfp_update(rfp=Rfp.objects.get(), changes={"room": "7"}, actor="lena"),
    )
    services.rfp_create(values={"mac": MAC, "name": "Ours"}, actor="admin")
    lost.hand_in()
    assert merge_all() == {"open": 2}
    assert "A base station with this MAC address exists already." in reasons()[0]
    assert reasons()[1] == "The object is not here any more."
    assert [rfp.name for rfp in Rfp.objects.all()] == ["Ours"]


def test_why_something_is_open_is_told_in_german_too(lost: Any) -> None:  # noqa: F811
    lost(lambda: services.site_create(name="Ward", actor="lena"))
    services.site_create(name="Ward", actor="admin")
    lost.hand_in()
    assert merge_all() == {"open": 1}
    with translation.override("de"):
        (row,) = set_aside_rows(SetAside.objects.all())
        assert "A site" not in row.why
        assert "Standort" in row.why


def test_both_sides_removed_it_and_made_another_in_its_place(lost: Any) -> None:  # noqa: F811
    rfp = services.rfp_create(values={"mac": MAC, "name": "Old"}, actor="admin").value
    lost(
        lambda: services.rfp_delete(rfp=rfp, actor="lena"),
        lambda: services.rfp_create(values={"mac": MAC, "name": "New"}, actor="lena"),
    )
    services.rfp_delete(rfp=Rfp.objects.get(), actor="admin")
    lost.hand_in()
    assert merge_all() == {"merged": 2}
    assert Rfp.objects.get().name == "New"


def test_a_site_that_got_a_base_station_here_is_not_removed(lost: Any) -> None:  # noqa: F811
    site = services.site_create(name="Ward", actor="admin").value
    lost(lambda: services.site_delete(site=site, actor="lena"))
    services.rfp_create(values={"mac": MAC, "site": site}, actor="admin")
    lost.hand_in()
    assert merge_all() == {"open": 1}
    assert "1 base station belongs to the site Ward." in reasons()[0]
    assert Site.objects.get() == site


def test_what_stands_in_a_new_site_that_waits_waits_too(lost: Any) -> None:  # noqa: F811
    """The site is decided first; then its base station can be taken in as well."""
    from standby.deciding import set_aside_decide_all

    lost(
        lambda: services.site_create(name="Ward", actor="lena"),
        lambda: services.rfp_create(
            values={"mac": MAC, "site": Site.objects.get(name="Ward")}, actor="lena"
        ),
        lambda: services.rfp_update(rfp=Rfp.objects.get(), changes={"room": "7"}, actor="lena"),
    )
    taken = services.site_create(name="Ward", actor="admin").value
    lost.hand_in()
    assert merge_all() == {"open": 3}
    services.site_update(site=taken, name="Other ward", actor="admin")
    from django.utils import timezone

    done = set_aside_decide_all(choice="replace", now=timezone.now(), actor="admin").value
    assert (done.done, done.refused) == (3, {})
    rfp = Rfp.objects.get()
    assert (rfp.site.name if rfp.site else "", rfp.room) == ("Ward", "7")


def test_a_user_disabled_here_and_edited_there(lost: Any) -> None:  # noqa: F811
    """The edit is merged, the user stays disabled; so does one that was disabled there."""
    one, two = (
        user_create(values={"username": name}, password=LONG, actor="admin").value
        for name in ("one", "two")
    )
    lost(
        lambda: user_update(user=one, changes={"display_name": "The one"}, actor="lena"),
        lambda: user_update(user=two, changes={"is_active": False}, actor="lena"),
    )
    user_update(user=User.objects.get(pk=one.pk), changes={"is_active": False}, actor="admin")
    user_update(user=User.objects.get(pk=two.pk), changes={"display_name": "Two"}, actor="admin")
    lost.hand_in()
    assert merge_all() == {"merged": 2}
    found = {user.username: user for user in User.objects.all()}
    assert (found["one"].is_active, found["one"].display_name) == (False, "The one")
    assert (found["two"].is_active, found["two"].display_name) == (False, "Two")


def test_a_user_removed_here_does_not_come_back(lost: Any) -> None:  # noqa: F811
    one = user_create(values={"username": "one"}, password=LONG, actor="admin").value
    lost(lambda: user_update(user=one, changes={"display_name": "The one"}, actor="lena"))
    user_delete(user=User.objects.get(pk=one.pk), actor="admin")
    lost.hand_in()
    assert merge_all() == {"open": 1}
    assert not User.objects.filter(username="one").exists()


def test_settings_are_merged_field_by_field(lost: Any) -> None:  # noqa: F811
    lost(
        lambda: system_settings_update(
            changes={"system_name": "Theirs", "ntp_server_1": "ntp.example.org"}, actor="lena"
        ),
        lambda: sip_settings_update(changes={"check_number": "123"}, confirmed=True, actor="lena"),
    )
    system_settings_update(changes={"system_name": "Ours"}, actor="admin")
    lost.hand_in()
    assert merge_all() == {"merged": 1, "open": 1}
    found = SystemSettings.objects.get(pk=SYSTEM_ID)
    assert (found.system_name, found.ntp_server_1) == ("Ours", "ntp.example.org")
    assert SipSettings.objects.get(pk=SIP_ID).check_number == "123"


def test_a_second_split_before_the_first_is_merged(lost: Any) -> None:  # noqa: F811
    """The first one's changes are judged before the second one's, each against what is here."""
    site = services.site_create(name="Ward", actor="admin").value
    lost(lambda: services.site_update(site=site, name="Ward A", actor="lena"))
    lost.hand_in()
    lost(
        lambda: services.site_update(site=Site.objects.get(), name="Ward B", actor="lena"),
        lambda: services.site_create(name="New", actor="lena"),
    )
    lost.hand_in()
    assert SetAside.objects.filter(judged_at=None).count() == 3
    counts = merge_all()
    assert sum(counts.values()) == 3
    states = [row.state for row in SetAside.objects.order_by("seq")]
    assert states == ["merged", "open", "merged"], "the second saw the name as it had been"
    assert set(Site.objects.values_list("name", flat=True)) == {"Ward A", "New"}
    head = journal.head()
    assert merge_all() == counts
    assert journal.head() == head
