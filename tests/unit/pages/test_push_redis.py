"""Waking open pages through a real Redis: after a long silence, and when Redis fails."""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from channels.layers import channel_layers
from channels_redis.pubsub import RedisPubSubChannelLayer
from redis import Redis
from redis.exceptions import RedisError

from standby import live, push
from standby.live import Feed, State
from tests.gate import OpenGate

pytestmark = pytest.mark.django_db(databases=["default", "live"], transaction=True)

SERVER = next(filter(None, map(shutil.which, ("redis-server", "valkey-server"))), None)


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    if SERVER is None:
        pytest.skip("no redis-server or valkey-server on this machine")
    path = tmp_path / "redis.sock"
    process = subprocess.Popen(
        [SERVER, "--port", "0", "--unixsocket", str(path), "--save", "", "--dir", str(tmp_path)],
        stdout=subprocess.DEVNULL,
    )
    wait_for(path)
    layer = RedisPubSubChannelLayer(hosts=[f"unix://{path}"], prefix="test")
    old = channel_layers.set("default", layer)
    yield process
    process.send_signal(signal.SIGCONT)
    process.kill()
    process.wait()
    channel_layers.backends.pop("default") if old is None else channel_layers.set("default", old)


def wait_for(path: Path) -> None:
    client = Redis(unix_socket_path=str(path))
    for _ in range(200):
        try:
            client.ping()
        except RedisError:
            time.sleep(0.02)
        else:
            client.close()
            return
    raise AssertionError("Redis did not start")


async def news(feed: Feed, revision: int) -> State:
    """The next state, whatever beats come before."""
    while (state := await feed.newer(revision)) is None:
        pass
    return state


async def test_a_page_is_woken_after_a_long_silence(
    redis: Any, open_gate: OpenGate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "TICK", 60.0)  # only the push can wake the feed
    async with Feed.here().listening() as feed:
        first = await news(feed, 0)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(news(feed, first.revision), 6.5)
        open_gate.say(document=json.dumps({"journal": {"seq": 77}}).encode())
        await asyncio.to_thread(push.publish, "status")
        woken = await asyncio.wait_for(news(feed, first.revision), 2)
        assert woken.document["journal"]["seq"] == 77


def test_a_push_is_bounded_when_redis_hangs_or_dies(redis: subprocess.Popen[bytes]) -> None:
    push.publish("status")
    before = push.count.failed
    for sig in (signal.SIGSTOP, signal.SIGKILL):
        redis.send_signal(sig)
        started = time.monotonic()
        push.publish("status")
        assert time.monotonic() - started < 1.5
    assert push.count.failed > before
