"""Open sockets lose what their visitor loses: sessions, tokens, passwords, roles."""

from __future__ import annotations

import json
from typing import Any

import pytest
from channels.db import database_sync_to_async
from channels.testing import WebsocketCommunicator
from django.utils import timezone

from omm_portal.accounts import rights, services, sessions
from omm_portal.accounts.models import ApiToken, User
from omm_portal.accounts.rights import Rights, RightsWatch
from omm_portal.accounts.sockets import Visitor
from standby import consumers, journal
from standby.consumers import StatusConsumer
from standby.live import Feed
from tests.gate import OpenGate
from tests.unit.pages.conftest import client_of
from tests.unit.pages.sockets import closed, communicator, connected, cookie_of, next_of

pytestmark = pytest.mark.django_db(databases=["default", "live"], transaction=True)


def commit(open_gate: OpenGate, document: dict[str, Any]) -> None:
    """What the runtime does after a change: the lease shows the journal's new end."""
    changed = {**document, "journal": {**document["journal"], "seq": journal.head().seq}}
    open_gate.say(document=json.dumps(changed).encode())


@database_sync_to_async
def end_session(cookie: str) -> None:
    key = cookie.partition("=")[2]
    everybody = sessions.open_sessions(viewer=User.objects.get(username="admin"), own_key=None)
    sessions.end([one for one in everybody if one.key == key])


async def test_an_ended_session_loses_its_socket_at_once(cookie: str, reader: User) -> None:
    other = await database_sync_to_async(lambda: cookie_of(client_of(reader)))()
    async with connected(cookie=other) as staying:
        socket = communicator(cookie=cookie)
        await socket.connect(timeout=5)
        await next_of(socket, "snapshot")
        await next_of(staying, "snapshot")
        await end_session(cookie)
        assert await closed(socket) == consumers.REFUSED
        await next_of(staying, "beat")


async def test_signing_out_closes_the_other_tabs(admin: User, cookie: str) -> None:
    client = await database_sync_to_async(client_of)(admin)
    socket = communicator(cookie=cookie_of(client))
    await socket.connect(timeout=5)
    await next_of(socket, "snapshot")
    await database_sync_to_async(client.post)("/logout/")
    assert await closed(socket) == consumers.REFUSED


@pytest.mark.parametrize(
    ("changes", "password"),
    [
        ({"is_active": False}, None),
        ({"must_change_password": True}, None),
        ({}, "an entirely new one"),
        (None, None),
    ],
)
async def test_a_user_without_rights_loses_the_socket_at_once(
    reader: User,
    cookie: str,
    open_gate: OpenGate,
    document: dict[str, Any],
    changes: dict[str, Any] | None,
    password: str | None,
) -> None:
    def change() -> None:
        if changes is None:
            services.user_delete(user=reader, actor="admin")
        else:
            services.user_update(user=reader, changes=changes, password=password, actor="admin")
        commit(open_gate, document)

    socket = communicator(
        cookie=await database_sync_to_async(lambda: cookie_of(client_of(reader)))()
    )
    async with connected(cookie=cookie) as staying:
        await socket.connect(timeout=5)
        await next_of(socket, "snapshot")
        await next_of(staying, "snapshot")
        await database_sync_to_async(change)()
        assert await closed(socket) == consumers.REFUSED
        await next_of(staying, "beat")


async def test_a_revoked_token_loses_its_socket_at_once(
    token: str, open_gate: OpenGate, document: dict[str, Any]
) -> None:
    def revoke() -> None:
        services.token_delete(token=ApiToken.objects.get(), actor="admin")
        commit(open_gate, document)

    socket = communicator(origin=None, protocols=[f"token.{token}"])
    await socket.connect(timeout=5)
    await next_of(socket, "snapshot")
    await database_sync_to_async(revoke)()
    assert await closed(socket) == consumers.REFUSED


async def test_a_reduced_role_keeps_the_socket_with_the_rights_of_now(
    cookie: str, reader: User, open_gate: OpenGate, document: dict[str, Any]
) -> None:
    def promote(role: str) -> None:
        user = User.objects.get(pk=reader.pk)
        services.user_update(user=user, changes={"role": role}, actor="admin")
        commit(open_gate, document)

    await database_sync_to_async(promote)("full")
    theirs = await database_sync_to_async(lambda: cookie_of(client_of(reader)))()
    consumer = StatusConsumer()
    socket = WebsocketCommunicator(
        consumer, "/ws/status/", headers=communicator(cookie=theirs).scope["headers"]
    )
    await socket.connect(timeout=5)
    await next_of(socket, "snapshot")
    assert consumer.visitor is not None
    assert consumer.visitor.user.has_full_access
    await database_sync_to_async(promote)("read")
    await next_of(socket, "delta")
    assert not consumer.visitor.user.has_full_access
    await socket.disconnect(timeout=5)


async def test_other_changes_cost_no_second_look(
    cookie: str, admin: User, open_gate: OpenGate, document: dict[str, Any]
) -> None:
    def change() -> None:
        services.token_create(user=admin, now=timezone.now())
        commit(open_gate, document)

    async with connected(cookie=cookie) as socket:
        await next_of(socket, "snapshot")
        await database_sync_to_async(change)()
        await next_of(socket, "delta")
        state = await Feed.here().newer(0)
        assert state is not None
        assert state.rights.revision == 0


async def test_sign_in_is_checked_again_every_minute(
    cookie: str, admin: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever was not noticed, e.g. because the lease does not tell of it."""
    monkeypatch.setattr(consumers, "CHECK_EVERY", 0.5)
    socket = communicator(cookie=cookie)
    await socket.connect(timeout=5)
    await next_of(socket, "snapshot")
    await next_of(socket, "beat")
    update = database_sync_to_async(services.user_update)
    await update(user=admin, changes={}, password="an entirely new one", actor="admin")
    assert await closed(socket) == consumers.REFUSED


async def test_a_thousand_others_need_not_look(
    cookie: str, reader: User, open_gate: OpenGate, document: dict[str, Any]
) -> None:
    def disable() -> None:
        services.user_update(user=reader, changes={"is_active": False}, actor="admin")
        commit(open_gate, document)

    looked: list[str] = []
    look = Visitor.again

    async def noted(self: Visitor) -> Visitor | None:
        looked.append(self.user.username)
        return await look(self)

    theirs = await database_sync_to_async(lambda: cookie_of(client_of(reader)))()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Visitor, "again", noted)
        async with connected(cookie=cookie) as staying:
            socket = communicator(cookie=theirs)
            await socket.connect(timeout=5)
            await next_of(socket, "snapshot")
            await next_of(staying, "snapshot")
            await database_sync_to_async(disable)()
            assert await closed(socket) == consumers.REFUSED
            await next_of(staying, "delta")
    assert looked == ["reader"]


def test_more_marks_than_are_remembered_mean_everybody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rights, "MOST", 3)
    one = Rights().after({"user:1"})
    two = one.after({"user:2", "user:3"})
    assert two.touch(["user:3"], since=one)
    assert not two.touch(["user:1"], since=one)
    assert two.after({"user:4"}).touch(["user:1"], since=two)
    assert two.after(set()) is two


def test_a_journal_that_was_taken_back_means_everybody() -> None:
    assert RightsWatch(9).look(8) == {rights.EVERYBODY}


def test_ended_sessions_are_told_to_each_watch_once() -> None:
    watch = RightsWatch(0)
    rights.sessions_ended(["a", "b"])
    assert watch.is_due(0)
    assert watch.look(0) == {"session:a", "session:b"}
    assert not watch.is_due(0)
    assert watch.look(0) == set()
