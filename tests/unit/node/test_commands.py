"""What people type on a node's shell: standby and omm."""

import asyncio
import contextlib
import json
import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from omm_portal.node.runfiles import take_lock
from omm_portal.node.secrets import Secret
from standby import keyring, services
from standby.domain.facts import Role
from standby.link.control import ControlServer
from standby.maintenance import maintenance_row
from standby.management.commands.standby import os_user
from standby.models import SystemSettings
from tests.gate import OpenGate

DOCUMENT = {
    "node": {"address": "10.0.0.1", "role": "active", "term": 3, "synchronised": True},
    "peer": {"address": "10.0.0.2", "in_contact": True, "role": "standby"},
    "journal": {"seq": 7, "unsafe": 0},
    "warnings": [{"severity": "warning", "message": "The clocks differ."}],
    "reason": "It was elected.",
}


class Runtime:
    """Answers on the control line of a node and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.answer: dict[str, Any] = {"ok": True, "accepted": True, "reason": "handed over"}

    async def handle(self, message: dict[str, Any]) -> dict[str, Any]:
        self.asked.append(message)
        return {"ok": True, "document": DOCUMENT} if message["command"] == "status" else self.answer

    @contextlib.contextmanager
    def at(self, path: Path) -> Iterator[None]:
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever)
        thread.start()
        server = ControlServer(path, self.handle)
        asyncio.run_coroutine_threadsafe(server.start(), loop).result(5)
        try:
            yield
        finally:
            asyncio.run_coroutine_threadsafe(server.close(), loop).result(5)
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()


@pytest.fixture
def runtime(omm: Any) -> Iterator[Runtime]:
    runtime = Runtime()
    with runtime.at(omm.control_socket):
        yield runtime


def standby(*arguments: str) -> str:
    out = StringIO()
    call_command("standby", *arguments, stdout=out)
    return out.getvalue()


def test_status_for_people_and_for_scripts(runtime: Runtime) -> None:
    text = standby("status")
    assert "10.0.0.1: active, term 3, synchronised" in text
    assert "10.0.0.2: in contact, standby" in text
    assert "The clocks differ." in text
    assert json.loads(standby("status", "--json")) == DOCUMENT


def test_an_action_names_the_person_at_the_shell(runtime: Runtime) -> None:
    assert standby("switchover") == "accepted: handed over\n"
    assert runtime.asked == [{"command": "switchover", "actor": os_user()}]


def test_a_refusal_shows_its_checks_and_ends_with_1(
    runtime: Runtime, capsys: pytest.CaptureFixture[str]
) -> None:
    check = {"name": "sip", "ok": False, "message": "no answer", "advice": "check the proxy"}
    runtime.answer = {"ok": True, "accepted": False, "reason": "not now", "checks": [check]}
    out = StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("standby", "switchover", stdout=out)
    assert ended.value.code == 1
    assert out.getvalue().splitlines() == [
        "refused: not now",
        "  FAILED sip: no answer - check the proxy",
    ]


def test_force_wants_the_peers_address(runtime: Runtime, settings: Any) -> None:
    settings.OMM = replace(settings.OMM, peer_address="10.0.0.2")
    with pytest.raises(CommandError, match="not confirmed"):
        standby("takeover", "--force", "--confirm", "10.0.0.1")
    assert runtime.asked == []
    standby("takeover", "--force", "--confirm", "10.0.0.2")
    assert runtime.asked == [{"command": "takeover", "actor": os_user(), "force": True}]


@pytest.mark.parametrize("action", ["status", "switchover", "reboot", "shutdown"])
def test_a_node_that_does_not_run_is_said_plainly(omm: Any, action: str) -> None:
    with pytest.raises(CommandError, match="no OMM runs on"):
        standby(action)


@pytest.mark.django_db(databases=["default", "live"])
class TestRotateSecret:
    NEW = Secret("a new pair secret, long enough for all")

    def test_keys_are_wrapped_with_the_new_secret(
        self, runtime: Runtime, open_gate: OpenGate, settings: Any
    ) -> None:
        services.system_settings_update(changes={"snmp_community": "planted"}, actor="admin")
        former = settings.OMM.pair_secret
        settings.OMM = replace(settings.OMM, pair_secret=self.NEW, pair_secret_previous=former)
        assert keyring.state() == keyring.RingState(keys=1, unreadable=0, former=1)
        assert "1 wrapped anew" in standby("rotate-secret")
        assert runtime.asked[-1] == {"command": "secret"}
        assert "already" in standby("rotate-secret")
        settings.OMM = replace(settings.OMM, pair_secret_previous=None)
        assert keyring.reveal(SystemSettings.objects.get(), "snmp_community") == "planted"
        assert keyring.state() == keyring.RingState(keys=1, unreadable=0, former=0)

    def test_not_while_the_other_omm_does_not_know_it(
        self, runtime: Runtime, open_gate: OpenGate
    ) -> None:
        runtime.answer = {"ok": False, "reason": "the other OMM is not in contact"}
        with pytest.raises(SystemExit):
            standby("rotate-secret")
        assert "already" in standby("rotate-secret", "--alone")

    def test_the_former_secret_is_needed(
        self, runtime: Runtime, open_gate: OpenGate, settings: Any
    ) -> None:
        settings.OMM = replace(settings.OMM, pair_secret=self.NEW)
        out = StringIO()
        with pytest.raises(SystemExit):
            call_command("standby", "rotate-secret", stdout=out)
        assert "OMM_PAIR_SECRET_PREVIOUS" in out.getvalue()
        assert keyring.state().unreadable == 1


@pytest.mark.django_db(databases=["default", "live"])
class TestMaintenance:
    def test_it_is_begun_shown_and_ended(self, open_gate: OpenGate) -> None:
        begun = standby("maintenance", "--for", "60", "--reason", "A new switch")
        assert begun.startswith(f"maintenance by {os_user()} until ")
        assert begun.endswith(" UTC: A new switch (unsafe)\n")
        shown = json.loads(standby("maintenance", "--json"))["maintenance"]
        assert (shown["owner"], shown["reason"]) == (os_user(), "A new switch")
        assert standby("maintenance", "--end") == "no maintenance is on (unsafe)\n"
        assert standby("maintenance") == "no maintenance is on\n"
        with pytest.raises(SystemExit):
            standby("maintenance", "--end")

    @pytest.mark.parametrize("minutes", ["0", "-5", "1441", "nan", "inf"])
    def test_a_nonsense_length_is_refused(self, open_gate: OpenGate, minutes: str) -> None:
        with pytest.raises(CommandError):
            standby("maintenance", f"--for={minutes}")
        assert maintenance_row().until is None

    def test_a_standby_names_the_other_omm(self, open_gate: OpenGate, settings: Any) -> None:
        settings.OMM = replace(settings.OMM, peer_address="10.0.0.2")
        open_gate.say(role=Role.STANDBY, gate_open=False)
        out = StringIO()
        with pytest.raises(SystemExit):
            call_command("standby", "maintenance", "--for", "60", stdout=out)
        assert "10.0.0.2" in out.getvalue()


def test_a_second_omm_on_the_same_data_is_refused(omm: Any) -> None:
    lock = take_lock(omm.run_dir)
    try:
        with pytest.raises(CommandError, match="already: pid"):
            call_command("omm")
    finally:
        os.close(lock)
