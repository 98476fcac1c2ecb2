"""Wake-ups between processes: a Redis channel per topic. They make things quick; a poll of the database makes them certain.

Topics: `agent:<agent_id>` (commands, desired locations), `queue:<org_id>` (queued runs, deploys), `run:<run_id>`,
`org:<org_id>:runs`, `command:<command_id>`. A wake-up carries nothing: who is woken reads the database.
"""

import functools
import time
from collections.abc import Iterator
from contextlib import contextmanager

import redis
import structlog
from django.conf import settings
from django.db import transaction

log = structlog.get_logger(__name__)

PREFIX = "daggerboard:"
# A publish takes well under a millisecond; a Redis that needs longer is as good as gone, and the polls stand in.
_TIMEOUT_SECONDS = 0.5
# After a failed publish the others do not try for this long, so that a dead Redis does not slow every request.
_PAUSE_SECONDS = 1.0


@functools.cache
def _client(url: str) -> redis.Redis:
    return redis.Redis.from_url(url, socket_timeout=_TIMEOUT_SECONDS, socket_connect_timeout=_TIMEOUT_SECONDS)


def client() -> redis.Redis:
    """The connection pool of this process; quick to give up."""
    return _client(settings.REDIS_URL)


class _Publisher:
    """Publishes, and leaves a Redis that fails alone for a while."""

    def __init__(self) -> None:
        self._paused_until = 0.0

    def publish(self, topics: set[str]) -> None:
        if time.monotonic() < self._paused_until:
            return
        try:
            with client().pipeline(transaction=False) as pipe:
                for topic in topics:
                    pipe.publish(PREFIX + topic, b"")
                pipe.execute()
        except redis.RedisError as error:
            self._paused_until = time.monotonic() + _PAUSE_SECONDS
            log.warning("wakeup.not_sent", topics=sorted(topics), error=str(error))


_publisher = _Publisher()


def wake(*topics: str) -> None:
    """Wake who listens to any of the topics, once the current transaction has committed. Never raises."""
    transaction.on_commit(lambda: _publisher.publish(set(topics)))


class SyncListener:
    """What `listening_sync` gives."""

    def __init__(self, pubsub: redis.client.PubSub | None) -> None:
        self._pubsub = pubsub

    def wait(self, seconds: float) -> None:
        """Return when woken, or after `seconds`; without Redis simply after `seconds`."""
        started = time.monotonic()
        try:
            if self._pubsub is not None:
                self._pubsub.get_message(ignore_subscribe_messages=True, timeout=seconds)
                return
        except redis.RedisError:
            self._pubsub = None
        time.sleep(max(0.0, seconds - (time.monotonic() - started)))


@contextmanager
def listening_sync(topic: str) -> Iterator[SyncListener]:
    """Listen from a thread that has nothing else to do. Subscribed before it returns: read the database inside."""
    try:
        pubsub = client().pubsub()  # type: ignore[no-untyped-call]  # redis types it half
        pubsub.subscribe(PREFIX + topic)
        pubsub.get_message(timeout=_TIMEOUT_SECONDS)
    except redis.RedisError:
        yield SyncListener(None)
        return
    try:
        yield SyncListener(pubsub)
    finally:
        pubsub.close()
