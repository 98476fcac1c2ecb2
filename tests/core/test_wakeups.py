"""Wake-ups through a real Redis, which also goes away and comes back."""

import asyncio
import contextlib
import functools
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import transaction
from django.test import override_settings
from redis.exceptions import RedisError

from controlplane.core import listening, wakeups
from controlplane.core.listening import hub, listen
from controlplane.embedded.redis import EmbeddedRedis
from tests.threads import in_thread


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow machine confirms late and answers late: no wake-up is given up, and none is paused after another test."""
    monkeypatch.setattr(listening, "_CONFIRM_SECONDS", 60.0)
    monkeypatch.setattr(wakeups, "_TIMEOUT_SECONDS", 60.0)
    monkeypatch.setattr(wakeups, "_client", functools.cache(wakeups._client.__wrapped__))
    monkeypatch.setattr(wakeups._publisher, "_paused_until", 0.0)


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[EmbeddedRedis]:
    """A Redis of this test alone, which it may stop and start."""
    server = EmbeddedRedis(tmp_path / "redis", append_only=False)
    with override_settings(REDIS_URL=server.start()):
        yield server
    server.stop()


async def wake(topic: str) -> None:
    await in_thread(wakeups.wake, topic)


def test_listener_is_woken_by_its_topics_alone() -> None:
    async def scenario() -> None:
        async with listen("run:1", "run:2") as listener:
            await wake("run:3")
            assert not await listener.wait(0.1)
            await wake("run:2")
            assert await listener.wait(60)

    asyncio.run(scenario())


def test_wake_up_between_two_waits_is_kept_once_for_everybody() -> None:
    async def scenario() -> None:
        async with listen("run:1") as first, listen("run:1") as second:
            await wake("run:1")
            assert await second.wait(60)
            assert await first.wait(0)
            assert not await first.wait(0)

    asyncio.run(scenario())


def test_nobody_is_woken_before_the_commit() -> None:
    release = threading.Event()

    def commit_when_released() -> None:
        with transaction.atomic():
            wakeups.wake("run:1")
            release.wait(60)

    async def scenario() -> None:
        async with listen("run:1") as listener:
            committing = asyncio.create_task(in_thread(commit_when_released))
            assert not await listener.wait(0.2)
            release.set()
            assert await listener.wait(60)
            await committing

    asyncio.run(scenario())


def test_rolled_back_transaction_wakes_nobody() -> None:
    def roll_back() -> None:
        with transaction.atomic():
            wakeups.wake("run:1")
            transaction.set_rollback(True)

    async def scenario() -> None:
        async with listen("run:1") as listener:
            await in_thread(roll_back)
            assert not await listener.wait(0.2)

    asyncio.run(scenario())


def test_after_a_restart_of_redis_everybody_is_woken_once_and_listens_again(own_redis: EmbeddedRedis) -> None:
    async def scenario() -> None:
        async with listen("run:1") as listener:
            await in_thread(own_redis.stop)
            await in_thread(own_redis.start)
            # What happened meanwhile went unheard, so the reconnect itself is a wake-up.
            assert await listener.wait(60)
            await until_published("run:1")
            assert await listener.wait(60)

    asyncio.run(scenario())


async def until_published(topic: str) -> None:
    """Publish until Redis takes it: after a failure the publisher pauses for a second."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        receivers = await in_thread(wakeups.client().publish, wakeups.PREFIX + topic, b"")
        if receivers:
            return
        await asyncio.sleep(0.05)
    raise AssertionError("nobody is subscribed")


def test_without_redis_wake_returns_quickly_and_listeners_wait_their_time(own_redis: EmbeddedRedis) -> None:
    own_redis.stop()

    async def scenario() -> None:
        started = time.monotonic()
        async with listen("run:1") as listener:
            assert not hub().connected
            await wake("run:1")
            await wake("run:1")
            assert not await listener.wait(0.1)
        assert time.monotonic() - started < 20  # a slow machine takes its time

    asyncio.run(scenario())


@pytest.mark.parametrize("with_redis", [True, False])
def test_thread_that_listens(own_redis: EmbeddedRedis, with_redis: bool) -> None:
    if not with_redis:
        own_redis.stop()
    with wakeups.listening_sync("command:1") as listener:
        started, patience = time.monotonic(), 60.0 if with_redis else 0.6
        waking = threading.Timer(0.2, publish_if_there)
        waking.start()

        listener.wait(patience)

        waking.join()
        assert (time.monotonic() - started < patience - 0.05) is with_redis


def publish_if_there() -> None:
    with contextlib.suppress(RedisError):
        wakeups.client().publish(wakeups.PREFIX + "command:1", b"")


def test_hub_serves_many_topics_over_one_connection(own_redis: EmbeddedRedis) -> None:
    async def scenario() -> None:
        waiting = [listen(f"agent:{number}") for number in range(300)]
        listeners = [await one.__aenter__() for one in waiting]
        await wake("agent:299")

        assert await listeners[299].wait(60)
        clients = [known["cmd"] for known in await in_thread(wakeups.client().client_list)]
        assert clients.count("subscribe") == 1
        for one in waiting:
            await one.__aexit__(None, None, None)

    asyncio.run(scenario())
