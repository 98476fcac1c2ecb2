"""Fixtures of the code worker's tests: a fake agent, and workers on small real projects."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.worker.fake_agent import FakeAgent, Worker, project


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[FakeAgent]:
    agent = FakeAgent(tmp_path)
    yield agent
    agent.close()


@pytest.fixture(scope="module")
def shared_agent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeAgent]:
    agent = FakeAgent(tmp_path_factory.mktemp("agent"))
    yield agent
    agent.close()


@pytest.fixture(scope="module")
def shop(shared_agent: FakeAgent) -> Worker:
    """The sample project, warm; shared by the tests of a module because loading takes a second."""
    worker = shared_agent.start(project("shop", module_name="shop.definitions"))
    assert worker.ready["mode"] == "warm"
    return worker


StartWorker = Callable[..., Worker]


@pytest.fixture
def start_worker(agent: FakeAgent) -> StartWorker:
    def start(name: str, *options: str, env: dict[str, Any] | None = None, **target: str) -> Worker:
        return agent.start(project(name, **target), *options, env=env)

    return start
