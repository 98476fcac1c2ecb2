"""Listening for wake-ups in asyncio: one Redis connection per process, subscribed again when Redis was away.

async with listen(f"run:{run_id}") as listener:
    # read the database here: whatever happens from now on wakes the listener
    await listener.wait(15)
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from weakref import WeakKeyDictionary

import structlog
from django.conf import settings
from redis.asyncio.connection import Connection, ConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from controlplane.core.wakeups import PREFIX

log = structlog.get_logger(__name__)

# Redis confirms a subscription within a millisecond; without it we go on and rely on the poll.
_CONFIRM_SECONDS = 0.5
_RECONNECT_SECONDS = 0.5
# A silent connection is asked whether it still lives; a half-open one is noticed within two of these.
_PING_SECONDS = 10.0
# A topic stays subscribed this long after its last listener, because the next poll comes soon.
_LINGER_SECONDS = 60.0
# After a reconnect, so many listeners per second are sent to the database, not all at once.
_REWAKE_PER_SECOND = 500.0


class Listener:
    """Waits for a wake-up of its topics. Wake-ups between two waits are not lost; several are one."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def wake(self) -> None:
        self._event.set()

    async def wait(self, seconds: float) -> bool:
        """Return True when woken, False after `seconds`."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._event.wait()
        woken = self._event.is_set()
        self._event.clear()
        return woken


class _Topic:
    """Who listens to one topic, and whether Redis has confirmed the subscription."""

    def __init__(self) -> None:
        self.listeners: set[Listener] = set()
        self.confirmed = asyncio.Event()
        self.idle_since = 0.0


class Hub:
    """The topics and the connection of one event loop."""

    def __init__(self) -> None:
        self._topics: dict[str, _Topic] = {}
        self._connection: Connection | None = None
        # Set when the first connection stands or has failed: nobody needs to wait for it any more.
        self._tried = asyncio.Event()
        self._pool: ConnectionPool = ConnectionPool.from_url(
            settings.REDIS_URL, protocol=2, socket_timeout=None, socket_connect_timeout=2, retry=Retry(NoBackoff(), 0)
        )
        self._task = asyncio.create_task(self._run())

    @property
    def connected(self) -> bool:
        return self._connection is not None

    async def add(self, listener: Listener, topics: set[str]) -> None:
        new = [name for name in topics if name not in self._topics]
        for name in topics:
            self._topics.setdefault(name, _Topic()).listeners.add(listener)
        with suppress(TimeoutError, RedisError, OSError):
            async with asyncio.timeout(_CONFIRM_SECONDS):
                if new and self._connection is not None:
                    await self._tell(self._connection, "SUBSCRIBE", new)
                await self._tried.wait()
                for name in topics if self._connection is not None else ():
                    await self._topics[name].confirmed.wait()

    def remove(self, listener: Listener, topics: set[str]) -> None:
        for name in topics:
            topic = self._topics[name]
            topic.listeners.discard(listener)
            topic.idle_since = time.monotonic()

    async def _run(self) -> None:
        while True:
            connection = self._pool.make_connection()  # type: ignore[no-untyped-call]  # redis types it half
            try:
                await connection.connect()
                await self._subscribe_again(connection)
                await self._read(connection)
            except (RedisError, OSError) as error:
                log.warning("wakeup.connection_lost", error=str(error))
            finally:
                self._tried.set()
                self._connection = None
                for topic in self._topics.values():
                    topic.confirmed.clear()
                await connection.disconnect(nowait=True)
            await asyncio.sleep(_RECONNECT_SECONDS * (0.5 + random.random()))  # noqa: S311 - jitter, not a secret

    async def _subscribe_again(self, connection: Connection) -> None:
        """Subscribe to all topics. After an interruption wake everybody, bit by bit: a wake-up may have been missed."""
        self._forget_idle()
        self._connection = connection
        await self._tell(connection, "SUBSCRIBE", ["", *self._topics])
        interrupted = self._tried.is_set()
        self._tried.set()
        listeners = [listener for topic in self._topics.values() for listener in topic.listeners if interrupted]
        loop = asyncio.get_running_loop()
        for number, listener in enumerate(listeners):
            loop.call_later(number / _REWAKE_PER_SECOND, listener.wake)

    async def _read(self, connection: Connection) -> None:
        asked = False
        while True:
            answer = await connection.read_response(timeout=_PING_SECONDS)
            if answer is not None:
                asked = False
                self._handle(bytes(answer[0]), bytes(answer[1]).decode().removeprefix(PREFIX))
            elif asked:
                raise OSError(f"Redis did not answer within {_PING_SECONDS:.0f} s")
            else:
                asked = True
                await connection.send_command("PING", check_health=False)
                if forgotten := self._forget_idle():
                    await self._tell(connection, "UNSUBSCRIBE", forgotten)

    def _handle(self, kind: bytes, name: str) -> None:
        topic = self._topics.get(name)
        if topic is None:
            return
        if kind == b"subscribe":
            topic.confirmed.set()
        elif kind == b"message":
            for listener in topic.listeners:
                listener.wake()

    def _forget_idle(self) -> list[str]:
        before = time.monotonic() - _LINGER_SECONDS
        idle = [name for name, topic in self._topics.items() if not topic.listeners and topic.idle_since < before]
        for name in idle:
            del self._topics[name]
        return idle

    async def _tell(self, connection: Connection, command: str, topics: list[str]) -> None:
        await connection.send_command(command, *(PREFIX + name for name in topics), check_health=False)


# An event loop per process, but tests run several.
_hubs: WeakKeyDictionary[asyncio.AbstractEventLoop, Hub] = WeakKeyDictionary()


def hub() -> Hub:
    """The hub of the running event loop; started by its first use."""
    loop = asyncio.get_running_loop()
    if loop not in _hubs:
        _hubs[loop] = Hub()
    return _hubs[loop]


@asynccontextmanager
async def listen(*topics: str) -> AsyncIterator[Listener]:
    """Listen to topics. Subscribed before the block begins, when Redis is there: read the database inside the block."""
    listener, names, home = Listener(), set(topics), hub()
    try:
        await home.add(listener, names)
        yield listener
    finally:
        home.remove(listener, names)
