"""Actions of the pair, answered by the runtime over the control line."""

import asyncio
import threading

import pytest

from standby.link.control import ControlServer

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "live"])
BASE = "/api/v1/standby/"
CHECKS = [{"name": "peer", "ok": False, "message": "not in contact", "advice": "start it"}]


@pytest.fixture
def runtime(node, settings):
    """A control line that notes what it is asked and gives the answers of its dictionary."""
    asked, answers = [], {}

    async def handler(message):
        asked.append(message)
        return answers.get(message["command"], {"ok": True, "accepted": True, "reason": "as asked"})

    loop = asyncio.new_event_loop()
    server = ControlServer(settings.OMM.control_socket, handler)
    loop.run_until_complete(server.start())
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    handler.asked, handler.answers = asked, answers
    yield handler
    asyncio.run_coroutine_threadsafe(server.close(), loop).result(5)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


@pytest.mark.parametrize(
    ("action", "body", "more"),
    [
        ("switchover", None, {}),
        ("reboot", None, {}),
        ("takeover", {}, {"force": False}),
        ("takeover", {"force": True}, {"force": True}),
    ],
)
def test_an_accepted_action_is_202(api, runtime, action, body, more):
    answer = api.post(f"{BASE}{action}/", body)
    assert answer.status_code == 202
    assert (answer.json()["accepted"], answer.json()["reason"]) == (True, "as asked")
    assert runtime.asked[-1] == {"command": action, "actor": "admin", **more}


def test_a_refused_action_is_409_with_the_checks(api, runtime):
    runtime.answers["switchover"] = {
        "ok": True,
        "accepted": False,
        "reason": "the peer is not in contact",
        "checks": CHECKS,
    }
    answer = api.post(f"{BASE}switchover/")
    assert (answer.status_code, answer.json()["type"]) == (409, "not-accepted")
    assert answer.json()["checks"] == CHECKS
    assert answer.json()["detail"] == "the peer is not in contact"


def test_actions_work_on_a_standby(api, runtime, node):
    node.standby()
    assert api.post(f"{BASE}takeover/", {"force": True}).status_code == 202


def test_preflight(reader_api, runtime):
    runtime.answers["preflight"] = {"ok": True, "checks": CHECKS}
    assert reader_api.get(f"{BASE}preflight/").json() == {"ok": False, "checks": CHECKS}


def test_readers_and_strangers_do_nothing(reader_api, anonymous, runtime):
    for action in ("switchover", "reboot", "takeover"):
        assert reader_api.post(f"{BASE}{action}/").status_code == 403
        assert anonymous.post(f"{BASE}{action}/").status_code == 401
    assert [message for message in runtime.asked if message["command"] != "ring"] == []


def test_a_silent_runtime_is_503(api):
    answer = api.post(f"{BASE}switchover/")
    assert (answer.status_code, answer.json()["type"]) == (503, "runtime-silent")


def test_bad_bodies_are_400(api, runtime):
    assert api.post(f"{BASE}takeover/", {"force": "maybe"}).status_code == 400
    assert api.post(f"{BASE}takeover/", {"farce": True}).status_code == 400
