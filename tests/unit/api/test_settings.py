"""The pair's settings: OMM addresses on trial, SIP servers that must answer, the name."""

from datetime import timedelta

import pytest
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from standby import services, sip_check
from standby.models import JournalEntry, OmmSettings

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "live"])
OMM, SIP, SYSTEM = "/api/v1/settings/omm/", "/api/v1/settings/sip/", "/api/v1/settings/system/"
PAIR = {"first_address": "10.0.0.1", "second_address": "10.0.0.2"}


@pytest.fixture
def pair(api):
    """Addresses that are confirmed."""
    api.patch(OMM, PAIR)
    assert api.post(f"{OMM}confirm/").status_code == 200


def addresses(api):
    found = api.get(OMM).json()
    return found["first_address"], found["second_address"]


def test_new_addresses_are_on_trial_for_a_minute(api):
    before = timezone.now()
    answer = api.patch(OMM, PAIR)
    assert answer.status_code == 202
    until = parse_datetime(answer.json()["trial_until"])
    assert timedelta(seconds=59) < until - before < timedelta(seconds=62)
    assert addresses(api) == ("10.0.0.1", "10.0.0.2")
    assert "OMM-Replication" in answer


def test_confirming_keeps_them(api, pair):
    assert api.get(OMM).json()["trial_until"] is None
    assert addresses(api) == ("10.0.0.1", "10.0.0.2")
    assert services.omm_trial_expire(timezone.now() + timedelta(hours=1)) is None


def test_reverting_takes_the_former_back(api, pair):
    api.patch(OMM, {"second_address": "10.0.0.3"})
    api.patch(OMM, {"second_address": "10.0.0.4"})
    answer = api.post(f"{OMM}revert/")
    assert (answer.status_code, answer.json()["trial_until"]) == (200, None)
    assert addresses(api) == ("10.0.0.1", "10.0.0.2")


def test_time_reverts_and_not_earlier(api, pair):
    api.patch(OMM, {"second_address": "10.0.0.3"})
    until = OmmSettings.objects.get().trial_until
    assert services.omm_trial_expire(until - timedelta(microseconds=1)) is None
    assert services.omm_trial_expire(until) is not None
    assert addresses(api) == ("10.0.0.1", "10.0.0.2")
    last = JournalEntry.objects.latest("seq")
    assert (last.actor, last.source) == ("system", "system")


def test_a_promotion_reverts_whatever_the_time(api, pair):
    api.patch(OMM, {"second_address": "10.0.0.3"})
    assert services.omm_trial_revert_all() is not None
    assert addresses(api) == ("10.0.0.1", "10.0.0.2")
    assert services.omm_trial_revert_all() is None


def test_a_trial_that_is_over_cannot_be_confirmed(api, pair):
    api.patch(OMM, {"second_address": "10.0.0.3"})
    later = timezone.now() + timedelta(seconds=61)
    with pytest.raises(services.Conflict):
        services.omm_settings_confirm(now=later, actor="admin")


def test_without_a_trial_there_is_nothing_to_end(api):
    for action in ("confirm", "revert"):
        answer = api.post(f"{OMM}{action}/")
        assert (answer.status_code, answer.json()["type"]) == (409, "no-trial")


def test_the_same_addresses_start_no_trial(api, pair):
    entries = JournalEntry.objects.count()
    assert api.patch(OMM, PAIR).status_code == 200
    assert JournalEntry.objects.count() == entries


def test_going_back_by_hand_ends_the_trial(api, pair):
    api.patch(OMM, {"second_address": "10.0.0.3"})
    answer = api.patch(OMM, {"second_address": "10.0.0.2"})
    assert (answer.status_code, answer.json()["trial_until"]) == (200, None)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"first_address": "10.0.0.2"}, "second_address"),
        ({"first_address": None}, "first_address"),
        ({"first_address": ""}, "first_address"),
        ({"second_address": "10.0.0"}, "second_address"),
        ({"second_address": "0.0.0.0"}, "second_address"),
        ({"second_address": "224.0.0.1"}, "second_address"),
        ({"trial": 1}, "trial"),
    ],
)
def test_bad_addresses_are_named(api, pair, changes, field):
    answer = api.patch(OMM, changes)
    assert answer.status_code == 400
    assert list(answer.json()["errors"]) == [field]
    assert addresses(api) == ("10.0.0.1", "10.0.0.2")


def test_a_pair_may_be_one(api, pair):
    assert api.patch(OMM, {"second_address": ""}).status_code == 202
    assert addresses(api) == ("10.0.0.1", None)


def test_settings_are_guarded_against_stale_edits(api):
    assert api.get(SYSTEM)["ETag"] == '"1"'
    match = {"If-Match": '"1"'}
    assert api.patch(SYSTEM, {"system_name": "North"}, headers=match)["ETag"] == '"2"'
    assert api.patch(SYSTEM, {"system_name": "South"}, headers=match).status_code == 412
    assert api.patch(OMM, PAIR, headers={"If-Match": '"7"'}).status_code == 412
    found = api.get(SYSTEM).json()
    assert (found["system_name"], found["version"]) == ("North", 2)


def test_readers_change_no_settings(reader_api):
    for url in (OMM, SIP, SYSTEM):
        assert reader_api.get(url).status_code == 200
        assert reader_api.patch(url, {}).status_code == 403
    assert reader_api.post(f"{OMM}confirm/").status_code == 403


EVERYTHING = {
    "system_name": "Harbour",
    "remote_access": True,
    "time_zone": "Europe/Berlin",
    "ntp_server_1": "ntp.example.org",
    "ntp_server_2": "10.0.0.9",
    "ntp_server_3": "",
    "syslog_on": True,
    "syslog_address": "10.0.0.8",
    "syslog_port": 1514,
    "tone_scheme": 100,
    "park": "1F10012345",
    "regulatory_domain": "EMEA",
    "dect_encryption": True,
    "paging_area_size": 64,
    "snmp_contact": "Night shift, room 12",
    "snmp_trap_host": "nms.example.org",
}


def test_all_system_settings_are_kept(api):
    assert api.patch(SYSTEM, EVERYTHING).status_code == 200
    no_secrets = {"snmp_community_set": False, "dect_authentication_code_set": False}
    assert api.get(SYSTEM).json() == {**EVERYTHING, **no_secrets, "version": 2}
    assert api.patch(SYSTEM, {"system_name": "Quay"}).json()["park"] == "1F10012345"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"time_zone": "Europe/Entenhausen"}, "time_zone"),
        ({"time_zone": "../../etc/passwd"}, "time_zone"),
        ({"time_zone": ""}, "time_zone"),
        ({"ntp_server_2": "ntp.example.org"}, "ntp_server_1"),
        ({"ntp_server_1": "a.example", "ntp_server_3": "b.example"}, "ntp_server_2"),
        ({"ntp_server_1": "a.example", "ntp_server_2": "A.example"}, "ntp_server_2"),
        ({"ntp_server_1": "10.0.0.300"}, "ntp_server_1"),
        ({"syslog_on": True}, "syslog_address"),
        ({"syslog_address": "0.0.0.0"}, "syslog_address"),
        ({"syslog_address": "2001:db8::1"}, "syslog_address"),
        ({"syslog_port": 0}, "syslog_port"),
        ({"syslog_port": 65536}, "syslog_port"),
        ({"tone_scheme": 5}, "tone_scheme"),
        ({"regulatory_domain": "Mars"}, "regulatory_domain"),
        ({"paging_area_size": 17}, "paging_area_size"),
        ({"park": "1F 10"}, "park"),
        ({"snmp_contact": "a\nb"}, "snmp_contact"),
        ({"snmp_trap_host": "a b"}, "snmp_trap_host"),
    ],
)
def test_bad_system_settings_are_named(api, changes, field):
    answer = api.patch(SYSTEM, changes)
    assert answer.status_code == 400
    assert list(answer.json()["errors"]) == [field]
    assert api.get(SYSTEM).json()["version"] == 1


def test_all_errors_are_told_at_once(api):
    answer = api.patch(SYSTEM, {"time_zone": "Nowhere/Land", "park": "?", "syslog_on": True})
    assert set(answer.json()["errors"]) == {"time_zone", "park", "syslog_address"}


class TestSip:
    """A SIP server that does not answer would keep the standby from ever taking over."""

    @pytest.fixture(autouse=True)
    def _quick(self, monkeypatch):
        monkeypatch.setattr(sip_check, "PROBE_TIMEOUT", 0.05)

    @pytest.fixture
    def answering(self):
        """A SIP server on this host that answers everything."""
        import socket
        import threading

        server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        server.bind(("127.0.0.1", 0))

        def serve():
            while True:
                data, sender = server.recvfrom(65536)
                if data == b"stop":
                    return
                server.sendto(reply_to(data), sender)

        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1]
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
            end.sendto(b"stop", server.getsockname())
        thread.join()
        server.close()

    def test_a_silent_server_is_409_unless_confirmed(self, api, free_udp_port):
        wanted = {"proxy_server": "127.0.0.1", "proxy_port": free_udp_port}
        answer = api.patch(SIP, wanted)
        assert (answer.status_code, answer.json()["type"]) == (409, "sip-no-answer")
        assert api.get(SIP).json()["proxy_server"] == ""
        assert api.patch(f"{SIP}?confirm=1", wanted).status_code == 200
        assert api.get(SIP).json()["proxy_port"] == free_udp_port

    def test_a_server_that_answers_is_saved(self, api, answering):
        answer = api.patch(SIP, {"proxy_server": "127.0.0.1", "proxy_port": answering})
        assert answer.status_code == 200
        assert "OMM-Replication" in answer

    def test_every_new_server_must_answer(self, api, answering, free_udp_port):
        wanted = {"registrar_server": "127.0.0.1", "registrar_port": answering}
        assert api.patch(SIP, wanted).status_code == 200
        wanted = {"proxy_server": "127.0.0.1", "proxy_port": free_udp_port}
        answer = api.patch(SIP, wanted)
        assert (answer.status_code, answer.json()["type"]) == (409, "sip-no-answer")
        assert str(free_udp_port) in answer.json()["detail"]

    def test_known_servers_and_other_fields_are_saved_without_a_probe(self, api, free_udp_port):
        wanted = {"proxy_server": "127.0.0.1", "proxy_port": free_udp_port}
        api.patch(f"{SIP}?confirm=1", wanted)
        assert api.patch(SIP, {"check_number": "100"}).status_code == 200
        wanted = {"registrar_server": "127.0.0.1", "registrar_port": free_udp_port}
        assert api.patch(SIP, wanted).status_code == 200
        assert api.patch(SIP, {"proxy_server": ""}).status_code == 200
        assert api.patch(SIP, {"registrar_server": ""}).status_code == 200
        assert api.patch(SIP, wanted).status_code == 409

    def test_the_outbound_proxy_needs_no_probe(self, api, free_udp_port):
        wanted = {"outbound_proxy_server": "127.0.0.1", "outbound_proxy_port": free_udp_port}
        answer = api.patch(SIP, {**wanted, "registration_period": 600})
        assert answer.status_code == 200
        assert api.get(SIP).json()["registration_period"] == 600

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("proxy_server", "a b"),
            ("proxy_server", "10.0.0.300"),
            ("proxy_server", "-x.example"),
            ("proxy_server", "224.0.0.1"),
            ("proxy_server", "a\0b"),
            ("proxy_port", 0),
            ("proxy_port", 65536),
            ("proxy_port", "x"),
            ("transport", "SCTP"),
            ("check_number", "1 2"),
            ("registration_period", 59),
            ("registration_period", 86401),
            ("outbound_proxy_server", "a b"),
            ("outbound_proxy_port", 65536),
        ],
    )
    def test_bad_values_are_named(self, api, field, value):
        answer = api.patch(f"{SIP}?confirm=1", {field: value})
        assert answer.status_code == 400
        assert list(answer.json()["errors"]) == [field]


@pytest.fixture
def free_udp_port():
    """A port on which nobody answers."""
    import socket

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def reply_to(request):
    """A SIP error answer: it counts as an answer like any other."""
    lines = request.decode().split("\r\n")
    kept = [
        line for line in lines if line.split(":")[0] in {"Via", "From", "To", "Call-ID", "CSeq"}
    ]
    return "\r\n".join(["SIP/2.0 403 Forbidden", *kept, "Content-Length: 0", "", ""]).encode()
