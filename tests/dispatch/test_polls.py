"""Polls: woken by what concerns them, whether Redis is there or not; and who may poll."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from django.test import override_settings

from agent.protocol import Goodbye
from controlplane.core.threads import with_connections_returned
from controlplane.embedded.redis import EmbeddedRedis
from tenants.token_services import revoke_token
from tests import factories
from tests.cast import Cast
from tests.dispatch.conftest import SETTINGS
from tests.dispatch.observing import agent_state, loaded_wire_agent, polling, wait_until_subscribed
from tests.dispatch.server import running_server
from tests.dispatch.wire_agent import WireAgent

# What `lost_wakeups` promises, with room for a busy machine.
WITHOUT_REDIS_SECONDS = 3.5


def seconds_to(act: Callable[[], object], held: Future[Any]) -> tuple[Any, float]:
    act()
    acted = time.monotonic()
    return held.result(30), time.monotonic() - acted


def test_held_poll_gets_a_queued_run_at_once(cast: Cast, loaded_agent: WireAgent) -> None:
    with polling(loaded_agent) as held:
        work, seconds = seconds_to(lambda: factories.queue_run(cast), held)

    assert len(work.commands) == 1
    assert seconds < 0.5


def test_held_poll_hears_of_a_deploy_at_once(cast: Cast, wire_agent: WireAgent) -> None:
    wire_agent.poll()
    with polling(wire_agent) as held:
        work, seconds = seconds_to(lambda: factories.deploy(cast, "new"), held)

    assert work.desired is not None
    assert [location.name for location in work.desired.locations] == ["new"]
    assert seconds < 0.5


def test_poll_with_nothing_to_do_is_answered_empty_after_its_time(wire_agent: WireAgent) -> None:
    wire_agent.poll()
    asked = time.monotonic()

    assert wire_agent.poll().commands == []
    assert 2.9 < time.monotonic() - asked < 4


def test_poll_of_one_organization_sleeps_through_another_s_runs(cast: Cast, outsider: Cast, server: str) -> None:
    mallory = WireAgent(server, outsider.agent_token.text)
    mallory.register()
    mallory.poll()
    factories.make_location(cast)
    with polling(mallory) as held:
        work, seconds = seconds_to(lambda: factories.queue_run(cast), held)

    assert (work.commands, work.desired) == ([], None)
    assert seconds > 2


def test_desired_is_sent_again_only_when_it_changed(cast: Cast, wire_agent: WireAgent) -> None:
    factories.deploy(cast)

    first, second = wire_agent.poll(), wire_agent.poll()

    assert first.desired is not None
    assert second.desired is None


def test_second_process_of_the_same_name_ends_the_first(cast: Cast, wire_agent: WireAgent, server: str) -> None:
    wire_agent.poll()
    twin = WireAgent(server, cast.agent_token.text)
    with polling(wire_agent) as held:
        twin.register()
        with pytest.raises(httpx.HTTPStatusError) as refused:
            held.result(2)

    assert refused.value.response.status_code == 409
    assert refused.value.response.json()["errors"][0]["code"] == "superseded"
    assert twin.id == wire_agent.id


def test_revoked_token_gets_no_work_from_a_poll_it_already_holds(cast: Cast, loaded_agent: WireAgent) -> None:
    with polling(loaded_agent) as held:
        revoke_token(org_id=cast.org_id, token_id=cast.agent_token.token.id)
        # A process believes in a token for two seconds.
        threading.Timer(2.5, with_connections_returned, [factories.queue_run, cast]).start()
        with pytest.raises(httpx.HTTPStatusError) as refused:
            held.result(10)

    assert refused.value.response.status_code == 401


def test_agent_that_said_goodbye_and_comes_back_is_known_again(cast: Cast, loaded_agent: WireAgent) -> None:
    loaded_agent.send("goodbye", Goodbye(agent_id=loaded_agent.id, boot_id=loaded_agent.boot_id), dict)
    first_id = loaded_agent.id
    assert agent_state(cast, loaded_agent) == "stopped"

    loaded_agent.register()

    assert loaded_agent.id == first_id
    assert agent_state(cast, loaded_agent) == "connected"


def test_client_that_hangs_up_gives_its_commands_back(cast: Cast, loaded_agent: WireAgent) -> None:
    """The run is queued while nobody listens any more: the next poll gets it at once, not after a lease."""
    with pytest.raises(httpx.ReadTimeout):
        loaded_agent.http.post("poll", content=msgspec.json.encode(loaded_agent.poll_message()), timeout=0.5)
    factories.queue_run(cast)

    asked = time.monotonic()
    assert len(loaded_agent.poll().commands) == 1
    assert time.monotonic() - asked < 1


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[tuple[EmbeddedRedis, str]]:
    """A Redis that the test may stop, and its address."""
    redis = EmbeddedRedis(tmp_path / "redis", append_only=False)
    yield redis, redis.start()
    redis.stop()


def test_without_redis_a_held_poll_gets_its_run_within_seconds(
    cast: Cast, own_redis: tuple[EmbeddedRedis, str]
) -> None:
    redis, url = own_redis
    redis.stop()
    with running_server(
        {**SETTINGS, "DAGGERBOARD_REDIS_URL": url, "DAGGERBOARD_AGENT_POLL_WAIT_SECONDS": "15"}
    ) as server:
        agent = loaded_wire_agent(server, cast)
        with polling(agent) as held:
            work, seconds = seconds_to(lambda: factories.queue_run(cast), held)

    assert len(work.commands) == 1
    assert seconds < WITHOUT_REDIS_SECONDS


def test_poll_held_through_a_restart_of_redis_is_woken_quickly_again(
    cast: Cast, own_redis: tuple[EmbeddedRedis, str]
) -> None:
    redis, url = own_redis
    settings = {**SETTINGS, "DAGGERBOARD_REDIS_URL": url, "DAGGERBOARD_AGENT_POLL_WAIT_SECONDS": "20"}
    with running_server(settings) as server, override_settings(REDIS_URL=url):
        agent = loaded_wire_agent(server, cast)
        with polling(agent) as held:
            redis.restart()
            wait_until_subscribed(agent)
            work, seconds = seconds_to(lambda: factories.queue_run(cast), held)

    assert len(work.commands) == 1
    # Quicker than the sweep of two seconds could be: it was the wake-up.
    assert seconds < 1
