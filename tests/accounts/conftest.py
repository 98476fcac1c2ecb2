"""What the tests of accounts share."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest


@pytest.fixture
def settings_of() -> Iterator[Any]:
    """`settings_of(NAME=value)` holds until the test ends."""
    from django.test import override_settings

    opened: list[Any] = []

    def set_to(**values: Any) -> None:
        override = override_settings(**values)
        override.enable()
        opened.append(override)

    yield set_to
    for override in reversed(opened):
        override.disable()


@pytest.fixture
def woken() -> Callable[[str], list[dict[str, Any]]]:
    """What Celery holds for a worker since the test began: the arguments of each call of a task, oldest first."""
    import redis
    from django.conf import settings

    queue = redis.Redis.from_url(settings.REDIS_URL)
    queue.delete("celery")

    def calls(task: str) -> list[dict[str, Any]]:
        messages = [json.loads(raw) for raw in reversed(queue.lrange("celery", 0, -1))]
        return [_arguments(m) for m in messages if m["headers"]["task"] == task]

    return calls


def _arguments(message: dict[str, Any]) -> dict[str, Any]:
    import base64

    body: Any = json.loads(base64.b64decode(message["body"]))
    arguments: dict[str, Any] = body[1]
    return arguments
