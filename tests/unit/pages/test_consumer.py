"""The WebSocket of open pages: who gets in, what is sent, what happens without Redis."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from channels.db import database_sync_to_async
from channels.layers import channel_layers
from django.conf import settings as django_settings

from omm_portal.accounts import services
from omm_portal.accounts.models import User
from omm_portal.accounts.tickets import ticket_redeem
from omm_portal.node.secrets import Secret
from standby import consumers, push
from standby.domain.sentence import pack, say
from standby.models import Event
from tests.gate import OpenGate
from tests.unit.pages.sockets import (
    closed,
    communicator,
    connected,
    is_refused,
    next_of,
)

pytestmark = pytest.mark.django_db(databases=["default", "live"], transaction=True)


class DeadLayer:
    """A channel layer whose Redis is gone."""

    async def new_channel(self) -> str:
        raise ConnectionError("Redis is gone")

    async def group_send(self, group: str, message: Any) -> None:
        raise ConnectionError("Redis is gone")


async def test_a_session_of_this_hosts_page_gets_in(cookie: str) -> None:
    async with connected(cookie=cookie) as socket:
        assert (await next_of(socket, "snapshot"))["document"]["node"]["role"] == "active"


async def test_everyone_else_stays_out(cookie: str) -> None:
    assert await is_refused()
    assert await is_refused(cookie=cookie, origin=None)
    assert await is_refused(cookie=cookie, origin="http://evil.example")
    assert await is_refused(cookie=cookie, origin="http://127.0.0.1:9999")
    assert await is_refused(cookie=cookie, origin="null")
    assert await is_refused(cookie=f"{django_settings.SESSION_COOKIE_NAME}=guess")


async def test_a_token_gets_in_and_is_not_answered(token: str) -> None:
    socket = communicator(origin=None, protocols=["omm.v1", f"token.{token}"])
    assert await socket.connect(timeout=5) == (True, "omm.v1")
    await next_of(socket, "snapshot")
    await socket.disconnect(timeout=5)
    assert await is_refused(origin=None, protocols=["omm.v1", "token.wrong"])
    assert await is_refused(origin="http://evil.example", protocols=[f"token.{token}"])


async def test_a_host_that_is_not_ours_is_refused(cookie: str) -> None:
    socket = communicator(cookie=cookie, origin="http://evil.example")
    socket.scope["headers"][0] = (b"host", b"evil.example")
    assert (await socket.connect(timeout=5))[0] is False


async def test_who_must_change_the_password_stays_out(cookie: str, admin: User) -> None:
    change = {"must_change_password": True}
    await database_sync_to_async(services.user_update)(user=admin, changes=change, actor="admin")
    assert await is_refused(cookie=cookie)


async def test_snapshot_and_deltas_make_a_fresh_snapshot(
    cookie: str, document: dict[str, Any], open_gate: OpenGate
) -> None:
    async with connected(cookie=cookie) as socket:
        seen = await next_of(socket, "snapshot")
        for number in range(2, 5):
            changed = {**document, "journal": {"seq": number}}
            if number == 3:
                changed.pop("warnings")
                changed["new"] = {"deep": [number]}
            open_gate.say(document=json.dumps(changed).encode())
            delta = await next_of(socket, "delta")
            assert delta["seq"] == seen["seq"] + 1
            seen = applied(seen, delta)
        async with connected(cookie=cookie) as other:
            fresh = await next_of(other, "snapshot")
        assert {k: seen[k] for k in ("document", "events")} == {
            k: fresh[k] for k in ("document", "events")
        }


def applied(seen: dict[str, Any], delta: dict[str, Any]) -> dict[str, Any]:
    """What a client makes of a delta."""
    document = {**seen["document"], **delta.get("document", {})}
    for key in delta.get("removed", []):
        document.pop(key, None)
    events = delta.get("events", seen["events"])
    return {"seq": delta["seq"], "document": document, "events": events}


async def test_an_event_reaches_the_page(cookie: str) -> None:
    async with connected(cookie=cookie) as socket:
        assert (await next_of(socket, "snapshot"))["events"] == []
        create = database_sync_to_async(Event.objects.create)
        await create(node="127.0.0.1", code="role", message="Became active.")
        await push.publish_async("event")
        delta = await next_of(socket, "delta")
        assert [event["message"] for event in delta["events"]] == ["Became active."]


async def test_a_socket_speaks_the_language_of_its_page(
    cookie: str, document: dict[str, Any], open_gate: OpenGate
) -> None:
    async with (
        connected(cookie=cookie, query="?language=de") as german,
        connected(cookie=cookie, query="?language=xx") as other,
    ):
        seen = [await next_of(german, "snapshot"), await next_of(other, "snapshot")]
        changed = {**document, "reason": say("The other OMM is active.")}
        open_gate.say(document=json.dumps(pack(changed)).encode())
        deltas = [await next_of(german, "delta"), await next_of(other, "delta")]
        reasons = [delta["document"]["reason"] for delta in deltas]
        assert reasons == ["Der andere OMM ist aktiv.", "The other OMM is active."]
        text = say("No longer: %(what)s", what=say("this OMM reports an error."))
        create = database_sync_to_async(Event.objects.create)
        await create(node="127.0.0.1", code="warning_ended", **pack({"message": text}))
        await push.publish_async("event")
        told = [await next_of(german, "delta"), await next_of(other, "delta")]
        assert [delta["events"][0]["message"] for delta in told] == [
            "Nicht mehr: dieser OMM meldet einen Fehler.",
            "No longer: this OMM reports an error.",
        ]
        for number, query in enumerate(("?language=de", "")):
            page = applied(applied(seen[number], deltas[number]), told[number])
            async with connected(cookie=cookie, query=query) as fresh:
                whole = await next_of(fresh, "snapshot")
            assert (page["document"], page["events"]) == (whole["document"], whole["events"])


async def test_a_gap_is_filled_on_demand(cookie: str) -> None:
    async with connected(cookie=cookie) as socket:
        first = await next_of(socket, "snapshot")
        await socket.send_json_to({"type": "snapshot"})
        again = await next_of(socket, "snapshot")
        assert again["seq"] == first["seq"] + 1
        assert again["document"] == first["document"]


async def test_a_quiet_pair_still_beats(cookie: str) -> None:
    async with connected(cookie=cookie) as socket:
        first = await next_of(socket, "snapshot")
        assert (await next_of(socket, "beat"))["seq"] == first["seq"]


async def test_changes_come_at_most_four_times_a_second(
    cookie: str, document: dict[str, Any], open_gate: OpenGate
) -> None:
    async with connected(cookie=cookie) as socket:
        await next_of(socket, "snapshot")
        deltas = 0
        for number in range(100):
            changed = {**document, "journal": {"seq": 100 + number}}
            open_gate.say(document=json.dumps(changed).encode())
            await push.publish_async("status")
            await asyncio.sleep(0.01)
        while not await socket.receive_nothing(timeout=0.3, interval=0.05):
            deltas += (await socket.receive_json_from())["type"] == "delta"
            if deltas > 20:
                break
        assert 2 <= deltas <= 8


async def test_pages_stay_current_without_redis(
    cookie: str, document: dict[str, Any], open_gate: OpenGate
) -> None:
    channel_layers.set("default", DeadLayer())
    lost = push.count.failed
    await push.publish_async("status")
    assert push.count.failed == lost + 1
    async with connected(cookie=cookie) as socket:
        await next_of(socket, "snapshot")
        changed = {**document, "warnings": [{"code": "no_standby"}]}
        open_gate.say(document=json.dumps(changed).encode())
        assert (await next_of(socket, "delta"))["document"]["warnings"]


async def test_a_lease_that_ran_out_is_told(cookie: str, open_gate: OpenGate) -> None:
    async with connected(cookie=cookie) as socket:
        await next_of(socket, "snapshot")
        await asyncio.to_thread(open_gate.stop)
        delta = await next_of(socket, "delta")
        assert delta["document"]["node"]["role"] == "failed"
        assert "not running" in delta["document"]["reason"]


@pytest.mark.parametrize("text", ["{", "[]", '{"type": 1}', "x" * 5000, "[" * 900])
async def test_nonsense_ends_the_connection(cookie: str, text: str) -> None:
    socket = communicator(cookie=cookie)
    await socket.connect(timeout=5)
    await socket.send_to(text_data=text)
    assert await closed(socket) == consumers.BAD_MESSAGE


async def test_unknown_messages_are_ignored(cookie: str) -> None:
    async with connected(cookie=cookie) as socket:
        await next_of(socket, "snapshot")
        await socket.send_json_to({"type": "from_the_future", "more": [1]})
        await next_of(socket, "beat")


async def test_a_session_gets_a_ticket_and_a_token_none(
    cookie: str, token: str, admin: User, settings: Any, peer: str
) -> None:
    async with connected(cookie=cookie) as socket:
        await socket.send_json_to({"type": "ticket"})
        ticket = (await next_of(socket, "ticket"))["ticket"]
    from dataclasses import replace

    settings.OMM = replace(settings.OMM, address=peer, pair_secret=Secret("s" * 40))
    assert await database_sync_to_async(ticket_redeem)(ticket) == admin
    async with connected(origin=None, protocols=[f"token.{token}"]) as socket:
        await socket.send_json_to({"type": "ticket"})
        assert (await next_of(socket, "ticket"))["ticket"] is None
