"""Polls: woken by what concerns them, whether Redis is there or not; and who may poll."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import msgspec
import pytest
from django.test import override_settings

from agent.protocol import Goodbye
from controlplane.embedded.redis import EmbeddedRedis
from tenants.token_services import revoke_token
from tests import factories
from tests.cast import Cast
from tests.dispatch.conftest import SETTINGS
from tests.dispatch.observing import agent_state, loaded_wire_agent, polling, wait_until_subscribed
from tests.dispatch.server import running_server
from tests.dispatch.wire_agent import WireAgent

HELD_SECONDS = float(SETTINGS["DAGGERBOARD_AGENT_POLL_WAIT_SECONDS"])


@dataclass(frozen=True)
class Unswept:
    """A server whose polls are held for long, and which nothing but a wake-up ends; and its Redis, which a test may restart."""

    url: str
    redis: EmbeddedRedis


@pytest.fixture(scope="module")
def unswept_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Unswept, str]]:
    redis = EmbeddedRedis(tmp_path_factory.mktemp("unswept") / "redis", append_only=False)
    url = redis.start()
    settings = {**SETTINGS, "DAGGERBOARD_REDIS_URL": url, "DAGGERBOARD_AGENT_POLL_WAIT_SECONDS": "60"}
    with running_server(settings, application="tests.dispatch.unswept:application") as server:
        yield Unswept(server, redis), url
    redis.stop()


@pytest.fixture
def unswept(unswept_server: tuple[Unswept, str]) -> Iterator[Unswept]:
    place, redis_url = unswept_server
    with override_settings(REDIS_URL=redis_url):
        yield place


def test_held_poll_is_woken_by_a_queued_run(cast: Cast, unswept: Unswept) -> None:
    agent = loaded_wire_agent(unswept.url, cast)
    with polling(agent) as held:
        factories.queue_run(cast)

    assert len(held.result().commands) == 1


def test_held_poll_is_woken_by_a_deploy(cast: Cast, unswept: Unswept) -> None:
    agent = WireAgent(unswept.url, cast.agent_token.text)
    agent.register()
    agent.poll()
    with polling(agent) as held:
        factories.deploy(cast, "new")

    desired = held.result().desired
    assert desired is not None
    assert [location.name for location in desired.locations] == ["new"]


def test_poll_held_through_a_restart_of_redis_is_woken_again(cast: Cast, unswept: Unswept) -> None:
    agent = loaded_wire_agent(unswept.url, cast)
    with polling(agent) as held:
        unswept.redis.restart()
        wait_until_subscribed(agent)
        factories.queue_run(cast)

    assert len(held.result().commands) == 1


def test_poll_with_nothing_to_do_is_answered_empty_after_its_time(wire_agent: WireAgent) -> None:
    wire_agent.poll()
    asked = time.monotonic()

    assert wire_agent.poll().commands == []
    assert time.monotonic() - asked > HELD_SECONDS - 0.1


def test_poll_of_one_organization_sleeps_through_another_s_runs(cast: Cast, outsider: Cast, server: str) -> None:
    mallory = WireAgent(server, outsider.agent_token.text)
    mallory.register()
    mallory.poll()
    factories.make_location(cast)
    asked = time.monotonic()
    with polling(mallory) as held:
        factories.queue_run(cast)

    assert (held.result().commands, held.result().desired) == ([], None)
    assert time.monotonic() - asked > HELD_SECONDS - 0.1


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
            held.result(100)

    assert refused.value.response.status_code == 409
    assert refused.value.response.json()["errors"][0]["code"] == "superseded"
    assert twin.id == wire_agent.id


def test_revoked_token_gets_no_work_from_a_poll_it_already_holds(cast: Cast, loaded_agent: WireAgent) -> None:
    with polling(loaded_agent) as held:
        revoke_token(org_id=cast.org_id, token_id=cast.agent_token.token.id)
        factories.queue_run(cast)
        with pytest.raises(httpx.HTTPStatusError) as refused:
            held.result(100)

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

    assert len(loaded_agent.poll().commands) == 1


def test_without_redis_a_held_poll_gets_its_run_all_the_same(cast: Cast, tmp_path: Path) -> None:
    """By the sweep, which every process with held polls makes every two seconds."""
    redis = EmbeddedRedis(tmp_path / "redis", append_only=False)
    url = redis.start()
    redis.stop()
    with running_server(
        {**SETTINGS, "DAGGERBOARD_REDIS_URL": url, "DAGGERBOARD_AGENT_POLL_WAIT_SECONDS": "60"}
    ) as server:
        agent = loaded_wire_agent(server, cast)
        with polling(agent) as held:
            factories.queue_run(cast)

    assert len(held.result().commands) == 1
